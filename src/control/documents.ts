// What control.sock says, as JSON documents: the server builds them, the command line decodes them.
import * as z from 'zod'

const failure = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  at: z.number(),
})

const refusal = z.object({
  kind: z.enum(['user', 'group']),
  id: z.string(),
  name: z.string(),
  code: z.string(),
  reason: z.string(),
})

/** A write to the state directory that has not succeeded yet, and what is there meanwhile. */
const owedWrite = z.object({
  file: z.string(),
  since: z.number(),
  error: z.string(),
  /** wrong: the file grants what was taken away, and cannot be removed. */
  onDisk: z.enum(['older', 'none', 'wrong']),
})
export type OwedWriteDocument = z.infer<typeof owedWrite>

/** GET /status. Times are milliseconds since the epoch, durations milliseconds, sizes bytes. */
export const statusDocument = z.object({
  version: z.string(),
  startedAt: z.number(),
  source: z.object({
    kind: z.string(),
    /** `partial`: some groups, or some of people's keys or tags, cannot be read. */
    state: z.enum(['starting', 'ok', 'partial', 'failing']),
    lastError: failure.nullable(),
    /** Configured groups that could not be read while others were. */
    unreadGroups: z.array(
      z.object({
        name: z.string(),
        code: z.string(),
        message: z.string(),
        hint: z.string(),
        /** The source has no such group: it has no members. Else the last known ones stay. */
        isAbsent: z.boolean(),
        /** When its members were read last; null where none are known. */
        lastReadAt: z.number().nullable(),
      }),
    ),
    /** Why people's tags for accounts.tags could not be read; null where all were. */
    unreadOverrides: z
      .object({
        code: z.string(),
        message: z.string(),
        hint: z.string(),
        /** People who keep the overrides of an earlier read. */
        kept: z.number(),
        /** People who have no account here, because their tags were never read. */
        leftOut: z.number(),
      })
      .nullable(),
    apiCalls: z.record(z.string(), z.number()),
  }),
  directory: z.object({
    users: z.number(),
    groups: z.number(),
    generation: z.number(),
    /** null before the first read. */
    readAt: z.number().nullable(),
    stale: z.boolean(),
    refused: z.array(refusal),
    /** What of the people and groups here was not taken as the source says. */
    notices: z.array(refusal),
  }),
  keys: z.object({
    hits: z.number(),
    misses: z.number(),
    cached: z.number(),
    /** People whose sudden loss of all keys is not believed before a second reading. */
    doubted: z.number(),
    /** What of people's keys cannot be read: what is known of it serves within source.offline. */
    problems: z.array(
      z.object({
        part: z.enum(['uploads', 'tags', 'mfa', 'credentials']),
        code: z.string(),
        message: z.string(),
        hint: z.string(),
        since: z.number(),
      }),
    ),
  }),
  misses: z.object({ cached: z.number(), budgetPerMinute: z.number(), budgetLeft: z.number() }),
  snapshot: z.object({ generation: z.number(), at: z.number(), tookMs: z.number() }).nullable(),
  /** Empty when the state directory holds what it should. */
  owedWrites: z.array(owedWrite),
  /** What an administrator should know of this run: state files that were damaged. */
  notices: z.array(z.string()),
  rssBytes: z.number(),
})
export type StatusDocument = z.infer<typeof statusDocument>

/** GET /users */
export const usersDocument = z.object({
  users: z.array(
    z.object({
      name: z.string(),
      uid: z.number(),
      gid: z.number(),
      gecos: z.string(),
      dir: z.string(),
      shell: z.string(),
      iamName: z.string(),
      arn: z.string(),
      id: z.string(),
      groups: z.array(z.string()),
    }),
  ),
})
export type UsersDocument = z.infer<typeof usersDocument>

/** GET /groups */
export const groupsDocument = z.object({
  groups: z.array(z.object({ name: z.string(), gid: z.number(), members: z.array(z.string()) })),
})
export type GroupsDocument = z.infer<typeof groupsDocument>

/** GET /keys/NAME */
export const keysDocument = z.object({
  user: z.string(),
  stale: z.boolean(),
  keys: z.array(
    z.object({
      line: z.string(),
      type: z.string(),
      fingerprint: z.string(),
      source: z.string(),
      owner: z.string(),
      uploadedAt: z.number().nullable(),
    }),
  ),
  refused: z.array(z.object({ id: z.string(), type: z.string(), reason: z.string() })),
})
export type KeysDocument = z.infer<typeof keysDocument>

/** GET /explain/NAME */
export const explainDocument = z.object({
  name: z.string(),
  allowed: z.boolean(),
  /** The Linux account that `allowed` is about; null where there is none. */
  account: z.string().nullable(),
  /** An account of /etc/passwd: `allowed` says whether it is shared, no more. */
  isLocal: z.boolean(),
  /** Its entry; null where it is no account of ours. */
  passwd: z
    .object({
      name: z.string(),
      uid: z.number(),
      gid: z.number(),
      gecos: z.string(),
      dir: z.string(),
      shell: z.string(),
    })
    .nullable(),
  steps: z.array(
    z.object({ rule: z.string(), outcome: z.enum(['pass', 'fail', 'info']), found: z.string() }),
  ),
})
export type ExplainDocument = z.infer<typeof explainDocument>

/** POST /refresh */
export const refreshDocument = z.object({
  refreshed: z.boolean(),
  users: z.number(),
  groups: z.number(),
  error: failure.nullable(),
  owedWrites: z.array(owedWrite),
})
export type RefreshDocument = z.infer<typeof refreshDocument>

/** Any answer with an HTTP status of 400 or more. */
export const errorDocument = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }),
})

// Builders of test data: every field has a sound value, a test says only what matters to it.
import type {
  DirectoryRules,
  HostAccounts,
  SourceDirectory,
  SourceKey,
  SourceUser,
} from '../../src/directory/types.ts'
import type { KeysConfig } from '../../src/config/config.ts'
import type { Clock } from '../../src/platform/clock.ts'
import type { Log } from '../../src/platform/log.ts'
import { keyTypes } from '../../src/config/schema.ts'

export function aUser(fields: Partial<SourceUser> & { readonly name: string }): SourceUser {
  const { name } = fields
  return {
    id: `AIDA${name}`,
    arn: `arn:aws:iam::123456789012:user/${name}`,
    createdAt: 1,
    ...fields,
  }
}

/** A key blob of these fields, each a `string` of RFC 4251 5, in base64. */
export function blobOf(...fields: readonly (string | Buffer)[]): string {
  const strings = fields.map((field) => {
    const bytes = Buffer.from(field)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  })
  return Buffer.concat(strings).toString('base64')
}

/** A sound key of the source, another one for each id. */
export function aKey(id: string): SourceKey {
  const body = `ssh-ed25519 ${blobOf('ssh-ed25519', id.padEnd(32, '.'))}`
  return { id, origin: 'iam', body }
}

/** Users who are all in the group developers, and groups with members by name. */
export function aSource(
  users: readonly SourceUser[],
  groups: Readonly<Record<string, readonly string[]>> = {
    developers: users.map((user) => user.name),
  },
): SourceDirectory {
  return {
    users,
    complete: false,
    groups: Object.entries(groups).map(([name, members]) => ({
      id: `AGPA${name}`,
      name,
      arn: `arn:aws:iam::123456789012:group/${name}`,
      createdAt: 1,
      memberIds: users.filter((user) => members.includes(user.name)).map((user) => user.id),
    })),
  }
}

export function someRules(fields: Partial<DirectoryRules> = {}): DirectoryRules {
  return {
    groups: ['developers'],
    sudoGroups: [],
    sharedAccounts: {},
    nameCase: 'lower',
    stripDomains: [],
    reservedNames: [],
    ids: { min: 1879048192, max: 2147352575 },
    home: '/home/%u',
    shell: '/bin/bash',
    ...fields,
  }
}

export const noLocal: HostAccounts = {
  users: new Map([['root', 0]]),
  groups: new Map([['root', 0]]),
  ids: new Set([0]),
  homes: new Map([['/root', 'root']]),
  sysusers: new Map(),
  shells: new Set(['/bin/sh', '/bin/bash', '/bin/zsh']),
}
export const noPins = { uids: {}, gids: {} }
export const keysConfig: KeysConfig = {
  ttlMs: 30_000,
  tags: true,
  types: keyTypes,
  minRsaBits: 2048,
  maxAgeMs: 0,
}

/** A clock that only the test moves. */
export function aClock(start = 1_000_000): Clock & {
  readonly advance: (ms: number) => Promise<void>
  /** Sets the wall clock alone: chrony, an administrator, a host that was suspended. */
  readonly step: (ms: number) => void
} {
  let now = start
  let stepped = 0
  let timers: { readonly at: number; readonly callback: () => void }[] = []
  return {
    now: () => now + stepped,
    monotonic: () => now,
    step: (ms) => {
      stepped += ms
    },
    after: (ms, callback) => {
      const timer = { at: now + ms, callback }
      timers.push(timer)
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
    advance: async (ms) => {
      now += ms
      const due = timers.filter((timer) => timer.at <= now)
      timers = timers.filter((timer) => timer.at > now)
      for (const timer of due) timer.callback()
      await new Promise(setImmediate)
    },
  }
}

export type LogLine = {
  readonly level: keyof Log
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A log whose lines are put into `lines`. */
export function collectingLog(lines: LogLine[]): Log {
  const at =
    (level: keyof Log): Log[typeof level] =>
    (fields, message) => {
      lines.push({ level, fields, message })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

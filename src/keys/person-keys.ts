// What a lookup of one person's keys answers.
import type { KeysConfig } from '../config/config.ts'
import type { SourceUser } from '../directory/types.ts'
import { toAuthorizedKey, type AuthorizedKey } from './authorized-key.ts'
import { unknownBy, withoutParts } from './credentials.ts'
import { isFresh, isTooOld, usable, type Entries, type Entry } from './entries.ts'

export type PersonKeys =
  | {
      readonly status: 'success'
      readonly keys: readonly AuthorizedKey[]
      readonly refused: readonly {
        readonly id: string
        readonly type: string
        readonly reason: string
      }[]
      readonly mfa: boolean | undefined
      /** The source could not be asked; these are the last known ones. */
      readonly stale: boolean
    }
  | { readonly status: 'unavail'; readonly reason: string }

/** The keys of an entry, each checked; 'unavail' where a part of it that the door needs is too old. */
export function present(
  entries: Entries,
  keys: KeysConfig,
  { user, entry, isStale }: { user: SourceUser; entry: Entry; isStale: boolean },
): PersonKeys {
  const credentials = withoutParts(entry.credentials, ({ part }) =>
    isTooOld(entries, entry.partsRead.get(part)),
  )
  const unknown = unknownBy(credentials)
  if (unknown !== undefined) return { status: 'unavail', reason: unknown.message }
  const now = entries.deps.clock.now()
  const results = credentials.keys.map((key) => toAuthorizedKey(key, user, { keys, now }))
  return {
    status: 'success',
    keys: results.flatMap((result) => (result.ok ? [result.key] : [])),
    refused: results.flatMap((result) =>
      result.ok ? [] : [{ id: result.id, type: result.type, reason: result.reason }],
    ),
    mfa: credentials.mfa,
    stale: isStale || (credentials.unread ?? []).length > 0,
  }
}

/** The last known keys, where they may serve; else 'unavail' with the reason. */
export function lastKeys(
  entries: Entries,
  keys: KeysConfig,
  { user, reason }: { readonly user: SourceUser; readonly reason: string },
): PersonKeys {
  // The source has just said something else, which may not be told yet.
  if (entries.arriving.has(user.id)) return { status: 'unavail', reason }
  const entry = usable(entries, user)
  if (entry === undefined) return { status: 'unavail', reason }
  return present(entries, keys, { user, entry, isStale: !isFresh(entries, user.id) })
}

// What passes between the resolver's thread and the one that reads the source. Lists come in parts:
// taking one over must not hold up a lookup.
import type { SourceGroup, SourceUser, UnreadGroup, UnreadOverrides } from '../directory/types.ts'
import type { SourceError } from '../errors.ts'
import type { DirectoryQuery } from './source.ts'

export type ToThread = { readonly id: number; readonly query: DirectoryQuery }

export type FromThread = { readonly id: number } & (
  | { readonly kind: 'users'; readonly users: readonly SourceUser[] }
  /** Groups without their members. */
  | { readonly kind: 'groups'; readonly groups: readonly SourceGroup[] }
  | { readonly kind: 'members'; readonly groupId: string; readonly memberIds: readonly string[] }
  | {
      readonly kind: 'done'
      readonly complete: boolean
      readonly unread: readonly UnreadGroup[]
      readonly unreadOverrides?: UnreadOverrides
    }
  | {
      readonly kind: 'failed'
      readonly code: SourceError['code']
      readonly message: string
      readonly hint: string
    }
) & {
    /** API calls of the thread since its start. */
    readonly calls: Readonly<Record<string, number>>
  }

/** A message takes the other side a fraction of a millisecond. */
export const partLength = 250

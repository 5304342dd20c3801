// The interface of every source. test/sources/contract.ts says what each must keep.
import type { SourceCredentials, SourceDirectory, SourceUser } from '../directory/types.ts'

export type SourceKind = 'iam' | 'file'

/** Which groups to read; "*" in `groups` means every user. */
export type DirectoryQuery = { readonly groups: readonly string[] }

export type Source = {
  readonly kind: SourceKind
  /**
   * Reads the whole directory for the groups asked, every page. Of a group, all or nothing: one
   * that cannot be read is in `unread`.
   * @throws {SourceError} when no group can be read
   */
  readonly fetchDirectory: (query: DirectoryQuery, signal: AbortSignal) => Promise<SourceDirectory>
  /**
   * Reads what the door needs of one person, now: active keys only, MFA where asked for. A part that
   * cannot be read is in `unread`.
   * @throws {SourceError} when no part can be read
   */
  readonly fetchCredentials: (user: SourceUser, signal: AbortSignal) => Promise<SourceCredentials>
  /** API calls made since start, by operation: for budgets, status and metrics. */
  readonly calls: () => Readonly<Record<string, number>>
  /** Stops timers and sockets. */
  readonly close: () => Promise<void>
}

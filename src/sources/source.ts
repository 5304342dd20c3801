// The interface of every source. test/sources/contract.test.ts says what each must keep.
import type {
  Identity,
  SourceCredentials,
  SourceDirectory,
  SourceUser,
} from '../directory/types.ts'

export type SourceKind = 'iam' | 'file'

/** Which groups to read; "*" in `groups` means every user. */
export type DirectoryQuery = {
  readonly groups: readonly string[]
  /** The last read that was believed; a source may take over what did not change. */
  readonly before?: SourceDirectory
}

export type Source = {
  readonly kind: SourceKind
  /**
   * Reads the whole directory for the groups asked, every page. Of a group, all or nothing: one
   * that cannot be read is in `unread`, a person whose overrides cannot be read in `unreadOverrides`.
   * @throws {SourceError} when no group can be read
   */
  readonly fetchDirectory: (query: DirectoryQuery, signal: AbortSignal) => Promise<SourceDirectory>
  /**
   * Reads what the door needs of one person, now: active keys only, MFA where asked for. A part that
   * cannot be read is in `unread`.
   * @throws {SourceError} when no part can be read; `source_unknown_user` when the name is no user's,
   * which says nothing of the person: they may have another name by now
   */
  readonly fetchCredentials: (user: SourceUser, signal: AbortSignal) => Promise<SourceCredentials>
  /**
   * Whether the user's name is still that of the user's id: keys are asked for by the one, and open what
   * belongs to the other. 'unknown': the source does not say, or may not be asked.
   */
  readonly identify: (
    user: SourceUser,
    signal: AbortSignal,
  ) => Promise<Exclude<Identity, 'renamed'>>
  /** API calls made since start, by operation: for budgets, status and metrics. */
  readonly calls: () => Readonly<Record<string, number>>
  /** Stops timers and sockets. */
  readonly close: () => Promise<void>
}

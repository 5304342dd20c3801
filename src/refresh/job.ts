// What the resolver asks of the child process that reads the source, and what that answers. Plain data: it
// goes from one process to the other as JSON; the directory and the state go beside it as bytes.
import type { Config } from '../config/config.ts'
import type { Explanation } from '../directory/explain.ts'
import type { UnreadGroup } from '../directory/types.ts'
import type { SourceError } from '../errors.ts'

/** A loss that was not believed at the last read, for the next read to compare with. */
export type SavedLoss = {
  readonly reason: string
  /** `GROUP ID`, as in Loss. */
  readonly missing: readonly string[]
  readonly scopes: readonly {
    readonly group: string
    readonly before: number
    readonly now: number
  }[]
}

export type ReadJob = {
  readonly config: Config
  /**
   * source: the source is read. restart, reload: nothing is read; the directory is built again from the
   * state, after a start or by the rules of a new configuration. accounts: the same, by the local accounts
   * of now. explain: what the state and the rules say of `name`.
   */
  readonly from: 'source' | 'restart' | 'reload' | 'accounts' | 'explain'
  /** For explain: a name or an id of the source, or a Linux name. */
  readonly name?: string
  /** When the read began, milliseconds since the epoch. */
  readonly startedAt: number
  /** The resolver serves the directory of the state: what is read is compared with it. */
  readonly isServing: boolean
  /** An operator's word: a suspicious loss is believed. */
  readonly isConfirmed: boolean
  /** The state is to be written although nothing changed. */
  readonly mustSave: boolean
  /** Groups whose last known members may still serve: when they were read, milliseconds since the epoch. */
  readonly groupsReadAt: Readonly<Record<string, number>>
  /** isDue: enough time has passed since the first read for a second one to bear it out. */
  readonly doubt?: { readonly loss: SavedLoss; readonly isDue: boolean }
  /** Ids of people whose present names the answer is to give. */
  readonly peopleIds: readonly string[]
}

/** What a read says beside the directory. */
export type Reading = {
  /** Groups, and "*", whose members this read gave. */
  readonly groups: readonly string[]
  readonly unread: readonly UnreadGroup[]
  /** What changed of overrides that cannot be read, for log and audit. */
  readonly overrides?: OverridesNews
  readonly unreadOverrides: UnreadOverridesCount | null
  /** Of `peopleIds`: the people that the source names. */
  readonly people: Readonly<Record<string, NamedPerson>>
}

export type NamedPerson = {
  readonly name: string
  /** The person is known from an earlier read alone. */
  readonly isKept: boolean
}

export type UnreadOverridesCount = {
  /** SourceError's; absent where users were only renamed or deleted while the source was read. */
  readonly reason?: { readonly code: string; readonly message: string; readonly hint: string }
  /** People who keep the overrides of an earlier read. */
  readonly kept: number
  /** People who have no account because nothing is known of them. */
  readonly leftOut: number
}

export type OverridesNews =
  | {
      readonly kind: 'failing'
      readonly code: string
      readonly hint: string
      readonly reason: string
      /** Another reason than before: an audit event, too. */
      readonly isNewReason: boolean
    }
  | { readonly kind: 'recovered'; readonly code: string }

/** Names of accounts, by which the two directories have them. */
export type DirectoryChange = {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly renamed: readonly { readonly name: string; readonly previousName: string }[]
}

/** A notice that the directory before did not have. */
export type LoggedNotice = {
  readonly kind: 'user' | 'group'
  readonly name: string
  readonly code: string
  readonly reason: string
}

export type ReadError = {
  readonly code: SourceError['code'] | 'internal'
  readonly message: string
  readonly hint: string
}

export type Outcome =
  /** The source could not be read. */
  | { readonly kind: 'failed'; readonly error: ReadError }
  /** Not believed yet. isSame: it bears out the one of before, but too soon. */
  | {
      readonly kind: 'doubted'
      readonly error: ReadError
      readonly loss: SavedLoss
      readonly isSame: boolean
    }
  /** There is no state, or it says nothing of the groups that the rules ask for. */
  | { readonly kind: 'nothing'; readonly hadState: boolean }
  /** The directory of before stays as it is. */
  | { readonly kind: 'same'; readonly reading?: Reading }
  /** A new directory, in the bytes beside. */
  | {
      readonly kind: 'changed'
      /** When its source was read, milliseconds since the epoch. */
      readonly readAt: number
      readonly reading: Reading
      /** Undefined without a directory before. */
      readonly change?: DirectoryChange
      /** Linux names of people who have no account only because their tags were never read. */
      readonly leftOutNames: readonly string[]
      readonly notices: readonly LoggedNotice[]
      /** Notices that are new and not in `notices`. */
      readonly moreNotices: number
    }
  | { readonly kind: 'explained'; readonly explanation: Explanation }

/** An outcome, with the calls that the work cost and sentences about damaged state files. */
export type Answer = {
  readonly outcome: Outcome
  /** Requests to the source, by operation. */
  readonly calls: Readonly<Record<string, number>>
  /** What was lost on disk, a sentence each. */
  readonly losses: readonly string[]
}

// A directory as the resolver holds it: the bytes that the child process makes, opened.
import { buildDirectory } from '../../src/directory/build.ts'
import type { Directory } from '../../src/directory/types.ts'
import { encodeSnapshot } from '../../src/snapshot/format.ts'
import { withSupplement } from '../../src/snapshot/supplement.ts'
import { openView, type DirectoryView } from '../../src/snapshot/view.ts'
import { aSource, aUser, noLocal, noPins, someRules } from './builders.ts'

export type ViewOptions = {
  readonly localNames?: readonly string[]
  /** Ids of people of whom only an earlier read told. */
  readonly keptIds?: readonly string[]
}

/** The bytes of a directory.db and the resolver's supplement. */
export function bytesOf(
  directory: Directory,
  { localNames = [], keptIds = [] }: ViewOptions = {},
): Buffer {
  const stamp = { generation: 1, readAt: 0, offlineMs: 3_600_000 }
  const { ids } = someRules()
  return withSupplement(
    encodeSnapshot({ ...stamp, directory, ids, localNames }),
    directory,
    keptIds,
  )
}

export function viewOf(directory: Directory, options?: ViewOptions): DirectoryView {
  return openView(bytesOf(directory, options))
}

/** A directory of users in the group developers. */
export function aDirectory(names: readonly string[]): Directory {
  const source = aSource(names.map((name) => aUser({ name })))
  return buildDirectory({ source, rules: someRules(), local: noLocal, pins: noPins })
}

// Which files make up the configuration.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

export type ConfigFiles = {
  /** In the order in which later keys win. */
  readonly files: readonly string[]
  /** Files in conf.d that are not read, for their names do not end in .toml. */
  readonly ignored: readonly string[]
}

/** Where further files are. */
export function configFolder(main: string): string {
  return join(dirname(main), 'conf.d')
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/**
 * `main`, then `conf.d/*.toml` beside it in name order.
 * @throws {Error} of Node's where conf.d cannot be read
 */
export function configFiles(main: string): ConfigFiles {
  const folder = configFolder(main)
  const names = namesIn(folder)
  const isRead = (name: string): boolean => name.endsWith('.toml')
  const paths = (wanted: (name: string) => boolean): readonly string[] =>
    names.filter(wanted).map((name) => join(folder, name))
  return {
    files: [main, ...paths(isRead)],
    // Hidden files and an editor's copies are no mistake to warn of.
    ignored: paths((name) => !isRead(name) && !name.startsWith('.') && !name.endsWith('~')),
  }
}

// Where this package is, and what belongs to it: its version, its native addon, its entries.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

function rootAbove(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const above = dirname(folder)
  if (above === folder) throw new Error(`no package.json above ${import.meta.dirname}`)
  return rootAbove(above)
}

/** The folder of package.json: the code runs from src/, or from any depth of dist/. */
export const packageRoot: string = rootAbove(import.meta.dirname)

/** The file of the entry `name`: of src/, or of dist/ when built. */
export function entryPath(name: string): string {
  const isSource = import.meta.filename.endsWith('.ts')
  return join(packageRoot, isSource ? `src/${name}.ts` : `dist/${name}.js`)
}

/** As in `iamlogin --version`. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version)
  throw new Error(`${packageRoot}/package.json has no version`)
}

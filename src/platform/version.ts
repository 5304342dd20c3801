// The version of this package, read once from package.json beside src/ or dist/.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** As in `iamlogin --version`. */
export function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version
}

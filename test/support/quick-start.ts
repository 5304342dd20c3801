// The README's quick start: the first block of shell commands under its heading.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** The block, word for word. @throws where the README has no such block any more */
export function quickStart(): string {
  const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8')
  const block = /## Quick start on a host\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  if (!block.includes('npm run build && sh scripts/install.sh\n'))
    throw new Error('README.md: the quick start does not build and install')
  return block
}

// A Debian root with the peers inside, made once by mmdebstrap and kept in build/.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'

const packages = [
  ...['sssd-common', 'sssd-ldap', 'libnss-sss', 'nslcd', 'libnss-ldapd', 'slapd', 'ldap-utils'],
  'libnss-cache',
]

/** Gives a root that holds the peers; undefined, with a word, where none can be had. */
export function benchRoot(path: string, tell: (text: string) => void): string | undefined {
  if (existsSync(path)) return path
  if (spawnSync('mmdebstrap', ['--version']).status !== 0) {
    tell('mmdebstrap is not here')
    return undefined
  }
  const fresh = `${path}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(dirname(path), { recursive: true })
  try {
    execFileSync(
      'mmdebstrap',
      ['--variant=minbase', `--include=${packages.join(',')}`, 'bookworm', fresh],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TMPDIR: '/var/tmp' } },
    )
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    tell(`mmdebstrap failed: ${error instanceof Error ? error.message.slice(0, 500) : ''}`)
    return undefined
  }
  renameSync(fresh, path)
  return path
}

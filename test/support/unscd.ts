// unscd of Debian's package, unpacked: it cannot be installed beside nscd, for it takes the same path.
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const kept = resolve(import.meta.dirname, '../../build/unscd')

/** The files of the package of the container's own suite: fetched once by mmdebstrap, kept in build/. */
function unpacked(): string {
  if (existsSync(kept)) return kept
  const fresh = `${kept}.new`
  rmSync(fresh, { recursive: true, force: true })
  execFileSync('mmdebstrap', ['--variant=extract', '--include=unscd', 'bookworm', fresh], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, TMPDIR: '/var/tmp' },
  })
  renameSync(fresh, kept)
  return kept
}

/** Puts unscd in the place of nscd below `root`, as its package would; its unit is `unscd`. */
export function putUnscd(root: string): void {
  const from = unpacked()
  for (const [file, to] of [
    ['usr/sbin/nscd', 'usr/sbin/nscd'],
    ['etc/nscd.conf', 'etc/nscd.conf'],
    ['lib/systemd/system/unscd.service', 'usr/lib/systemd/system/unscd.service'],
  ] as const) {
    rmSync(join(root, to), { force: true })
    cpSync(join(from, file), join(root, to))
  }
  appendFileSync(join(root, 'etc/passwd'), 'unscd:x:110:110::/var/lib/unscd:/usr/sbin/nologin\n')
  appendFileSync(join(root, 'etc/group'), 'unscd:x:110:\n')
}

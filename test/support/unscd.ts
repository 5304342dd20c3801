// unscd of the distribution's package, unpacked: it cannot be installed beside nscd, whose path it takes.
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const kept = resolve(import.meta.dirname, '../../build/unscd')

/** The package's files: downloaded once by apt, kept in build/. */
function unpacked(): string {
  if (existsSync(kept)) return kept
  const fresh = `${kept}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  execFileSync('sh', ['-ec', 'apt-get download -q unscd && dpkg-deb -x unscd_*.deb .'], {
    cwd: fresh,
    stdio: ['ignore', 'ignore', 'inherit'],
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
    // Debian 13 has no /lib of its own any more.
    const source = [file, `usr/${file}`].map((each) => join(from, each)).find(existsSync)
    if (source === undefined) throw new Error(`the package unscd has no ${file}`)
    rmSync(join(root, to), { force: true })
    cpSync(source, join(root, to))
  }
  appendFileSync(join(root, 'etc/passwd'), 'unscd:x:110:110::/var/lib/unscd:/usr/sbin/nologin\n')
  appendFileSync(join(root, 'etc/group'), 'unscd:x:110:\n')
}

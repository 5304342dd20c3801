// What this host has, read from its files, and read again when they change.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createLocalAccounts } from '../../src/platform/local-accounts.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-local-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})
const at = (name: string): string => join(folder, name)
function put(name: string, text: string): void {
  writeFileSync(at('new'), text)
  renameSync(at('new'), at(name))
}
put('passwd', ' deploy:x:1500:1500::/:/bin/sh\n')
put('group', 'wheel:x:10:\n')
for (const name of ['etc', 'lib', 'shell-folder']) mkdirSync(at(name))
writeFileSync(at('zsh'), '')
chmodSync(at('zsh'), 0o755)
writeFileSync(at('plain'), '')
const places = {
  passwd: at('passwd'),
  group: at('group'),
  shells: at('shells'),
  sysusers: [at('etc'), at('absent'), at('lib')],
}
const local = createLocalAccounts(places)

describe('createLocalAccounts', () => {
  it('is the same until a file is another', () => {
    const before = local()
    expect(before.users.get('deploy')).toBe(1500)
    expect(local()).toBe(before)
    put('group', 'wheel:x:10:\ndocker:x:998:\n')
    expect(local()).not.toBe(before)
    expect(local().groups.get('docker')).toBe(998)
  })

  it('sees what packages make the system’s, and what the administrator hides of it', () => {
    put('lib/mysql.conf', 'u mysql -\n')
    put('lib/redis.conf', 'u redis -\n')
    put('lib/notes.txt', 'u notes -\n')
    expect([...local().sysusers]).toEqual([
      ['mysql', at('lib/mysql.conf')],
      ['redis', at('lib/redis.conf')],
    ])
    symlinkSync('/dev/null', at('etc/redis.conf'))
    put('etc/mysql.conf', 'u mysql2 -\n')
    expect([...local().sysusers]).toEqual([['mysql2', at('etc/mysql.conf')]])
  })

  it('has the shells that are listed and there', () => {
    put(
      'shells',
      `# shells\n${at('zsh')}\n${at('plain')}\n${at('gone')}\n${at('shell-folder')}\nzsh\n`,
    )
    expect([...local().shells]).toEqual([at('zsh')])
  })

  it('throws where the accounts cannot be read', () => {
    expect(() => createLocalAccounts({ ...places, passwd: at('absent') })()).toThrow('ENOENT')
  })
})

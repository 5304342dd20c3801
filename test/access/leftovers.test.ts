// A name that changed hands: what is left under it is found and told, once.
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createLeftovers } from '../../src/access/leftovers.ts'
import { silentLog } from '../../src/platform/log.ts'
import { lookForLeftovers } from '../../src/platform/leftovers.ts'
import { aWorld } from '../support/access.ts'

const root = mkdtempSync(join(tmpdir(), 'iamlogin-'))
afterAll(() => {
  rmSync(root, { recursive: true })
})
const put = (path: string, text: string): string => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
  return join(root, path)
}
const own = process.getuid?.() ?? 0
const account = (name: string, uid: number) => ({
  ...{ name, uid, gid: uid, gecos: '' },
  ...{ dir: `/home/${name}`, shell: '/bin/sh' },
})

describe('lookForLeftovers', () => {
  it('finds what belongs to another uid or names the person, and nothing of others', async () => {
    mkdirSync(join(root, 'home/alice'), { recursive: true })
    put('/var/spool/cron/crontabs/alice', '* * * * * true\n')
    put('/etc/group', 'root:x:0:\ndocker:x:998:bob,alice\nstaff:x:50:alicia\n')
    put('/var/lib/systemd/linger/alice', '')
    put('/etc/subuid', 'alice:100000:65536\n')
    const find = await lookForLeftovers(root)
    const found = await find(account('alice', own + 1), 'files')
    const starts = [/^the home /, /^the crontab /, /^\/etc\/group names alice in docker/]
    const more = [/^\/var\/lib\/systemd\/linger\/alice/, /^\/etc\/subuid gives alice/]
    expect(found).toEqual(
      [...starts, ...more].map((start) => expect.stringMatching(start) as string),
    )
    expect(await find(account('alice', own + 1), 'lists')).toEqual(found.slice(2))
    expect(found[0]).toContain(`belongs to uid ${own}, not to ${own + 1}; fix: `)
    expect(await find(account('carol', own + 1), 'files')).toEqual([])
  })

  it('finds nothing wrong with what is the person’s own', async () => {
    const path = put('/home/dave/.profile', '')
    chownSync(dirname(path), own, process.getgid?.() ?? 0)
    expect(await (await lookForLeftovers(root))(account('dave', own), 'files')).toEqual([])
  })
})

describe('createLeftovers', () => {
  it('reports each newcomer once, and shows what there is for as long as it is there', async () => {
    const world = aWorld()
    const left = new Map([['alice', ['the home']]])
    const leftovers = createLeftovers({
      view: world.view,
      look: () => Promise.resolve(({ name }) => Promise.resolve(left.get(name) ?? [])),
      audit: world.audit,
      clock: world.clock,
      log: silentLog,
    })
    await leftovers.check(undefined)
    expect(world.told('leftovers-found')).toMatchObject([
      { subject: { linuxUser: 'alice', uid: world.uidOf('alice') }, reason: 'the home' },
    ])
    expect(leftovers.notices()).toEqual(['alice: the home'])
    const before = world.read({ developers: ['Alice', 'bob'], ops: [] })
    await leftovers.check(before)
    expect(world.told('leftovers-found')).toHaveLength(1)
    expect(leftovers.notices()).toEqual(['alice: the home'])
    left.clear()
    await leftovers.check(world.read({ developers: ['Alice'] }))
    expect(leftovers.notices()).toEqual([])
  })
})

// A name that changed hands: what is left under it is found and told, once.
import {
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createLeftovers } from '../../src/access/leftovers.ts'
import { isHomeRefused, lookForLeftovers } from '../../src/platform/leftovers.ts'
import { alice, bob, aWorld } from '../support/access.ts'
import { aUser, collectingLog, type LogLine } from '../support/builders.ts'

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
    const { find, listed } = await lookForLeftovers(root)
    expect([...listed].toSorted()).toEqual(['alice', 'alicia', 'bob'])
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
    expect(await (await lookForLeftovers(root)).find(account('dave', own), 'files')).toEqual([])
  })
})

describe('isHomeRefused', () => {
  const uid = 1_900_000_001
  // As PAM: what nobody owns yet, root's and the person's own are no reason.
  it.each([
    ['of another uid', 5, undefined, true],
    ['of root', 0, undefined, false],
    ['of the person', uid, undefined, false],
    ['a link of another uid to one of the person', uid, 5, true],
    ['a link of root to one of another uid', 5, 0, true],
    ['a link of the person to one of the person', uid, uid, false],
  ])('of a home %s', async (what, owner, linkOwner, expected) => {
    const dir = `/homes/${what.replaceAll(' ', '-')}`
    const folder = join(root, linkOwner === undefined ? dir : `${dir}-target`)
    mkdirSync(folder, { recursive: true })
    chownSync(folder, owner, 0)
    if (linkOwner !== undefined) {
      symlinkSync(folder, join(root, dir))
      lchownSync(join(root, dir), linkOwner, 0)
    }
    expect(await isHomeRefused({ uid, dir }, root)).toBe(expected)
  })

  it('is not so of a home that is not there', async () => {
    expect(await isHomeRefused({ uid, dir: '/homes/none' }, root)).toBe(false)
  })
})

/** Nobody was here before. */
const firstRead = { arrived: undefined }

/** A check over a world; `left` is what is found of each name. */
function aCheck() {
  const world = aWorld()
  const left = new Map<string, readonly string[]>()
  const looked: (readonly [name: string, depth: string])[] = []
  const lines: LogLine[] = []
  const leftovers = createLeftovers({
    view: world.view,
    look: () =>
      Promise.resolve({
        listed: new Set(['alice', 'bob']),
        find: ({ name }, depth) => {
          looked.push([name, depth])
          // Time that the files of one account take.
          for (const begin = performance.now(); performance.now() - begin < 0.02;);
          return Promise.resolve(left.get(name) ?? [])
        },
      }),
    audit: world.audit,
    clock: world.clock,
    log: collectingLog(lines),
  })
  /** The source was read: what was looked at, in which depth. */
  const read = async (...members: readonly string[]) => {
    looked.length = 0
    await leftovers.check(world.read({ developers: members }))
    return [...looked]
  }
  return { ...world, world, left, looked, lines, leftovers, read }
}

describe('createLeftovers', () => {
  it('reports each newcomer once, and shows what there is for as long as it is there', async () => {
    const { leftovers, left, told, read, uidOf, clock, lines } = aCheck()
    left.set('alice', ['the home', 'the crontab'])
    await leftovers.check(firstRead)
    const found = told('leftovers-found')
    expect(found).toEqual([
      {
        action: 'leftovers-found',
        at: clock.now(),
        subject: { linuxUser: 'alice', uid: uidOf('alice'), person: alice },
        reason: 'the home; the crontab',
      },
    ])
    const message = 'left under the name alice: the home; the crontab'
    expect(lines).toEqual([{ level: 'warn', fields: { user: 'alice' }, message }])
    const notices = ['alice: the home', 'alice: the crontab']
    expect(leftovers.notices()).toEqual(notices)
    await read('Alice', 'bob')
    expect(told('leftovers-found')).toEqual(found)
    expect(leftovers.notices()).toEqual(notices)
    left.clear()
    await read('Alice')
    expect(leftovers.notices()).toEqual([])
  })

  it('reports a person who comes later, and one who comes again', async () => {
    const { leftovers, left, told, read } = aCheck()
    left.set('alice', ['the home'])
    await read('bob')
    expect(leftovers.notices()).toEqual([])
    await read('Alice', 'bob')
    expect(told('leftovers-found')).toHaveLength(1)
    await read('bob')
    await read('Alice', 'bob')
    expect(told('leftovers-found')).toHaveLength(2)
  })

  it('reports the name of a person who is here under another uid now', async () => {
    const { leftovers, left, told, world } = aCheck()
    left.set('alice', ['the home'])
    const another = { ...alice, id: 'AIDAANOTHER' }
    await leftovers.check(world.read({ developers: ['Alice', 'bob'] }, [another, bob]))
    expect(told('leftovers-found')).toMatchObject([{ subject: { linuxUser: 'alice' } }])
  })

  it('looks at the files of newcomers, and of others only while something of theirs was found', async () => {
    const { leftovers, left, looked, read } = aCheck()
    left.set('alice', ['the home'])
    await leftovers.check(firstRead)
    expect(looked).toEqual([
      ['alice', 'files'],
      ['bob', 'files'],
    ])
    const later = [
      ['alice', 'files'],
      ['bob', 'lists'],
    ]
    expect(await read('Alice', 'bob')).toEqual(later)
    left.clear()
    expect(await read('Alice', 'bob')).toEqual(later)
    expect(await read('Alice', 'bob')).toEqual([
      ['alice', 'lists'],
      ['bob', 'lists'],
    ])
  })

  it('looks at one directory once, and at none before there is one', async () => {
    const { leftovers, looked, forget } = aCheck()
    await leftovers.check(firstRead)
    await leftovers.check(firstRead)
    expect(looked).toHaveLength(2)
    forget()
    await leftovers.check(firstRead)
    expect(looked).toHaveLength(2)
  })

  it('answers others while it looks at many people', async () => {
    const { leftovers, looked, world } = aCheck()
    const crowd = Array.from({ length: 200 }, (_, number) => aUser({ name: `user${number}` }))
    world.read({ developers: crowd.map(({ name }) => name) }, crowd)
    let lookedAt: number | undefined
    setImmediate(() => {
      lookedAt = looked.length
    })
    await leftovers.check(firstRead)
    expect(looked).toHaveLength(200)
    expect(lookedAt).toSatisfy((count: number) => count > 0 && count < 200)
  })
})

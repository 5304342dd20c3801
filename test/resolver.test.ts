// The whole resolver over the real SDK: an answer that proves nothing leaves people, keys and
// sessions as they were, and `status` says what came.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type * as z from 'zod'
import type { AuditEvent } from '../src/audit/event.ts'
import { loadConfig } from '../src/config/load.ts'
import {
  explainDocument,
  keysDocument,
  refreshDocument,
  statusDocument,
  usersDocument,
} from '../src/control/documents.ts'
import { systemClock } from '../src/platform/clock.ts'
import { fingerprintOf } from '../src/keys/authorized-key.ts'
import { createLocalAccounts } from '../src/platform/local-accounts.ts'
import { createReader } from '../src/refresh/reader.ts'
import { createKeySource } from '../src/sources/key-process.ts'
import { startService, type Service } from '../src/service.ts'
import { collectingLog, type LogLine } from './support/builders.ts'
import { startIamServer, type IamServer } from './support/iam-server.ts'
import { memoryFileIn } from './support/processes.ts'

const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'
const key = `ssh-ed25519 ${blob} alice`

let folder: string
let server: IamServer
let service: Service | undefined
let lines: LogLine[]
let events: AuditEvent[]
let terminated: number[]
/** Who has processes here. */
let live: ReadonlySet<number>
/** By how much the clock's monotonic time is ahead of the machine's: what was read is older by it. */
let ahead: number
let aliceKeyId: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  server = await startIamServer()
  lines = []
  events = []
  terminated = []
  live = new Set()
  ahead = 0
})
afterEach(async () => {
  await service?.close()
  service = undefined
  await server.stop()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const memoryFile = () => memoryFileIn(folder)

async function start(access: string): Promise<void> {
  const path = join(folder, 'iamlogin.toml')
  writeFileSync(path, `[source]\nendpoint = "${server.url}"\nrefresh = "1h"\n[access]\n${access}\n`)
  const { config } = loadConfig(path)
  service = await startService(
    {
      paths: {
        config: path,
        stateDir: folder,
        runtimeDir: folder,
        resolverSocket: join(folder, 'resolver.sock'),
        controlSocket: join(folder, 'control.sock'),
      },
      version: 'test',
      startedAt: systemClock.now(),
      addon: {
        peerCredentials: () => ({ pid: process.pid, uid: 0, gid: 0 }),
        sendDatagram: () => undefined,
        bootTime: () => 0,
        memoryFile,
      },
      bootClock: () => undefined,
      local: createLocalAccounts(),
      clock: { ...systemClock, monotonic: () => systemClock.monotonic() + ahead },
      log: collectingLog(lines),
      ownUid: 1,
      liveUids: () => Promise.resolve(live),
      terminate: (uid) => {
        terminated.push(uid)
        return Promise.resolve(1)
      },
      reader: createReader({ stateDir: folder, memoryFile }),
      explainer: createReader({ stateDir: folder, memoryFile }),
      caches: { changed: () => undefined, idle: () => Promise.resolve(), notices: () => [] },
    },
    {
      config,
      configVersion: '',
      keySource: createKeySource({ config, clock: systemClock }),
      audit: (event) => events.push(event),
      close: () => Promise.resolve(),
    },
  )
  await service.firstRead()
}

function ask<T>(schema: z.ZodType<T>, path: string, method = 'GET'): Promise<T> {
  return new Promise((resolve, reject) => {
    request({ socketPath: join(folder, 'control.sock'), path, method }, (answer) => {
      text(answer)
        .then((body) => {
          resolve(schema.parse(JSON.parse(body)))
        })
        .catch(reject)
    })
      .once('error', reject)
      .end()
  })
}
const status = () => ask(statusDocument, '/status')
const refresh = () => ask(refreshDocument, '/refresh', 'POST')
const names = async () => {
  const { users } = await ask(usersDocument, '/users')
  return users.map(({ name }) => name).toSorted()
}
const keysOf = (name: string) => ask(keysDocument, `/keys/${name}`)

/** Alice with a key that was read, and a session. */
async function startWithAlice(access = 'groups = ["developers"]'): Promise<void> {
  server.addUser('alice', ['developers'])
  server.addUser('bob', ['developers'])
  aliceKeyId = server.uploadKey('alice', key)
  server.setMfa('alice', true)
  await start(access)
  expect((await keysOf('alice')).keys).toHaveLength(1)
  const { users } = await ask(usersDocument, '/users')
  live = new Set(users.filter(({ name }) => name === 'alice').map(({ uid }) => uid))
}

/** Nothing of alice's is gone: not from memory, not from disk, no session. */
async function expectAliceStays(): Promise<void> {
  expect(await names()).toContain('alice')
  expect((await keysOf('alice')).keys).toMatchObject([{ type: 'ssh-ed25519' }])
  // Closing sees to its end what was begun: sessions to end, files to write.
  await service?.close()
  service = undefined
  expect(terminated).toEqual([])
  expect(readFileSync(join(folder, 'keys.json'), 'utf8')).toContain(blob)
  expect(readFileSync(join(folder, 'keys.db')).includes(blob)).toBe(true)
  const lost = events.flatMap((event) =>
    event.action === 'access-lost' ? event.subject.linuxUser : [],
  )
  expect(lost).not.toContain('alice')
}

describe('a fresh start', () => {
  // Without keys.db PAM refuses everybody while no resolver answers.
  it('writes keys.db beside directory.db before the keys of any person are read', async () => {
    server.addUser('alice', ['developers'])
    await start('groups = ["developers"]')
    const isThere = (name: string): boolean => existsSync(join(folder, name))
    await expect.poll(() => isThere('directory.db') && isThere('keys.db')).toBe(true)
    expect(server.calls()).not.toHaveProperty('ListSSHPublicKeys')
  })
})

describe('an answer that proves nothing', () => {
  it.each(['page', 'page-xml', 'empty', 'other-action', 'no-list', 'no-marker'] as const)(
    'in the place of a person’s keys (%s) takes nothing away',
    async (fault) => {
      await startWithAlice()
      server.setFault('ListSSHPublicKeys', fault)
      expect(await refresh()).toMatchObject({ refreshed: true })
      expect(await keysOf('alice')).toMatchObject({ stale: true })
      const { source, keys } = await status()
      expect(source.state).toBe('partial')
      expect(keys.problems).toMatchObject([
        {
          part: 'uploads',
          code: 'source_foreign_answer',
          message: expect.stringContaining('no answer of iam:ListSSHPublicKeys') as string,
        },
      ])
      await expectAliceStays()
    },
  )

  it.each(['page-xml', 'empty'] as const)(
    'in the place of all users (%s), twice, leaves the directory',
    async (fault) => {
      await startWithAlice('groups = ["*"]')
      server.setFault('ListUsers', fault)
      for (let read = 0; read < 2; read++)
        expect(await refresh()).toMatchObject({
          refreshed: false,
          error: { code: 'source_foreign_answer' },
        })
      expect((await status()).source.state).toBe('failing')
      await expectAliceStays()
    },
  )

  it.each(['no-marker', 'empty-marker', 'other-name', 'no-list', 'same-marker', 'page'] as const)(
    'in the place of a group (%s) leaves its members',
    async (fault) => {
      for (let user = 0; user < 16; user++) server.addUser(`user${user}`, ['developers'])
      await startWithAlice()
      server.setPageSize(10)
      server.setFault('GetGroup', fault)
      server.resetCalls()
      expect(await refresh()).toMatchObject({
        refreshed: false,
        error: { code: 'source_foreign_answer' },
      })
      expect(server.calls()['GetGroup']).toBeLessThanOrEqual(2)
      expect(await names()).toHaveLength(18)
      await expectAliceStays()
    },
  )

  it('in the place of MFA devices shuts nobody out', async () => {
    await startWithAlice('groups = ["developers"]\nrequire_mfa = true')
    server.setFault('ListMFADevices', 'page-xml')
    await refresh()
    expect(await keysOf('alice')).toMatchObject({ stale: true })
    expect((await status()).keys.problems).toMatchObject([{ part: 'mfa' }])
    await expectAliceStays()
  })
})

describe('a name that is another person’s by now', () => {
  const other = `ssh-ed25519 ${blob.slice(0, -4)}AAAA mallory`
  /** The keys are older than keys.ttl, and the directory has not been read since. */
  const knock = async () => {
    expect(await names()).toContain('alice')
    ahead += 60_000
    return (await keysOf('alice').catch(() => ({ keys: [] }))).keys
  }
  const expectAliciaStays = async () => {
    expect(await names()).toEqual(['alicia', 'bob'])
    expect((await keysOf('alicia')).keys).toMatchObject([{ type: 'ssh-ed25519' }])
    await service?.close()
    service = undefined
    expect(terminated).toEqual([])
    expect(events.map(({ action }) => action)).not.toContain('access-lost')
    expect(readFileSync(join(folder, 'keys.db')).includes(blob)).toBe(true)
  }
  const fingerprint = (body: string) => fingerprintOf(body.split(' ')[1] ?? '')

  describe.each(['answers', 'denied'] as const)('while GetUser is %s', (says) => {
    it.each([
      ['no key', []],
      ['a copy of hers', [key]],
      ['a key of their own', [other]],
      ['a copy of hers and one of their own', [key, other]],
    ])('who has %s opens and takes nothing of hers', async (_, keys) => {
      await startWithAlice()
      if (says === 'denied') server.setFault('GetUser', 'denied')
      server.addUser('mallory')
      for (const [index, each] of keys.entries())
        server.tagUser('mallory', `iamlogin:ssh-key:${index}`, each)
      server.renameUser('alice', 'alicia')
      server.renameUser('mallory', 'alice')
      const opening = (await knock()).map((each) => each.fingerprint)
      expect(opening).not.toContain(fingerprint(other))
      await expectAliciaStays()
    })

    it('a key that was made inactive ends her session', async () => {
      await startWithAlice()
      if (says === 'denied') server.setFault('GetUser', 'denied')
      server.setKeyStatus('alice', aliceKeyId, 'Inactive')
      ahead += 60_000
      expect(await refresh()).toMatchObject({ refreshed: true })
      await vi.waitFor(() => {
        expect(new Set(terminated)).toEqual(live)
      })
      expect((await keysOf('alice')).keys).toEqual([])
    })
  })

  it.each([
    ['is a person’s without a key', true],
    ['is no user’s', false],
  ])('that %s ends no session while her group and GetUser are denied', async (_, isTaken) => {
    server.addGroup('dba')
    await startWithAlice('groups = ["developers", "dba"]')
    server.setFault('GetUser', 'denied')
    server.setFault('GetGroup developers', 'denied')
    server.renameUser('alice', 'alicia')
    if (isTaken) server.addUser('alice')
    for (let read = 0; read < 3; read++) {
      ahead += 60_000
      server.resetCalls()
      expect(await refresh()).toMatchObject({ refreshed: true })
      expect(await keysOf('alice')).toMatchObject({ keys: [], stale: true })
      // Two groups, and at most one more read for whose name it is.
      expect(server.calls()['GetGroup']).toBeLessThanOrEqual(4)
    }
    server.setFault('GetGroup developers')
    await refresh()
    await expectAliciaStays()
  })

  it('opens nothing of a person who was never seen here', async () => {
    server.addUser('bob', ['developers'])
    server.addUser('dave', ['developers'])
    await start('groups = ["developers"]')
    server.deleteUser('dave')
    server.addUser('dave')
    server.tagUser('dave', 'iamlogin:ssh-key', other)
    expect((await keysOf('dave')).keys).toEqual([])
    expect(await names()).toEqual(['bob'])
  })

  it('takes nothing from her who was only renamed, whoever knocks by the old name', async () => {
    await startWithAlice()
    server.renameUser('alice', 'alicia')
    await knock()
    await expectAliciaStays()
  })
})

describe('a permission that is missing', () => {
  it('for tags refuses nobody who has an uploaded key, and is named', async () => {
    server.setFault('ListUserTags', 'denied')
    await startWithAlice()
    const { keys } = await status()
    expect(keys.problems).toMatchObject([
      {
        part: 'tags',
        code: 'source_denied',
        hint: expect.stringContaining('iam:ListUserTags') as string,
      },
    ])
    await expectAliceStays()
  })

  it('for everyone’s tags stops no removal, keeps each uid, and names who waits for it', async () => {
    server.addUser('carol', ['developers'])
    server.tagUser('carol', 'iamlogin:uid', '1900000000')
    await startWithAlice('groups = ["developers"]\n[accounts]\ntags = true')
    server.setFault('ListUserTags', 'denied')
    server.removeFromGroup('bob', 'developers')
    server.addUser('dave', ['developers'])
    expect(await refresh()).toMatchObject({ refreshed: true })
    const { users } = await ask(usersDocument, '/users')
    expect(users.find(({ name }) => name === 'carol')?.uid).toBe(1_900_000_000)
    expect(await names()).toEqual(['alice', 'carol'])
    expect((await status()).source).toMatchObject({
      state: 'partial',
      unreadOverrides: {
        kept: 2,
        leftOut: 1,
        hint: expect.stringContaining('allow iam:ListUserTags') as string,
      },
    })
    const { steps } = await ask(explainDocument, '/explain/dave')
    expect(steps.at(-1)).toMatchObject({ rule: 'tags-unread', outcome: 'fail' })
    server.setFault('ListUserTags')
    await refresh()
    expect(await names()).toEqual(['alice', 'carol', 'dave'])
    // Her keys are asked for again after the read.
    await vi.waitFor(async () => {
      expect((await status()).source).toMatchObject({ state: 'ok', unreadOverrides: null })
    })
    await expectAliceStays()
  })
})

describe('a group that is gone', () => {
  it('stops no removal from the others', async () => {
    server.addUser('dora', ['dba'])
    await startWithAlice('groups = ["developers", "dba"]')
    expect(await names()).toEqual(['alice', 'bob', 'dora'])
    server.deleteGroup('dba')
    server.removeFromGroup('bob', 'developers')
    expect(await refresh()).toMatchObject({ refreshed: true })
    expect(await names()).toEqual(['alice'])
    const { source } = await status()
    expect(source).toMatchObject({
      state: 'partial',
      unreadGroups: [{ name: 'dba', code: 'source_unknown_group', isAbsent: true }],
    })
    await expectAliceStays()
  })

  it('or was never there hides nobody at a first start', async () => {
    await startWithAlice('groups = ["developers", "devlopers"]')
    expect(await names()).toEqual(['alice', 'bob'])
  })
})

describe('the log of a resolver without credentials', () => {
  it('is one line with the hint, however often it is asked', async () => {
    server.addUser('alice', ['developers'])
    server.setFault('*', 'no-credentials')
    await start('groups = ["developers"]')
    for (let read = 0; read < 5; read++) await refresh()
    const shown = lines.filter(({ level }) => level === 'error' || level === 'warn')
    expect(shown).toHaveLength(1)
    expect(JSON.stringify(shown[0]).length).toBeLessThan(500)
    expect(shown[0]?.fields).toEqual({
      code: 'source_no_credentials',
      hint: expect.stringContaining('instance profile') as string,
    })
  })
})

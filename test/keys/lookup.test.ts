import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { SourceCredentials } from '../../src/directory/types.ts'
import { fingerprintOf, toAuthorizedKey } from '../../src/keys/authorized-key.ts'
import { createKeyLookup } from '../../src/keys/lookup.ts'
import type { SavedCredentials } from '../../src/keys/state.ts'
import { silentLog } from '../../src/platform/log.ts'
import { aClock, aUser, keysConfig } from '../support/builders.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})
const alice = aUser({ name: 'alice' })

function makeKey(
  type: string,
  bits: string,
): { readonly body: string; readonly fingerprint: string } {
  const path = join(folder, `${type}${bits}`)
  execFileSync('ssh-keygen', ['-q', '-t', type, '-b', bits, '-N', '', '-f', path])
  const fingerprint =
    execFileSync('ssh-keygen', ['-lf', `${path}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? ''
  return { body: readFileSync(`${path}.pub`, 'utf8'), fingerprint }
}
const ed25519 = makeKey('ed25519', '256')
const check = (body: string, more: Partial<typeof keysConfig> = {}, uploadedAt = 0, now = 0) =>
  toAuthorizedKey({ id: 'APKA1', origin: 'iam', body, uploadedAt }, alice, {
    keys: { ...keysConfig, ...more },
    now,
  })

describe('toAuthorizedKey', () => {
  it.each([
    ['ed25519', '256'],
    ['ecdsa', '256'],
    ['ecdsa', '384'],
    ['ecdsa', '521'],
    ['rsa', '2048'],
  ])('takes %s of %s bits, with the fingerprint of ssh-keygen', (type, bits) => {
    const key = type === 'ed25519' ? ed25519 : makeKey(type, bits)
    const result = check(key.body)
    expect(result).toMatchObject({ ok: true, key: { fingerprint: key.fingerprint } })
    expect(result.ok && result.key.line.endsWith(' iamlogin:alice:APKA1')).toBe(true)
  })

  it('takes FIDO keys', () => {
    const string = (bytes: Buffer): Buffer => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return Buffer.concat([length, bytes])
    }
    const type = 'sk-ssh-ed25519@openssh.com'
    const blob = Buffer.concat(
      [Buffer.from(type), Buffer.alloc(32, 7), Buffer.from('ssh:')].map(string),
    )
    expect(check(`${type} ${blob.toString('base64')}`)).toMatchObject({ ok: true })
  })

  it.each([
    ['options', `command="id" ${ed25519.body}`, 'one line'],
    ['two lines', `${ed25519.body}${ed25519.body}`, 'one line'],
    ['another type than it claims', ed25519.body.replace('ssh-ed25519', 'ssh-rsa'), 'another type'],
    ['a type that is not allowed', `ssh-dss ${ed25519.body.split(' ')[1] ?? ''}`, 'keys.types'],
    ['half a blob', `ssh-ed25519 ${(ed25519.body.split(' ')[1] ?? '').slice(0, 40)}`, 'malformed'],
  ])('refuses %s', (_what, body, reason) => {
    const result = check(body)
    expect(result.ok).toBe(false)
    expect(result.ok ? '' : result.reason).toContain(reason)
  })

  it('refuses short RSA keys and old keys', () => {
    expect(check(makeKey('rsa', '1024').body)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('1024 bits') as string,
    })
    expect(check(ed25519.body, { maxAgeMs: 1000 }, 1, 1001)).toMatchObject({ ok: true })
    expect(check(ed25519.body, { maxAgeMs: 1000 }, 1, 1002)).toMatchObject({ ok: false })
  })

  it('gives one line and nothing else, whatever the source holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `${ed25519.body.trim()} ${text}`),
        ),
        (body) => {
          const result = check(body)
          if (result.ok)
            expect(result.key.line).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+ iamlogin:alice:APKA1$/)
        },
      ),
    )
  })
})

describe('createKeyLookup', () => {
  const credentials: SourceCredentials = {
    keys: [{ id: 'APKA1', origin: 'iam', body: ed25519.body }],
  }

  function aLookup(saved: readonly SavedCredentials[] = []) {
    const clock = aClock()
    const state = {
      fetches: 0,
      failing: false,
      hanging: false,
      credentials,
      writing: Promise.resolve(),
    }
    const reads: string[] = []
    const lookup = createKeyLookup({
      clock,
      saved,
      keys: keysConfig,
      offlineMs: 3_600_000,
      budgetMs: 5_000,
      log: silentLog,
      onRead: async (what) => {
        reads.push(what)
        await state.writing
      },
      fetchCredentials: async () => {
        state.fetches++
        await Promise.resolve()
        if (state.hanging) await new Promise(() => undefined)
        if (state.failing) throw new Error('no network')
        return state.credentials
      },
    })
    return { clock, state, lookup, reads }
  }

  it('asks the source once within keys.ttl', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    await clock.advance(29_000)
    expect(await lookup.of(alice)).toMatchObject({ status: 'success', stale: false })
    expect(state.fetches).toBe(1)
    await clock.advance(1_001)
    await lookup.of(alice)
    expect(state.fetches).toBe(2)
  })

  it('has one call in flight per person', async () => {
    const { lookup, state } = aLookup()
    await Promise.all(Array.from({ length: 20 }, () => lookup.of(alice)))
    expect(state.fetches).toBe(1)
  })

  it('serves the last known keys while the source fails, until source.offline has passed', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    state.failing = true
    await clock.advance(60_000)
    expect(await lookup.of(alice)).toMatchObject({
      status: 'success',
      stale: true,
      keys: [{ id: 'APKA1' }],
    })
    await clock.advance(3_600_000)
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail' })
  })

  it('cannot say when it never knew and the source fails', async () => {
    const { lookup, state } = aLookup()
    state.failing = true
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail', reason: 'no network' })
  })

  it('takes the last known keys when the source does not answer within the budget', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    await clock.advance(31_000)
    state.hanging = true
    const answer = lookup.of(alice)
    await clock.advance(5_000)
    expect(await answer).toMatchObject({ status: 'success', stale: true })
  })

  it('knows after a restart what it knew before', async () => {
    const before = aLookup()
    await before.lookup.of(alice)
    const after = aLookup(before.lookup.all())
    after.state.failing = true
    expect(await after.lookup.of(alice)).toMatchObject({ status: 'success', stale: false })
    await after.clock.advance(60_000)
    expect(await after.lookup.of(alice)).toMatchObject({ status: 'success', stale: true })
  })

  it('forgets what is fresh when it is told to, and keeps it for an outage', async () => {
    const { lookup, state } = aLookup()
    await lookup.of(alice)
    lookup.expire(alice.id)
    await lookup.of(alice)
    expect(state.fetches).toBe(2)
    lookup.expire()
    state.failing = true
    expect(await lookup.of(alice)).toMatchObject({ status: 'success' })
  })

  it('tells whether a person is new, has other keys, or was only read again', async () => {
    const { lookup, state, reads, clock } = aLookup()
    await lookup.of(alice)
    await clock.advance(31_000)
    await lookup.of(alice)
    state.credentials = { keys: [] }
    await clock.advance(31_000)
    await lookup.of(alice)
    expect(reads).toEqual(['new', 'same', 'changed'])
  })

  it('answers that a key is gone only when that is on disk', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    const disk = Promise.withResolvers<undefined>()
    state.writing = disk.promise.then(() => undefined)
    state.credentials = { keys: [] }
    await clock.advance(31_000)
    let answered = false
    const answer = lookup.of(alice).then((keys) => {
      answered = true
      return keys
    })
    await clock.advance(100)
    expect(answered).toBe(false)
    disk.resolve(undefined)
    expect(await answer).toMatchObject({ status: 'success', keys: [] })
  })

  it('tells fingerprints as ssh-keygen does', () => {
    expect(fingerprintOf(ed25519.body.split(' ')[1] ?? '')).toBe(ed25519.fingerprint)
  })
})

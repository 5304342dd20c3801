// The IAM source over the real SDK: what it costs, and what it says when AWS says no.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SourceUser } from '../../src/directory/types.ts'
import { toSourceError } from '../../src/sources/iam-errors.ts'
import { createIamSource } from '../../src/sources/iam.ts'
import type { Source } from '../../src/sources/source.ts'
import { startIamServer, type Fault, type IamServer } from '../support/iam-server.ts'

let server: IamServer
let source: Source
const { signal } = new AbortController()
const make = (
  more: { readonly mfa?: boolean; readonly userTags?: boolean; readonly keyTags?: boolean } = {},
): Source =>
  createIamSource({
    endpoint: server.url,
    keyTags: true,
    userTags: false,
    mfa: false,
    bodies: new Map(),
    ...more,
  })
const read = (each: Source, ...groups: readonly string[]) => each.fetchDirectory({ groups }, signal)

beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIATEST'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'secret'
  server = await startIamServer()
  server.addUser('alice', ['developers', 'ops'])
  source = make()
})
afterEach(async () => {
  await source.close()
  await server.stop()
})

describe('calls', () => {
  it('are one a group and page, and nothing else', async () => {
    for (let user = 0; user < 250; user++) server.addUser(`user${user}`, ['developers'])
    await read(source, 'developers', 'ops')
    expect(server.calls()).toEqual({ GetGroup: 4 })
    expect(source.calls()).toEqual({ GetGroup: 4 })
  })

  it('read the body of a key once for ever', async () => {
    server.uploadKey('alice', 'ssh-rsa AAAA one')
    server.uploadKey('alice', 'ssh-rsa AAAA two')
    const { users } = await read(source, 'developers')
    const [alice] = users
    if (alice === undefined) throw new Error('no alice')
    await source.fetchCredentials(alice, signal)
    server.resetCalls()
    const { keys } = await source.fetchCredentials(alice, signal)
    expect(keys.map((key) => key.body)).toEqual(['ssh-rsa AAAA one', 'ssh-rsa AAAA two'])
    expect(server.calls()).toEqual({ ListSSHPublicKeys: 1, ListUserTags: 1 })
  })

  it('ask for MFA and for everyone’s tags only where the configuration uses them', async () => {
    server.setMfa('alice', true)
    server.tagUser('alice', 'iamlogin:uid', '1900000000')
    const full = make({ mfa: true, userTags: true, keyTags: false })
    const { users } = await read(full, 'developers')
    expect(users[0]?.overrides).toEqual({ uid: 1900000000 })
    const [alice] = users
    if (alice === undefined) throw new Error('no alice')
    expect((await full.fetchCredentials(alice, signal)).mfa).toBe(true)
    expect(server.calls()).toEqual({
      GetGroup: 2,
      ListUserTags: 1,
      ListSSHPublicKeys: 1,
      ListMFADevices: 1,
    })
    await full.close()
  })
})

describe('overrides', () => {
  const ids = (users: readonly SourceUser[], ...names: readonly string[]) =>
    users.filter(({ name }) => names.includes(name)).map(({ id }) => id)
  let tagged: Source
  beforeEach(() => {
    tagged = make({ userTags: true })
    server.addUser('bob', ['developers'])
    server.addUser('carol', ['developers'])
    server.tagUser('bob', 'iamlogin:uid', '1900000000')
  })
  afterEach(() => tagged.close())

  it('are believed one by one: a denied one is told, with what to allow', async () => {
    server.setFault('ListUserTags carol', 'denied')
    const { users, unreadOverrides } = await read(tagged, 'developers')
    expect(users.map(({ name, overrides }) => [name, overrides])).toEqual([
      ['alice', {}],
      ['bob', { uid: 1_900_000_000 }],
      ['carol', undefined],
    ])
    expect(unreadOverrides).toEqual({
      reason: {
        code: 'source_denied',
        message: expect.stringMatching(
          /^reading the tags of carol: access denied: iam:ListUserTags on user carol/,
        ) as string,
        hint: expect.stringContaining('allow iam:ListUserTags') as string,
      },
      keptIds: [],
      unknownIds: ids(users, 'carol'),
    })
  })

  it('fail no read when all are denied', async () => {
    server.setFault('ListUserTags', 'denied')
    const { users, unreadOverrides } = await read(tagged, 'developers')
    expect(unreadOverrides?.unknownIds).toEqual(users.map(({ id }) => id))
  })

  it('of a user who is gone amid the read are no outage', async () => {
    server.setFault('ListUserTags carol', 'gone')
    const { users, unreadOverrides } = await read(tagged, 'developers')
    expect(unreadOverrides).toEqual({ keptIds: [], unknownIds: ids(users, 'carol') })
  })

  it('are not taken of names that went to others amid the read', async () => {
    server.atNext('ListUserTags', () => {
      server.renameUser('bob', 'robert')
      server.renameUser('carol', 'bob')
      server.renameUser('robert', 'carol')
    })
    const amid = await read(tagged, 'developers')
    expect(amid.users.filter(({ overrides }) => overrides?.uid !== undefined)).toEqual([])
    expect(amid.unreadOverrides).toEqual({
      keptIds: [],
      unknownIds: ids(amid.users, 'bob', 'carol'),
    })
    const after = await read(tagged, 'developers')
    expect(after.users.find(({ id }) => id === ids(amid.users, 'bob')[0])).toMatchObject({
      name: 'carol',
      overrides: { uid: 1_900_000_000 },
    })
    expect(after.unreadOverrides).toBeUndefined()
  })

  it('are not taken of a user who is no member any more after they were read', async () => {
    server.atNext('ListUserTags', () => {
      server.removeFromGroup('carol', 'developers')
    })
    const { users, unreadOverrides } = await read(tagged, 'developers')
    expect(unreadOverrides).toEqual({ keptIds: [], unknownIds: ids(users, 'carol') })
  })

  it('fail the read by what nothing of IAM escapes', async () => {
    server.setFault('ListUserTags', 'no-credentials')
    await expect(read(tagged, 'developers')).rejects.toMatchObject({
      code: 'source_no_credentials',
    })
  })
})

describe('keys', () => {
  it('are the uploaded ones, inactive ones as such, and those of the tags by their numbers', async () => {
    const id = server.uploadKey('alice', 'ssh-rsa AAAA off')
    server.setKeyStatus('alice', id, 'Inactive')
    server.tagUser('alice', 'iamlogin:ssh-key:10', 'ssh-ed25519 AAAA ten')
    server.tagUser('alice', 'iamlogin:ssh-key:2', 'ssh-ed25519 AAAA two')
    server.tagUser('alice', 'iamlogin:ssh-key', 'ssh-ed25519 AAAA one')
    server.tagUser('alice', 'iamlogin:ssh-keys', 'ssh-ed25519 AAAA no')
    const { users } = await read(source, 'developers')
    const [alice] = users
    if (alice === undefined) throw new Error('no alice')
    const { keys } = await source.fetchCredentials(alice, signal)
    expect(keys[0]).toMatchObject({ id, origin: 'iam', body: 'ssh-rsa AAAA off', inactive: true })
    expect(keys.slice(1).map((key) => key.inactive)).toEqual([undefined, undefined, undefined])
    expect(keys.slice(1).map((key) => key.id)).toEqual([
      'tag:iamlogin:ssh-key',
      'tag:iamlogin:ssh-key:2',
      'tag:iamlogin:ssh-key:10',
    ])
  })

  it('are no answer for a name that is no user’s: the person may have another name by now', async () => {
    const [alice] = (await read(source, 'developers')).users
    if (alice === undefined) throw new Error('no alice')
    server.deleteUser('alice')
    await expect(source.fetchCredentials(alice, signal)).rejects.toMatchObject({
      code: 'source_unknown_user',
      message: 'asking about alice: IAM has no such user',
    })
  })
})

describe('identify', () => {
  it('tells by the UserId whether a name is still the same person’s', async () => {
    const [alice] = (await read(source, 'developers')).users
    if (alice === undefined) throw new Error('no alice')
    expect(await source.identify(alice, signal)).toBe('same')
    server.deleteUser('alice')
    expect(await source.identify(alice, signal)).toBe('unknown')
    server.addUser('alice', ['developers'])
    expect(await source.identify(alice, signal)).toBe('another')
  })

  it.each(['denied', 'page', 'other-name', 'no-request-id'] as const)(
    'cannot say where GetUser is answered by %s',
    async (fault) => {
      const [alice] = (await read(source, 'developers')).users
      if (alice === undefined) throw new Error('no alice')
      server.setFault('GetUser', fault)
      expect(await source.identify(alice, signal)).toBe('unknown')
    },
  )
})

describe('the parts of what a person has', () => {
  const credentialsOf = async (each: Source) => {
    const { users } = await read(each, 'developers')
    const [alice] = users
    if (alice === undefined) throw new Error('no alice')
    return each.fetchCredentials(alice, signal)
  }

  it('are believed one by one, and a denied one says what to allow', async () => {
    server.uploadKey('alice', 'ssh-rsa AAAA one')
    server.setFault('ListUserTags', 'denied')
    const { keys, unread } = await credentialsOf(source)
    expect(keys).toMatchObject([{ body: 'ssh-rsa AAAA one' }])
    expect(unread).toMatchObject([
      {
        part: 'tags',
        code: 'source_denied',
        message: expect.stringContaining('iam:ListUserTags on user alice') as string,
        hint: expect.stringContaining('allow iam:ListUserTags') as string,
      },
    ])
  })

  it('that hang do not hold up the ones that answered', async () => {
    server.uploadKey('alice', 'ssh-rsa AAAA one')
    server.setFault('ListUserTags', 'hang')
    const startedAt = performance.now()
    const { keys, unread } = await credentialsOf(source)
    expect(performance.now() - startedAt).toBeLessThan(4_500)
    expect(keys).toHaveLength(1)
    expect(unread).toMatchObject([{ part: 'tags', code: 'source_timeout' }])
  })

  it('fail together when none can be read', async () => {
    const { users } = await read(source, 'developers')
    const [alice] = users
    if (alice === undefined) throw new Error('no alice')
    server.setFault('*', 'denied')
    await expect(source.fetchCredentials(alice, signal)).rejects.toMatchObject({
      code: 'source_denied',
    })
  })
})

describe('assume_role', () => {
  it('tells when something else answers in the place of STS', async () => {
    process.env['AWS_ENDPOINT_URL_STS'] = server.url
    server.setFault('AssumeRole', 'page')
    const role = createIamSource({
      endpoint: server.url,
      assumeRole: 'arn:aws:iam::123456789012:role/iamlogin',
      keyTags: false,
      userTags: false,
      mfa: false,
      bodies: new Map(),
    })
    await expect(read(role, 'developers')).rejects.toMatchObject({
      code: 'source_foreign_answer',
      message: expect.stringContaining('no answer of sts:AssumeRole') as string,
    })
    delete process.env['AWS_ENDPOINT_URL_STS']
    await role.close()
  })

  it('takes the role once, with the external id, and reads with its keys', async () => {
    process.env['AWS_ENDPOINT_URL_STS'] = server.url
    const role = createIamSource({
      endpoint: server.url,
      assumeRole: 'arn:aws:iam::123456789012:role/iamlogin',
      externalId: 'EXTERNAL',
      keyTags: false,
      userTags: false,
      mfa: false,
      bodies: new Map(),
    })
    await read(role, 'developers')
    await read(role, 'developers')
    delete process.env['AWS_ENDPOINT_URL_STS']
    expect(server.calls()).toEqual({ AssumeRole: 1, GetGroup: 2 })
    expect(server.authorization()).toContain('Credential=ASIAEXTERNAL/')
    await role.close()
  })
})

describe('groups', () => {
  it('are believed one by one: a denied one is told, with what to allow', async () => {
    server.addUser('bob', ['dba'])
    server.setFault('GetGroup dba', 'denied')
    const { users, unread } = await read(source, 'developers', 'dba', 'ops')
    expect(users.map(({ name }) => name)).toEqual(['alice'])
    expect(unread).toEqual([
      {
        name: 'dba',
        code: 'source_denied',
        message: expect.stringMatching(
          /^reading group dba: access denied: iam:GetGroup on group dba \(no identity-based policy/,
        ) as string,
        hint: expect.stringContaining('allow iam:GetGroup') as string,
        isAbsent: false,
      },
    ])
  })

  it('are absent by IAM’s own word alone', async () => {
    server.addUser('bob', ['dba'])
    server.deleteGroup('dba')
    expect((await read(source, 'developers', 'dba')).unread).toMatchObject([{ isAbsent: true }])
    server.addGroup('dba')
    server.setFault('GetGroup dba', 'foreign-absence')
    expect((await read(source, 'developers', 'dba')).unread).toMatchObject([{ isAbsent: false }])
  })

  it('may have everybody’s list among them', async () => {
    server.setFault('ListUsers', 'page-xml')
    const { complete, users, unread } = await read(source, '*', 'developers')
    expect(complete).toBe(false)
    expect(users.map(({ name }) => name)).toEqual(['alice'])
    expect(unread).toMatchObject([{ name: '*', code: 'source_foreign_answer', isAbsent: false }])
  })

  it('fail the read when none can be read, and by the reason that is no typo', async () => {
    server.setFault('GetGroup developers', 'denied')
    await expect(read(source, 'nobody', 'developers')).rejects.toMatchObject({
      code: 'source_denied',
    })
  })
})

describe('errors', () => {
  const cases: readonly (readonly [Fault, string, RegExp])[] = [
    [
      'denied',
      'source_denied',
      /reading group developers: access denied: iam:GetGroup on group developers/,
    ],
    ['throttle', 'source_throttled', /reading group developers: AWS throttles iam:GetGroup/],
    ['skew', 'source_clock_skew', /the clock of this host is wrong/],
    ['no-credentials', 'source_no_credentials', /no valid credentials/],
    ['close', 'source_timeout', /reading group developers/],
  ]
  it.each(cases)('tell "%s" as %s with the way to mend it', async (fault, code, message) => {
    server.setFault('*', fault)
    await expect(read(source, 'developers')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(/\w+ \w+/) as string,
    })
  })

  it('are retried as the SDK does', async () => {
    server.setFault('GetGroup', 'error')
    await expect(read(source, 'developers')).rejects.toThrow()
    expect(server.calls()).toEqual({ GetGroup: 3 })
  })

  it('name a network that is not there', async () => {
    const dead = createIamSource({
      endpoint: 'http://127.0.0.1:1',
      keyTags: true,
      userTags: false,
      mfa: false,
      bodies: new Map(),
    })
    await expect(read(dead, 'developers')).rejects.toMatchObject({ code: 'source_unreachable' })
    await dead.close()
  })

  it('name the host and the region of an endpoint that does not resolve', () => {
    const error = Object.assign(new Error('getaddrinfo ENOTFOUND'), {
      code: 'ENOTFOUND',
      hostname: 'sts.eu-wst-9.amazonaws.com',
    })
    const asked = { action: 'iam:GetGroup', resource: 'group developers' }
    expect(toSourceError(error, 'reading group developers', asked)).toMatchObject({
      code: 'source_unreachable',
      message:
        'reading group developers: the host name sts.eu-wst-9.amazonaws.com does not resolve (ENOTFOUND, region eu-wst-9)',
      hint: 'is "eu-wst-9", of source.region or AWS_REGION, spelled as AWS does? Did you mean "eu-west-1"? Else check the DNS of this host',
    })
  })

  it('name a group that IAM does not have', async () => {
    await expect(read(source, 'nobody')).rejects.toMatchObject({
      code: 'source_unknown_group',
      message: 'reading group nobody: IAM has no such group',
    })
  })
})

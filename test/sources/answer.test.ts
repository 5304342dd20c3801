// The gate: what counts as an answer of AWS's, and what the source makes of everything else.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SourceUser } from '../../src/directory/types.ts'
import { flawOf } from '../../src/sources/answer.ts'
import { childOf, iamService, type Service } from '../../src/sources/answer-shapes.ts'
import { createIamSource } from '../../src/sources/iam.ts'
import type { Source } from '../../src/sources/source.ts'
import { readXml, type XmlElement } from '../../src/sources/xml.ts'
import { foreignFaults, startIamServer, type IamServer } from '../support/iam-server.ts'

const { signal } = new AbortController()
let server: IamServer
let source: Source
let alice: SourceUser

beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIATEST'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'secret'
  server = await startIamServer()
  server.addUser('alice', ['developers'])
  for (let user = 0; user < 17; user++) server.addUser(`user${user}`, ['developers'])
  server.uploadKey('alice', 'ssh-rsa AAAA one')
  server.tagUser('alice', 'iamlogin:ssh-key', 'ssh-ed25519 AAAA two')
  server.setMfa('alice', true)
  source = createIamSource({
    endpoint: server.url,
    keyTags: true,
    userTags: false,
    mfa: true,
    bodies: new Map(),
  })
  const { users } = await source.fetchDirectory({ groups: ['developers'] }, signal)
  const [first] = users
  if (first === undefined) throw new Error('no alice')
  alice = first
})
afterEach(async () => {
  await source.close()
  await server.stop()
})

/** Not every action has what a fault spoils. */
const applies = (action: string, fault: string): boolean =>
  !(action === 'GetSSHPublicKey' && /marker|no-list/.test(fault)) &&
  // One device is proof enough, wherever the list ends.
  !(action === 'ListMFADevices' && fault === 'same-marker') &&
  !(fault === 'other-name' && ['ListUsers', 'ListUserTags'].includes(action))

describe('an answer that is not the action’s own, whole one fails the read', () => {
  const directory = (group: string) => source.fetchDirectory({ groups: [group] }, signal)
  const credentials = async (): Promise<unknown> => {
    const { unread } = await source.fetchCredentials(alice, signal)
    // One part of them: the others are believed.
    if (unread !== undefined) throw Object.assign(new Error(unread[0]?.message), unread[0])
    return undefined
  }
  const readings: Readonly<Record<string, () => Promise<unknown>>> = {
    GetGroup: () => directory('developers'),
    ListUsers: () => directory('*'),
    ListSSHPublicKeys: credentials,
    GetSSHPublicKey: credentials,
    ListUserTags: credentials,
    ListMFADevices: credentials,
  }
  const cases = Object.entries(readings).flatMap(([action, reading]) =>
    foreignFaults
      .filter((fault) => applies(action, fault))
      .map((fault) => ({ action, fault, reading })),
  )
  it.each(cases)('$action: $fault', async ({ action, fault, reading }) => {
    server.setFault(action, fault)
    const name = action === 'GetGroup' ? 'group developers' : action === 'ListUsers' ? '' : 'alice'
    await expect(reading()).rejects.toMatchObject({
      code: 'source_foreign_answer',
      message: expect.stringMatching(
        new RegExp(`${name}.*: no answer of iam:${action}: .+`),
      ) as string,
      hint: expect.stringMatching(/\w+ \w+/) as string,
    })
    server.setFault(action)
    await reading()
  })
})

describe('what came', () => {
  it('is told: the HTTP status, the content type and the first words', async () => {
    server.setFault('GetGroup', 'page')
    await expect(source.fetchDirectory({ groups: ['developers'] }, signal)).rejects.toThrow(
      'reading group developers: no answer of iam:GetGroup: no XML document as AWS writes it ' +
        '(HTTP 200, text/html, "<!DOCTYPE html><html><head><body>Please sign in</body></html>")',
    )
  })

  it('is printable whatever it was', () => {
    const flaw = flawOf({ status: 200, contentType: '', body: '\u001b[31m' }, iamService, {
      action: 'GetGroup',
      input: {},
    })
    expect(flaw).toBe('no XML document as AWS writes it')
  })
})

describe('pages', () => {
  it('end at the second sight of a marker', async () => {
    server.setPageSize(5)
    server.setFault('GetGroup', 'same-marker')
    server.resetCalls()
    await expect(source.fetchDirectory({ groups: ['developers'] }, signal)).rejects.toThrow(
      'a Marker that is not new',
    )
    expect(server.calls()['GetGroup']).toBeLessThanOrEqual(2)
  })

  it('are all read', async () => {
    server.setPageSize(5)
    const { users } = await source.fetchDirectory({ groups: ['developers'] }, signal)
    expect(users).toHaveLength(18)
  })
})

describe('the case of a name', () => {
  it('is none to IAM: the group is the one asked for', () => {
    const document = groupDocument(['alice']).replace(
      '<GroupName>developers',
      '<GroupName>Developers',
    )
    expect(flaw(document)).toBeUndefined()
    expect(flaw(document.replace('Developers', 'Development'))).toContain('Development')
  })
})

function memberOf(name: string): string {
  return (
    `<member><Path>/</Path><UserName>${name}</UserName><UserId>AIDA${name}</UserId>` +
    `<Arn>arn:aws:iam::123456789012:user/${name}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>`
  )
}

function groupDocument(
  names: readonly string[],
  tail = '<IsTruncated>false</IsTruncated>',
): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n<GetGroupResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">\n' +
    '  <GetGroupResult><Group><Path>/</Path><GroupName>developers</GroupName><GroupId>AGPA1</GroupId>' +
    '<Arn>arn:aws:iam::123456789012:group/developers</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Group>' +
    `<Users>${names.map(memberOf).join('')}</Users>${tail}</GetGroupResult>` +
    '<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetGroupResponse>\n'
  )
}

function flaw(body: string, service: Service = iamService): string | undefined {
  return flawOf({ status: 200, contentType: 'text/xml', body }, service, {
    action: 'GetGroup',
    input: { GroupName: 'developers' },
  })
}

function membersIn(body: string): readonly XmlElement[] {
  const root = readXml(body)
  const result = root === undefined ? undefined : childOf(root, 'GetGroupResult')
  return (result === undefined ? undefined : childOf(result, 'Users'))?.children ?? []
}

describe('what a server says of its own', () => {
  const asking = async (answer: (marker: string | null) => string): Promise<unknown> => {
    const own = createServer((request, response) => {
      void text(request).then((body) => {
        response.end(answer(new URLSearchParams(body).get('Marker')))
      })
    })
    own.listen(0, '127.0.0.1')
    await once(own, 'listening')
    const address = own.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const there = createIamSource({
      endpoint: `http://127.0.0.1:${port}`,
      keyTags: false,
      userTags: false,
      mfa: false,
      bodies: new Map(),
    })
    try {
      return await there.fetchDirectory({ groups: ['developers'] }, signal)
    } finally {
      await there.close()
      own.closeAllConnections()
      own.close()
    }
  }
  const more = '<IsTruncated>true</IsTruncated><Marker>m</Marker>'

  it('is one group, page by page', async () => {
    expect(
      await asking((marker) =>
        marker === null ? groupDocument(['alice'], more) : groupDocument(['bob']),
      ),
    ).toMatchObject({ users: [{ name: 'alice' }, { name: 'bob' }] })
  })

  it('is no whole group where another one of that name follows', async () => {
    await expect(
      asking((marker) =>
        marker === null
          ? groupDocument(['alice'], more)
          : groupDocument(['bob']).replace('AGPA1', 'AGPA2'),
      ),
    ).rejects.toThrow('it was replaced by another of that name while it was read')
  })

  it('is read up to 8 MiB', async () => {
    const long = groupDocument(Array.from({ length: 50_000 }, (_, user) => `user${user}`))
    expect(long.length).toBeGreaterThan(8 * 1024 * 1024)
    await expect(asking(() => long)).rejects.toThrow(/more than 8388608 bytes/)
  })
})

describe('an absence', () => {
  const absent = (namespace: string, requestId = '<RequestId>r</RequestId>') =>
    `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>` +
    `<Message>gone</Message></Error>${requestId}</ErrorResponse>`
  const flawOfError = (status: number, body: string) =>
    flawOf({ status, contentType: 'text/xml', body }, iamService, {
      action: 'GetGroup',
      input: { GroupName: 'developers' },
    })

  it('is believed as IAM writes it', () => {
    expect(flawOfError(404, absent(iamService.namespace))).toBeUndefined()
  })

  it.each([
    ['of another service', 404, absent('https://sts.amazonaws.com/doc/2011-06-15/')],
    ['without a request id', 404, absent(iamService.namespace, '')],
    ['of another HTTP status', 400, absent(iamService.namespace)],
    ['of another HTTP status', 503, absent(iamService.namespace)],
  ])('is not believed %s', (_what, status, body) => {
    expect(flawOfError(status, body)).toBe("NoSuchEntity in a document that is not IAM's own")
  })
})

describe('the status of a key', () => {
  it.each([
    ['Active', undefined],
    ['Inactive', undefined],
    ['active', 'a Status that is neither Active nor Inactive'],
    ['Deleted', 'a Status that is neither Active nor Inactive'],
  ])('%s: %s', (status, expected) => {
    const body =
      `<ListSSHPublicKeysResponse xmlns="${iamService.namespace}"><ListSSHPublicKeysResult><SSHPublicKeys>` +
      `<member><UserName>alice</UserName><SSHPublicKeyId>APKA1</SSHPublicKeyId><Status>${status}</Status></member>` +
      '</SSHPublicKeys><IsTruncated>false</IsTruncated></ListSSHPublicKeysResult>' +
      '<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListSSHPublicKeysResponse>'
    const asked = { action: 'ListSSHPublicKeys', input: { UserName: 'alice' } }
    expect(flawOf({ status: 200, contentType: 'text/xml', body }, iamService, asked)).toBe(expected)
  })
})

describe('flawOf', () => {
  const document = groupDocument(['alice', 'bob', 'carol'])

  it('takes the document as IAM writes it, and an empty list', () => {
    expect(flaw(document)).toBeUndefined()
    expect(flaw(groupDocument([]))).toBeUndefined()
    expect(flaw(groupDocument([]).replace('<Users></Users>', '<Users/>'))).toBeUndefined()
    expect(flaw(groupDocument([], '<IsTruncated>true</IsTruncated><Marker>m</Marker>'))).toBe(
      undefined,
    )
  })

  it.each([
    ['a comment around members', '<Users>', '<Users><!--', '</Users>', '--></Users>'],
    ['a second Users', '<Users>', '<Users></Users><Users>', '', ''],
    ['members in CDATA', '<Users>', '<Users><![CDATA[', '</Users>', ']]></Users>'],
    ['an attribute in place of a field', '<Users>', '<Users member="">', '', ''],
    ['text between members', '</member><member>', '</member>x<member>', '', ''],
    ['another element in the list', '<Users>', '<Users><entry></entry>', '', ''],
    [
      'a marker without truncation',
      '</GetGroupResult>',
      '<Marker>m</Marker></GetGroupResult>',
      '',
      '',
    ],
    ['something behind the root', '</GetGroupResponse>', '</GetGroupResponse><x/>', '', ''],
    ['no namespace', ' xmlns="https://iam.amazonaws.com/doc/2010-05-08/"', '', '', ''],
    ['a member without UserId', '<UserId>AIDAbob</UserId>', '', '', ''],
  ])('refuses %s', (_what, from, to, alsoFrom, alsoTo) => {
    expect(flaw(document.replace(from, to).replace(alsoFrom, alsoTo))).not.toBeUndefined()
  })

  it('never lets a spoilt document through with fewer members', () => {
    const at = fc.integer({ min: 0, max: document.length })
    const edit = fc.oneof(
      // A part is cut out, repeated elsewhere, or replaced by something else.
      fc.tuple(at, fc.integer({ min: 1, max: 60 }), fc.constant('')),
      fc.tuple(at, fc.integer({ min: 0, max: 60 }), fc.string({ maxLength: 8 })),
      fc.tuple(
        at,
        fc.integer({ min: 0, max: 3 }),
        fc.constantFrom(
          '<',
          '>',
          '/',
          '</',
          '/>',
          '<!--',
          '-->',
          ']]>',
          '<![CDATA[',
          '&',
          '"',
          '\u0000',
        ),
      ),
      fc.tuple(at, fc.constant(1_000_000), fc.constant('')),
    )
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const spoilt = edits.reduce(
          (text, [from, length, by]) => text.slice(0, from) + by + text.slice(from + length),
          document,
        )
        if (flaw(spoilt) !== undefined) return
        // Whole members are 200 characters: three cuts of 60 cannot take one out cleanly.
        expect(membersIn(spoilt)).toHaveLength(3)
      }),
      { numRuns: 20_000 },
    )
  })
})

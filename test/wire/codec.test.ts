import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/errors.ts'
import {
  decodeRequest,
  encodeFailure,
  encodePending,
  encodeRequest,
  encodeSuccess,
  type Request,
} from '../../src/wire/codec.ts'
import { createFrameSplitter } from '../../src/wire/frames.ts'
import * as protocol from '../../src/wire/protocol.ts'

const { op } = protocol
const alice = {
  name: 'alice',
  uid: 1950171475,
  gid: 1950171475,
  gecos: 'Alice',
  dir: '/home/alice',
  shell: '/bin/bash',
}
const vector = (name: string): string =>
  readFileSync(join(import.meta.dirname, `../vectors/${name}.hex`), 'utf8').replace(/\s/g, '')

const session = { user: 'alice', service: 'sshd', tty: 'ssh', rhost: '192.0.2.1', ruser: '' }
const requests: readonly (readonly [string, Request])[] = [
  ['request-passwd-by-name', { op: op.PASSWD_BY_NAME, name: 'alice' }],
  ['request-passwd-by-uid', { op: op.PASSWD_BY_UID, id: 1950171475 }],
  ['request-passwd-list', { op: op.PASSWD_LIST, generation: 0x1122334455667788n, offset: 9 }],
  [
    'request-authorized-keys',
    {
      op: op.AUTHORIZED_KEYS,
      user: 'alice',
      uid: 1950171475,
      keyType: 'ssh-ed25519',
      keyBlob: 'AAAA',
    },
  ],
  ['request-account', { op: op.ACCOUNT, ...session }],
  [
    'request-session-open',
    {
      op: op.SESSION_OPEN,
      ...session,
      pid: 4711,
      timeUs: 1795520322091000n,
      session: 's1',
      authInfo: 'publickey ssh-ed25519 AAAA',
    },
  ],
]

describe('codec', () => {
  it.each(requests)('writes and reads the bytes of %s', (name, request) => {
    const frame = encodeRequest(request)
    expect(frame.toString('hex')).toBe(vector(name))
    expect(decodeRequest(frame.subarray(4))).toEqual(request)
  })

  it.each([
    ['response-passwd', encodeSuccess(op.PASSWD_BY_NAME, { kind: 'passwd', passwd: alice }, false)],
    [
      'response-group',
      encodeSuccess(
        op.GROUP_BY_NAME,
        {
          kind: 'group',
          group: { name: 'developers', gid: 1929890698, members: ['alice', 'bob'] },
        },
        false,
      ),
    ],
    [
      'response-gids',
      encodeSuccess(op.INITGROUPS, { kind: 'gids', gids: [1950171475, 1929890698] }, true),
    ],
    ['response-notfound', encodeFailure(op.PASSWD_BY_NAME, 1, 'no such entry')],
    ['response-pending', encodePending(op.ACCOUNT)],
  ])('writes the bytes of %s', (name, frame) => {
    expect(frame.toString('hex')).toBe(vector(name))
  })

  it('refuses every truncation', () => {
    for (const [, request] of requests) {
      const body = encodeRequest(request).subarray(4)
      for (let cut = 0; cut < body.length; cut++)
        expect(() => decodeRequest(body.subarray(0, cut))).toThrow(FormatError)
    }
  })

  it('throws nothing but FormatError, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(...Object.values(op)),
        (bytes, code) => {
          for (const body of [Buffer.from(bytes), Buffer.from([1, code, 0, 0, ...bytes])])
            try {
              expect(decodeRequest(encodeRequest(decodeRequest(body)).subarray(4))).toEqual(
                decodeRequest(body),
              )
            } catch (error) {
              expect(error).toBeInstanceOf(FormatError)
            }
        },
      ),
    )
  })

  it('reads back what it wrote', () => {
    const text = fc.string().filter((value) => !value.includes('\0'))
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 9, maxLength: 9 }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (texts, timeUs) => {
          const [
            user = '',
            service = '',
            tty = '',
            rhost = '',
            ruser = '',
            session_ = '',
            authInfo = '',
          ] = texts.map((each) => each.toWellFormed())
          const request: Request = {
            op: op.SESSION_CLOSE,
            user,
            service,
            tty,
            rhost,
            ruser,
            pid: 1,
            timeUs,
            session: session_,
            authInfo,
          }
          expect(decodeRequest(encodeRequest(request).subarray(4))).toEqual(request)
        },
      ),
    )
  })
})

describe('createFrameSplitter', () => {
  it('finds the frames however the stream is cut', () => {
    const stream = Buffer.concat(requests.map(([, request]) => encodeRequest(request)))
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (sizes) => {
        const splitter = createFrameSplitter()
        const found: Buffer[] = []
        let at = 0
        for (const size of [...sizes, stream.length]) {
          found.push(...splitter.push(stream.subarray(at, at + size)))
          at = Math.min(stream.length, at + size)
        }
        expect(found.map((body) => decodeRequest(body))).toEqual(
          requests.map(([, request]) => request),
        )
      }),
    )
  })

  it('gives no more at once than it may, and the rest with the next push', () => {
    const ping = encodeRequest({ op: op.PING })
    const splitter = createFrameSplitter({ atOnce: 2 })
    expect(splitter.push(Buffer.concat([ping, ping, ping]))).toHaveLength(2)
    expect(splitter.push(Buffer.alloc(0))).toHaveLength(1)
  })

  it('refuses a frame that is longer than the limit before it is kept', () => {
    expect(() => createFrameSplitter().push(Buffer.from('ffffff7f', 'hex'))).toThrow(FormatError)
  })
})

describe('protocol.h', () => {
  const header = readFileSync(join(import.meta.dirname, '../../native/common/protocol.h'), 'utf8')
  const enumOf = (prefix: string): Record<string, number> =>
    Object.fromEntries(
      [...header.matchAll(new RegExp(`IAMLOGIN_${prefix}_(\\w+) = (\\d+)`, 'g'))].map(
        ([, name = '', value]) => [name, Number(value)],
      ),
    )

  it('says the same as protocol.ts', () => {
    expect(enumOf('OP')).toEqual(protocol.op)
    expect(enumOf('STATUS')).toEqual(protocol.status)
    expect(enumOf('VERDICT')).toEqual(protocol.verdict)
    expect(header).toContain(`IAMLOGIN_WIRE_VERSION ${protocol.wireVersion}\n`)
    for (const [name, value] of Object.entries({
      ...protocol.limits,
      ...protocol.deadlines,
      ...protocol.signs,
      DOOR_OP: protocol.firstDoorOp,
    })) {
      const told = new RegExp(`#define IAMLOGIN_${name} \\(?([\\d *]+)\\)?`).exec(header)?.[1] ?? ''
      expect([name, told.split('*').reduce((product, each) => product * Number(each), 1)]).toEqual([
        name,
        value,
      ])
    }
  })
})

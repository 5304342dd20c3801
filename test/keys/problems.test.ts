// Why keys, tags or MFA devices cannot be read: what `status` tells, and what the log tells once.
import { describe, expect, it } from 'vitest'
import type { UnreadPart } from '../../src/directory/types.ts'
import { SourceError } from '../../src/errors.ts'
import { createKeyProblems } from '../../src/keys/problems.ts'
import { aClock, collectingLog, type LogLine } from '../support/builders.ts'

const aPart = (part: UnreadPart['part'], code = 'source_denied'): UnreadPart => ({
  ...{ part, code, message: `reading ${part} of alice: access denied`, hint: `allow ${part}` },
})

function problemsOf() {
  const clock = aClock()
  const lines: LogLine[] = []
  const problems = createKeyProblems({ clock, log: collectingLog(lines) })
  const read = (...unread: readonly UnreadPart[]): void => {
    problems.read({ keys: [], ...(unread.length === 0 ? {} : { unread }) })
  }
  const warned = () => lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
  return { ...problems, read, clock, lines, warned }
}

describe('the problems of reading keys', () => {
  it('are none where everything is read', () => {
    const { read, now, lines } = problemsOf()
    read()
    expect(now()).toEqual([])
    expect(lines).toEqual([])
  })

  it('are told by part, each since its first time, with the person of the last', async () => {
    const { read, now, clock, lines } = problemsOf()
    const since = clock.now()
    read(aPart('tags'))
    await clock.advance(5)
    const ofBob = { ...aPart('tags'), message: 'reading tags of bob: access denied', lastReadAt: 1 }
    read(ofBob, aPart('mfa'))
    expect(now()).toEqual([
      { ...aPart('tags'), message: ofBob.message, since },
      { ...aPart('mfa'), since: since + 5 },
    ])
    expect(lines[0]).toEqual({
      level: 'warn',
      fields: { part: 'tags', code: 'source_denied', hint: 'allow tags' },
      message: 'reading tags of alice: access denied',
    })
  })

  it.each(['uploads', 'tags', 'mfa'] as const)('end where %s are read again', (part) => {
    const { read, now, lines } = problemsOf()
    read(aPart(part))
    read()
    expect(now()).toEqual([])
    expect(lines.at(-1)).toEqual({
      level: 'debug',
      fields: { part, code: 'source_denied' },
      message: `${part} can be read again`,
    })
  })

  it('leave those of the other parts', () => {
    const { read, now } = problemsOf()
    read(aPart('tags'), aPart('mfa'))
    read(aPart('mfa'))
    expect(now().map(({ part }) => part)).toEqual(['mfa'])
  })

  it('begin anew with another code', async () => {
    const { read, now, clock, warned } = problemsOf()
    read(aPart('tags'))
    await clock.advance(5)
    read(aPart('tags', 'source_throttled'))
    expect(now()).toMatchObject([{ code: 'source_throttled', since: clock.now() }])
    expect(warned()).toHaveLength(2)
  })

  it('are one warning while they last, and one in five minutes where they come and go', async () => {
    const { read, clock, warned, lines } = problemsOf()
    read(aPart('tags'))
    read(aPart('tags'))
    expect(warned()).toHaveLength(1)
    expect(lines.at(-1)?.level).toBe('debug')
    await clock.advance(299_999)
    read()
    read(aPart('tags'))
    expect(warned()).toHaveLength(1)
    await clock.advance(1)
    read()
    read(aPart('tags'))
    expect(warned()).toHaveLength(2)
    await clock.advance(300_000)
    read(aPart('tags'))
    expect(warned()).toHaveLength(2)
  })

  it('tell apart the same code of another part', () => {
    const { read, warned } = problemsOf()
    read(aPart('tags'))
    read(aPart('tags'), aPart('mfa'))
    expect(warned()).toHaveLength(2)
  })

  it('are of the credentials where nothing of a person could be read', () => {
    const { failed, read, now, clock, lines } = problemsOf()
    failed(new SourceError('source_unreachable', 'no way to IAM', { hint: 'check the route' }))
    const fields = { part: 'credentials', code: 'source_unreachable', hint: 'check the route' }
    expect(now()).toEqual([{ ...fields, message: 'no way to IAM', since: clock.now() }])
    expect(lines).toEqual([{ level: 'warn', fields, message: 'no way to IAM' }])
    read(aPart('tags'))
    expect(now()).toMatchObject([{ part: 'tags' }])
  })

  it('name a mistake of ours as one, with the error itself at debug', () => {
    const { failed, now, lines } = problemsOf()
    const error = new TypeError('undefined is not a function')
    failed(error)
    expect(now()).toMatchObject([
      {
        code: 'internal',
        message: 'undefined is not a function',
        hint: 'this is a mistake in iamlogin: report it',
      },
    ])
    expect(lines.at(-1)).toEqual({
      ...{ level: 'debug', fields: { err: error }, message: 'undefined is not a function' },
    })
    failed('no error at all')
    expect(now()).toMatchObject([{ message: 'no error at all' }])
  })
})

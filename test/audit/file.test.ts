import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { toEcs } from '../../src/audit/ecs.ts'
import { createFileAudit } from '../../src/audit/file.ts'
import { rowOfLine } from '../../src/audit/read.ts'
import { silentLog, type Log } from '../../src/platform/log.ts'
import { aHost, aLoss, anyEvent } from '../support/audit.ts'

let folder = ''
const path = (): string => join(folder, 'audit.ndjson')
const linesOf = (file: string): readonly string[] =>
  readFileSync(file, 'utf8').split('\n').slice(0, -1)
const usersOf = (file: string): readonly (string | undefined)[] =>
  linesOf(file).map((line) => rowOfLine(line)?.user)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const outcome = z.object({ n: z.number(), failed: z.array(z.string()) })

function aSink() {
  const errors: string[] = []
  const log: Log = { ...silentLog, error: (_fields, message) => errors.push(message) }
  const sink = createFileAudit(path(), aHost, log)
  const tell = (...users: readonly string[]): void => {
    for (const linuxUser of users) sink(aLoss({ linuxUser }))
  }
  return { sink, tell, errors }
}

describe('createFileAudit', () => {
  it('writes one line for each event, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 5 }), (events) => {
        rmSync(path(), { force: true })
        writeFileSync(path(), '')
        const { sink } = aSink()
        for (const event of events) sink(event)
        expect(linesOf(path()).map((line): unknown => JSON.parse(line))).toEqual(
          events.map((event): unknown => JSON.parse(JSON.stringify(toEcs(event, aHost)))),
        )
      }),
      { numRuns: 30 },
    )
  })

  it('makes a file that others may not read', () => {
    aSink().tell('alice')
    expect(statSync(path()).mode & 0o137).toBe(0)
  })

  it('goes on in a new file after a rotation, without a signal', () => {
    const { tell } = aSink()
    tell('alice')
    renameSync(path(), `${path()}.1`)
    tell('bob')
    expect(usersOf(`${path()}.1`)).toEqual(['alice'])
    expect(usersOf(path())).toEqual(['bob'])
  })

  it('keeps in memory what cannot be written, says so once, and writes it with the next', () => {
    const { tell, errors } = aSink()
    mkdirSync(path())
    tell('alice', 'bob')
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain(path())
    rmdirSync(path())
    tell('carol')
    expect(usersOf(path())).toEqual(['alice', 'bob', 'carol'])
    rmSync(path())
    mkdirSync(path())
    tell('dave')
    expect(errors).toHaveLength(2)
  })

  it('keeps the newest ten thousand', () => {
    const { tell } = aSink()
    mkdirSync(path())
    tell(...Array.from({ length: 10_002 }, (_, n) => `user${n}`))
    rmdirSync(path())
    tell('last')
    const users = usersOf(path())
    expect(users).toHaveLength(10_000)
    expect(users.at(-2)).toBe('user10001')
    expect(users.at(-1)).toBe('last')
  })

  it('writes each event once and whole over a disk that was full in the middle of one', () => {
    // A process of its own: the limit of a file's size is what a full disk looks like to write(2).
    const program = `
      import { execFileSync } from 'node:child_process'
      import { createFileAudit } from ${JSON.stringify(resolve('src/audit/file.ts'))}
      const failed = []
      const log = { error: (fields) => failed.push(fields.err.code) }
      const sink = createFileAudit(${JSON.stringify(path())}, { name: 'h', cloud: () => undefined }, log)
      const tell = (n) => sink({ action: 'access-lost', at: n, subject: { linuxUser: 'user' + n }, reason: '', sessions: 'none' })
      let n = 0
      while (failed.length === 0) tell(n++)
      tell(n++)
      execFileSync('prlimit', ['--fsize=unlimited', '--pid', String(process.pid)])
      tell(n++)
      console.log(JSON.stringify({ n, failed }))`
    const said = execFileSync(
      'sh',
      [
        '-c',
        `trap '' XFSZ; ulimit -S -f 8; exec "$0" --input-type=module -e "$1"`,
        process.execPath,
        program,
      ],
      { encoding: 'utf8' },
    )
    const { n, failed } = outcome.parse(JSON.parse(said))
    expect(failed).toEqual(['EFBIG'])
    expect(usersOf(path())).toEqual(Array.from({ length: n }, (_, each) => `user${each}`))
  })
})

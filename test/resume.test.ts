// What a resolver goes on with after a start: the bytes that were served, or nothing of them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Config } from '../src/config/config.ts'
import { loadConfig } from '../src/config/load.ts'
import { momentOf } from '../src/platform/clock.ts'
import type { Handover } from '../src/refresh/refresh.ts'
import { configVersionOf, createResumeWriter, loadResume } from '../src/resume.ts'
import { publishSnapshot } from '../src/snapshot/publish.ts'
import { aClock, collectingLog, type LogLine } from './support/builders.ts'
import { aDirectory, viewOf } from './support/view.ts'

const clock = aClock()
const owed = { file: 'directory.db', since: 1, error: 'no space left', onDisk: 'older' } as const
let folder = ''
let main = ''
let config: Config
const lines: LogLine[] = []
const log = collectingLog(lines)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-resume-'))
  main = join(folder, 'iamlogin.toml')
  writeFileSync(main, '[access]\ngroups = ["developers"]\n')
  config = loadConfig(main).config
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function aHandover(names: readonly string[]): Handover {
  return {
    current: {
      generation: 7,
      directory: viewOf(aDirectory(names), { localNames: ['root'] }),
      readAt: momentOf(clock),
      leftOutNames: ['mallory'],
      unreadOverrides: { kept: 1, leftOut: 2 },
    },
    savedReadAt: 0,
    doubt: undefined,
    unread: {
      readAt: new Map([['developers', momentOf(clock)]]),
      unread: [{ group: 'ops', message: 'ops cannot be read', isAbsent: false }],
    } as unknown as Handover['unread'],
    snapshot: undefined,
  }
}

/** A run that published `names` and ended. */
async function aRun(
  names: readonly string[],
  options: { readonly owes?: boolean; readonly version?: string } = {},
): Promise<Handover> {
  const handover = aHandover(names)
  const { directory } = handover.current ?? {}
  await publishSnapshot(folder, Buffer.from(directory?.snapshot ?? []))
  writeFileSync(join(folder, 'directory.json'), JSON.stringify(names))
  const file = { idle: () => Promise.resolve(), owed: () => (options.owes ? owed : undefined) }
  const writer = createResumeWriter({
    ...{ stateDir: folder, config, clock, log },
    configVersion: options.version ?? configVersionOf(main),
    files: [file],
  })
  await writer.keep(handover)
  return handover
}

const start = () => loadResume({ config: main, stateDir: folder }, { clock, log })

describe('a start after a run that ended', () => {
  it('goes on with the users, the configuration and what could not be read', async () => {
    const { current, unread } = await aRun(['alice', 'bob'])
    const resumed = await start()
    expect(resumed?.config).toEqual(config)
    const now = resumed?.handover.current
    expect(now?.directory.accountByName('alice')).toEqual(current?.directory.accountByName('alice'))
    const bob = current?.directory.accountByName('bob')?.user.id ?? ''
    expect(now?.directory.accountById(bob)?.passwd.name).toBe('bob')
    expect(now?.directory.isLocalName('root')).toBe(true)
    expect(now?.leftOutNames).toEqual(['mallory'])
    expect(now?.unreadOverrides).toEqual({ kept: 1, leftOut: 2 })
    expect(now?.readAt).toMatchObject({ wall: current?.readAt.wall, isSaved: true })
    expect(resumed?.handover.unread?.unread).toEqual(unread?.unread)
    expect([...(resumed?.handover.unread?.readAt.keys() ?? [])]).toEqual(['developers'])
    expect((await resumed?.state.whole())?.toString()).toBe('["alice","bob"]')
  })

  it('keeps it where no other user can read it', async () => {
    await aRun(['alice'])
    expect(statSync(join(folder, 'resume.db')).mode & 0o777).toBe(0o600)
  })

  const path = (name: string) => join(folder, name)
  it.each<readonly [string, () => void]>([
    [
      'the configuration was written',
      () => {
        writeFileSync(main, readFileSync(main))
      },
    ],
    [
      'conf.d got a file',
      () => {
        mkdirSync(path('conf.d'))
        writeFileSync(path('conf.d/a.toml'), '')
      },
    ],
    [
      'directory.json is another',
      () => {
        writeFileSync(path('directory.json'), '["alice"]')
      },
    ],
    [
      'directory.json is gone',
      () => {
        rmSync(path('directory.json'))
      },
    ],
    [
      'directory.db is gone',
      () => {
        rmSync(path('directory.db'))
      },
    ],
    [
      'resume.db is gone',
      () => {
        rmSync(path('resume.db'))
      },
    ],
    [
      'resume.db is empty',
      () => {
        writeFileSync(path('resume.db'), '')
      },
    ],
    [
      'resume.db ends in its header',
      () => {
        writeFileSync(path('resume.db'), readFileSync(path('resume.db')).subarray(0, 40))
      },
    ],
    [
      'resume.db has another shape',
      () => {
        writeFileSync(path('resume.db'), '{"program":1}\n')
      },
    ],
    [
      'the program is another',
      () => {
        const text = readFileSync(path('resume.db'), 'latin1')
        const other = text.replace(/"program":"\d+/, '"program":"0')
        writeFileSync(path('resume.db'), other, 'latin1')
      },
    ],
  ])('builds the directory anew where %s', async (_what, change) => {
    await aRun(['alice', 'bob'])
    change()
    expect(await start()).toBeUndefined()
  })

  it('builds the directory anew where directory.db was put in place by another hand', async () => {
    await aRun(['alice', 'bob'])
    await publishSnapshot(folder, Buffer.from(viewOf(aDirectory(['alice'])).snapshot))
    expect(await start()).toBeUndefined()
  })

  it('builds the directory anew where the last run still owed a write', async () => {
    await aRun(['alice', 'bob'], { owes: true })
    expect(await start()).toBeUndefined()
  })

  it('builds the directory anew where the files of the configuration could not be told', async () => {
    await aRun(['alice'], { version: '' })
    expect(await start()).toBeUndefined()
  })

  it('builds the directory anew where the supplement is damaged', async () => {
    await aRun(['alice', 'bob'])
    const bytes = readFileSync(path('resume.db'))
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
    writeFileSync(path('resume.db'), bytes)
    expect(await start()).toBeUndefined()
  })
})

// iamlogin audit over a journalctl of the test's own, which prints what a real one would.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { toEcs } from '../../src/audit/ecs.ts'
import { audit, sinceTime } from '../../src/cli/audit-command.ts'
import { ResolverError, UsageError } from '../../src/errors.ts'
import { aHost, aLoss } from '../support/audit.ts'

const now = 1_700_000_100_000
let folder = ''
const at = (name: string): string => join(folder, name)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`)
  writeFileSync(at('iamlogin.toml'), '[access]\ngroups = ["developers"]\n', { mode: 0o644 })
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

/** An entry of the key command, `second` seconds after the first. */
function keyEntry(second: number, fields: Readonly<Record<string, unknown>> = {}) {
  return {
    __REALTIME_TIMESTAMP: String((1_700_000_000 + second) * 1_000_000),
    _UID: '0',
    IAMLOGIN_UNREPORTED: '1',
    IAMLOGIN_ACTION: 'key-offered',
    IAMLOGIN_USER: 'alice',
    IAMLOGIN_KEY_FINGERPRINT: 'SHA256:abc',
    ...fields,
  }
}

function journalHolds(entries: readonly unknown[], exit = 0): void {
  writeFileSync(at('entries'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  writeFileSync(
    at('journalctl'),
    `#!/bin/sh\necho "$@" > ${at('arguments')}\ncat ${at('entries')}\nexit ${exit}\n`,
  )
  chmodSync(at('journalctl'), 0o755)
}

async function run(
  options: { readonly follow?: boolean; readonly user?: string; readonly mayRead?: boolean } = {},
) {
  const lines: string[] = []
  const output = {
    json: options.follow !== true,
    write: (text: string) => lines.push(text),
    warn: () => undefined,
  }
  const code = await audit(output, {
    file: at('iamlogin.toml'),
    since: '1h',
    user: options.user,
    follow: options.follow ?? false,
    now,
    canReadJournal: () => options.mayRead ?? true,
  })
  return { code, lines }
}

const eventsIn = (lines: readonly string[]): readonly unknown[] => {
  const document: unknown = JSON.parse(lines.join('\n'))
  if (typeof document !== 'object' || document === null || !('events' in document)) return []
  return Array.isArray(document.events) ? document.events : []
}

describe('audit', () => {
  it('shows one event for the two key commands of a login', async () => {
    journalHolds([keyEntry(0), keyEntry(0.2), keyEntry(60), keyEntry(60.2)])
    const { code, lines } = await run()
    expect(code).toBe(0)
    expect(eventsIn(lines)).toHaveLength(2)
  })

  it('shows one event for them as they happen, too', async () => {
    journalHolds([keyEntry(0), keyEntry(0.2), keyEntry(60), keyEntry(60.2)])
    expect((await run({ follow: true })).lines).toHaveLength(2)
    expect(readFileSync(at('arguments'), 'utf8')).toContain('--follow')
  })

  it('asks the journal for entries of root and believes no other', async () => {
    journalHolds([keyEntry(0, { _UID: '1000' }), keyEntry(0, { _UID: undefined })])
    expect(await run()).toMatchObject({ code: 1 })
    expect(readFileSync(at('arguments'), 'utf8')).toMatch(/-t iamlogin .* _UID=0( _UID=\d+)?\n$/)
  })

  it('shows only what concerns the user who was asked for', async () => {
    journalHolds([keyEntry(0), keyEntry(1, { IAMLOGIN_USER: 'bob' })])
    expect(eventsIn((await run({ user: 'bob' })).lines)).toMatchObject([{ IAMLOGIN_USER: 'bob' }])
  })

  it('reads audit.file, its rotated part first, where the journal cannot be read', async () => {
    journalHolds([], 1)
    const file = at('audit.ndjson')
    writeFileSync(
      at('iamlogin.toml'),
      `[access]\ngroups = ["developers"]\n[audit]\nfile = "${file}"\n`,
    )
    const line = (linuxUser: string, ms: number): string =>
      `${JSON.stringify(toEcs(aLoss({ linuxUser, at: ms }), aHost))}\n`
    writeFileSync(`${file}.1`, line('too-old', now - 3_600_001) + line('first', now - 2))
    writeFileSync(file, `{"@timest\n${line('second', now - 1)}`)
    expect(eventsIn((await run()).lines)).toMatchObject([
      { user: { effective: { name: 'first' } } },
      { user: { effective: { name: 'second' } } },
    ])
  })

  it('does not say "no event" to a user whom the journal shows only their own', async () => {
    journalHolds([])
    await expect(run({ mayRead: false })).rejects.toMatchObject({
      hint: expect.stringContaining('systemd-journal') as string,
    })
  })

  // A folder, and a file where a folder should be: no mode stops root.
  it.each([
    ['be read', ''],
    ['be looked for', '/iamlogin.toml/x'],
  ])('says what to do where audit.file cannot %s either', async (_, file) => {
    writeFileSync(
      at('iamlogin.toml'),
      `[access]\ngroups = ["developers"]\n[audit]\nfile = "${folder}${file}"\n`,
    )
    await expect(run({ mayRead: false })).rejects.toThrow(ResolverError)
  })

  it('says what to do where there is neither', async () => {
    journalHolds([], 1)
    await expect(run()).rejects.toThrow(ResolverError)
  })
})

describe('sinceTime', () => {
  it('takes a duration before now, or a time', () => {
    expect(sinceTime('30m', now)).toBe(now - 1_800_000)
    expect(sinceTime('2026-11-24T08:00Z', now)).toBe(Date.UTC(2026, 10, 24, 8))
  })

  it('refuses all else', () => {
    expect(() => sinceTime('soon', now)).toThrow(UsageError)
  })
})

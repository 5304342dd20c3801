import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAudit } from '../../src/audit/create.ts'
import { toEcs } from '../../src/audit/ecs.ts'
import type { AuditEvent } from '../../src/audit/event.ts'
import { rowOfEntry, rowOfLine } from '../../src/audit/read.ts'
import { silentLog, type Log } from '../../src/platform/log.ts'
import { aHost, aKey, alicesSubject, aLoss, anyEvent, fromAfar } from '../support/audit.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function anAudit(config: { readonly journal: boolean; readonly file?: boolean }) {
  const path = join(folder, 'audit.ndjson')
  const state = { journal: 'there' as 'there' | 'absent', sent: [] as string[], to: '' }
  const told: { readonly level: string; readonly message: string }[] = []
  const write =
    (level: string) =>
    (_fields: unknown, message: string): void => {
      told.push({ level, message })
    }
  const log: Log = { ...silentLog, info: write('info'), warn: write('warn') }
  const audit = createAudit({
    config: { journal: config.journal, file: config.file === true ? path : '' },
    host: aHost,
    sendDatagram: (to, bytes) => {
      state.to = to
      if (state.journal === 'absent') throw new Error('ENOENT')
      state.sent.push(bytes.toString())
    },
    log,
  })
  return { audit, state, told, path }
}

/** What the journal holds of the text fields of an entry. */
function fieldsOf(sent: string | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...(sent ?? '').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  )
}

const session: AuditEvent = {
  action: 'session-open',
  at: 1_700_000_000_000,
  subject: alicesSubject,
  door: { ...fromAfar, tty: '/dev/pts/0', ruser: 'bob' },
  session: 'a'.repeat(32),
  pid: 7,
  key: aKey,
}

describe('createAudit', () => {
  it('sends an entry that says who, by which key, from where, for what', () => {
    const { audit, state } = anAudit({ journal: true })
    audit(session)
    expect(state.to).toBe('/run/systemd/journal/socket')
    expect(fieldsOf(state.sent[0])).toEqual({
      MESSAGE: 'alice: session-open sshd from 192.0.2.7',
      PRIORITY: '6',
      SYSLOG_IDENTIFIER: 'iamlogin',
      IAMLOGIN_ACTION: 'session-open',
      IAMLOGIN_USER: 'alice',
      IAMLOGIN_IAM_USER: 'Alice',
      IAMLOGIN_USER_ID: 'AIDAALICE',
      IAMLOGIN_ARN: 'arn:aws:iam::123456789012:user/Alice',
      IAMLOGIN_KEY_FINGERPRINT: 'SHA256:abc',
      IAMLOGIN_KEY_ID: 'APKA1',
      IAMLOGIN_SERVICE: 'sshd',
      IAMLOGIN_TTY: '/dev/pts/0',
      IAMLOGIN_RHOST: '192.0.2.7',
      IAMLOGIN_RUSER: 'bob',
      IAMLOGIN_SESSION: 'a'.repeat(32),
      IAMLOGIN_EVENT: JSON.stringify(toEcs(session, aHost)),
    })
  })

  it.each<readonly [string, AuditEvent]>([
    [
      'login-refused',
      {
        action: 'login-refused',
        at: 1,
        subject: alicesSubject,
        door: fromAfar,
        rule: 'access.require_mfa',
        reason: 'no MFA device',
        stale: false,
      },
    ],
    [
      'key-refused',
      {
        action: 'key-refused',
        at: 1,
        subject: alicesSubject,
        key: aKey,
        reason: 'no MFA device',
        stale: false,
      },
    ],
    ['source-failing', { action: 'source-failing', at: 1, code: 'x', reason: 'no MFA device' }],
  ])('warns of %s, with the reason', (_action, event) => {
    const { audit, state } = anAudit({ journal: true })
    audit(event)
    expect(fieldsOf(state.sent[0])).toMatchObject({
      PRIORITY: '4',
      IAMLOGIN_REASON: 'no MFA device',
    })
  })

  it('is read back from the journal as it is from the file', () => {
    const { audit, state } = anAudit({ journal: true })
    fc.assert(
      fc.property(anyEvent, (event) => {
        state.sent.length = 0
        audit(event)
        const entry = {
          __REALTIME_TIMESTAMP: '1',
          _UID: '998',
          ...fieldsOf(state.sent[0]),
        }
        const row = rowOfEntry(JSON.stringify(entry), new Set([998]))
        expect(row).toEqual(rowOfLine(JSON.stringify(toEcs(event, aHost))))
        expect(row).toBeDefined()
      }),
      { numRuns: 50 },
    )
  })

  it('writes to both, to one, or to none', () => {
    for (const journal of [true, false])
      for (const file of [true, false]) {
        const { audit, state, path } = anAudit({ journal, file })
        rmSync(path, { force: true })
        audit(aLoss())
        expect(state.sent).toHaveLength(journal ? 1 : 0)
        if (file) expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2)
      }
  })

  it('puts events into the log where no journal takes them, and says once what to do', () => {
    const { audit, state, told } = anAudit({ journal: true })
    state.journal = 'absent'
    audit(aLoss())
    audit(aLoss())
    expect(told.map(({ level }) => level)).toEqual(['warn', 'info', 'info'])
    expect(told[0]?.message).toContain('audit.file')
    state.journal = 'there'
    audit(aLoss())
    state.journal = 'absent'
    audit(aLoss())
    expect(told.filter(({ level }) => level === 'warn')).toHaveLength(2)
  })
})

// iamlogin audit: events from the journal, or from audit.file where there is no journal.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import {
  concerns,
  isRepetition,
  journalWriters,
  repeatable,
  rowOfEntry,
  rowOfLine,
  type AuditRow,
} from '../audit/read.ts'
import { loadConfig } from '../config/load.ts'
import { parseDuration } from '../config/schema.ts'
import { ResolverError, UsageError } from '../errors.ts'
import { createLocalAccounts } from '../platform/local-accounts.ts'
import { readIfThere } from '../platform/read-if-there.ts'
import { print, table, type Output } from './print.ts'

export type AuditOptions = {
  /** The configuration, for audit.file. */
  readonly file: string
  readonly since: unknown
  readonly user: unknown
  readonly follow: boolean
  readonly now: number
  /** Whether the entries of root and of iamlogin are there for this process. */
  readonly canReadJournal: () => boolean
}

/** Milliseconds since the epoch. */
export function sinceTime(text: string, now: number): number {
  const duration = parseDuration(text)
  const at = duration === undefined ? Date.parse(text) : now - duration
  if (Number.isNaN(at))
    throw new UsageError(`--since ${text}: neither a duration nor a time`, {
      hint: 'such as 30m, 1h, 7d or 2026-11-24T08:00',
    })
  return at
}

function spell(row: AuditRow): Readonly<Record<string, string>> {
  return {
    time: new Date(row.at).toISOString().replace('T', ' ').slice(0, 19),
    action: row.unreported ? `${row.action} *` : row.action,
    user: row.user,
    'IAM user': row.iamUser,
    from: row.from,
    key: row.key,
    reason: row.reason,
  }
}

/** Lines of the journal from `at` on; calls back for each, ends with the child. */
async function readJournal(
  at: number,
  follow: boolean,
  take: (row: AuditRow) => void,
): Promise<boolean> {
  const writers = journalWriters(createLocalAccounts()())
  const child = spawn(
    'journalctl',
    [
      ...['-t', 'iamlogin', '-o', 'json', '--all', '--no-pager'],
      ...[`--since=@${Math.floor(at / 1_000)}`, ...(follow ? ['--follow', '--no-tail'] : [])],
      ...[...writers].map((uid) => `_UID=${uid}`),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const ended = new Promise<boolean>((resolve) => {
    child.once('error', () => {
      resolve(false)
    })
    child.once('close', (code) => {
      resolve(code === 0)
    })
  })
  for await (const line of createInterface(child.stdout)) {
    const row = rowOfEntry(line, writers)
    if (row !== undefined && row.at >= at) take(row)
  }
  return ended
}

async function readAuditFile(path: string, at: number): Promise<readonly AuditRow[]> {
  const texts = await Promise.all([`${path}.1`, path].map(readIfThere)).catch((error: unknown) => {
    throw new ResolverError('resolver_unreachable', `reading ${path}: ${String(error)}`, {
      hint: 'run as root, or as a user who may read the file',
      cause: error,
    })
  })
  return texts
    .flatMap((text) => (text ?? '').split('\n'))
    .flatMap((line) => rowOfLine(line) ?? [])
    .filter((row) => row.at >= at)
}

/** iamlogin audit: 0 with events, 1 when there are none. */
export async function audit(output: Output, options: AuditOptions): Promise<0 | 1> {
  const at = sinceTime(String(options.since), options.now)
  const user = typeof options.user === 'string' ? options.user : undefined
  const rows: AuditRow[] = []
  let recent: readonly AuditRow[] = []
  const take = (row: AuditRow): void => {
    if (!concerns(row, user) || isRepetition(row, recent)) return
    recent = repeatable(recent, row)
    if (!options.follow) rows.push(row)
    else
      output.write(
        output.json ? JSON.stringify(row.document) : Object.values(spell(row)).join('  '),
      )
  }
  if (!(options.canReadJournal() && (await readJournal(at, options.follow, take)))) {
    const { file } = loadConfig(options.file).config.audit
    if (file === '')
      throw new ResolverError(
        'resolver_unreachable',
        'reading audit events: the journal cannot be read, and audit.file is not set',
        { hint: 'run as root or join the group systemd-journal; or set audit.file' },
      )
    for (const row of await readAuditFile(file, at)) take(row)
  }
  if (options.follow) return 0
  print(output, { events: rows.map(({ document }) => document) }, () => {
    const alone = rows.some(({ unreported }) => unreported)
    const note = alone
      ? '\n* written by the PAM module or the key command while no resolver answered'
      : ''
    return `${table(rows.map(spell), 'no event')}${note}`
  })
  return rows.length === 0 ? 1 : 0
}

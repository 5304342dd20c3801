// iamlogin status, users, groups, keys, explain, refresh: what the resolver knows.
import {
  explainDocument,
  groupsDocument,
  keysDocument,
  refreshDocument,
  statusDocument,
  usersDocument,
  type ExplainDocument,
  type OwedWriteDocument,
  type StatusDocument,
} from '../control/documents.ts'
import type { Passwd } from '../directory/types.ts'
import { isHomeRefused, lookForLeftovers, type LeftoverSearch } from '../platform/leftovers.ts'
import { sssdFindings } from '../platform/sssd.ts'
import { ago, print, table, type Output } from './print.ts'
import { Refused, type Ask } from './resolver-client.ts'

/** 0 done, 1 the answer is no. */
export type ExitCode = 0 | 1

/** The answer is no: in words on stderr, and with --json as the one document on stdout too. */
function told(output: Output, { message, hint }: Refused): ExitCode {
  if (output.json) output.write(JSON.stringify({ error: { message, hint } }, null, 2))
  output.warn(`iamlogin: ${message}\nhint: ${hint}`)
  return 1
}

const leftThere: Readonly<Record<OwedWriteDocument['onDisk'], string>> = {
  older: 'the older one stays, which grants nothing that was taken away',
  none: 'there is none meanwhile',
  wrong: 'the older one GRANTS WHAT WAS TAKEN AWAY and cannot be removed',
}

function owedLines(owed: readonly OwedWriteDocument[], now: number): readonly string[] {
  return owed.flatMap(({ file, since, error, onDisk }) => [
    `not written: ${file}, first tried ${ago(since, now)}: ${error}`,
    `             ${leftThere[onDisk]}`,
    '             hint: make room in the state directory (/var/lib/iamlogin), and make it writable',
  ])
}

function overrideLines({ unreadOverrides }: StatusDocument['source']): readonly string[] {
  if (unreadOverrides === null) return []
  const { message, hint, kept, leftOut } = unreadOverrides
  return [
    `           ${message}: what was read last stays for ${kept}, no account before they are read for ${leftOut}`,
    `           hint: ${hint}`,
  ]
}

function statusText(status: StatusDocument, now: number): string {
  const { source, directory, keys, misses } = status
  const asked = keys.hits + keys.misses
  const calls = Object.entries(source.apiCalls).map(([name, count]) => `${name} ${count}`)
  return [
    `iamlogind ${status.version}, started ${ago(status.startedAt, now)}, ${Math.round(status.rssBytes / 1048576)} MiB`,
    `source     ${source.kind}: ${source.state}`,
    ...(source.lastError === null
      ? []
      : [`           ${source.lastError.message}`, `           hint: ${source.lastError.hint}`]),
    ...source.unreadGroups.flatMap(({ message, hint, isAbsent, lastReadAt }) => [
      `           ${message}: ${isAbsent ? 'it has no members' : lastReadAt === null ? 'no members of it are known' : `its members of ${ago(lastReadAt, now)} stay`}`,
      `           hint: ${hint}`,
    ]),
    ...overrideLines(source),
    `directory  ${directory.users} users, ${directory.groups} groups, read ${ago(directory.readAt, now)}${directory.stale ? ' (stale)' : ''}`,
    `keys       ${keys.cached} people cached, ${asked === 0 ? 'not asked yet' : `${Math.round((100 * keys.hits) / asked)} % hits`}`,
    ...keys.problems.flatMap(({ message, hint, since }) => [
      `           since ${ago(since, now)}: ${message}`,
      `           hint: ${hint}`,
    ]),
    ...(keys.doubted === 0
      ? []
      : [
          `           ${keys.doubted} people lost all keys at once: believed at a second reading`,
          '           hint: `iamlogin refresh --confirm` accepts it now',
        ]),
    `unknown    ${misses.cached} unknown names cached, ${misses.budgetLeft} of ${misses.budgetPerMinute} AWS calls left this minute`,
    `API calls  ${calls.join(', ') || 'none'}`,
    ...owedLines(status.owedWrites, now),
    ...status.notices.map((sentence) => `notice     ${sentence}`),
    ...directory.refused.map((each) => `refused    ${each.kind} ${each.name}: ${each.reason}`),
    ...directory.notices.map((each) => `note       ${each.kind} ${each.name}: ${each.reason}`),
  ].join('\n')
}

/** Whether what the resolver serves is all of what the source says now, here and on disk. */
function isWell({ source, directory, owedWrites }: StatusDocument): boolean {
  return source.state === 'ok' && !directory.stale && owedWrites.length === 0
}

/**
 * iamlogin status: 0 when all is well; 1 before the first read, when the source fails, a group, keys or
 * tags cannot be read, the directory is stale, or the state directory cannot be written.
 */
export async function status(
  ask: Ask,
  output: Output,
  now: number,
  ofSssd: () => readonly string[] = sssdFindings,
): Promise<ExitCode> {
  const answer = await ask(statusDocument, '/status')
  if (answer instanceof Refused) return told(output, answer)
  // The resolver may not read sssd.conf; this command, run as root, may.
  const document = { ...answer, notices: [...answer.notices, ...ofSssd()] }
  print(output, document, (each) => statusText(each, now))
  return isWell(document) ? 0 : 1
}

/** iamlogin users */
export async function users(ask: Ask, output: Output): Promise<ExitCode> {
  const document = await ask(usersDocument, '/users')
  if (document instanceof Refused) return told(output, document)
  print(output, document, (each) =>
    table(
      each.users.map((user) => ({
        name: user.name,
        uid: user.uid,
        'IAM user': user.iamName,
        groups: user.groups.filter((group) => group !== user.name).join(' '),
        id: user.id,
      })),
      'no users: is anybody in access.groups?',
    ),
  )
  return 0
}

/** iamlogin groups */
export async function groups(ask: Ask, output: Output): Promise<ExitCode> {
  const document = await ask(groupsDocument, '/groups')
  if (document instanceof Refused) return told(output, document)
  print(output, document, (each) =>
    table(
      each.groups.map((group) => ({
        name: group.name,
        gid: group.gid,
        members: group.members.join(' '),
      })),
      'no groups',
    ),
  )
  return 0
}

/** iamlogin keys USER: 1 when there is no such user or no key. */
export async function keys(ask: Ask, output: Output, user: string, now: number): Promise<ExitCode> {
  const document = await ask(keysDocument, `/keys/${encodeURIComponent(user)}`)
  if (document instanceof Refused) return told(output, document)
  print(output, document, (each) =>
    [
      table(
        each.keys.map((key) => ({
          type: key.type,
          fingerprint: key.fingerprint,
          source: key.source,
          owner: key.owner,
          age: ago(key.uploadedAt, now),
        })),
        `no valid key for ${user}`,
      ),
      ...each.refused.map(
        (refused) =>
          `refused ${refused.id}${refused.type === '' ? '' : ` (${refused.type})`}: ${refused.reason}`,
      ),
      ...(each.stale ? ['the source cannot be asked: these are the last known keys'] : []),
    ].join('\n'),
  )
  return document.keys.length > 0 ? 0 : 1
}

function verdict(name: string, { allowed, account, isLocal }: ExplainDocument): string {
  if (isLocal && account === name)
    return allowed
      ? `${name} is a local account that the people above share`
      : `${name} is a local account: no key in IAM opens it`
  return allowed ? `${name} can log in here as ${account ?? name}` : `${name} cannot log in here`
}

const marks = { pass: 'yes ', fail: 'NO  ', info: '    ' } as const

/** What only the process that asks can see: the resolver's unit has no homes (ProtectHome=). */
type HostView = {
  readonly look: () => Promise<LeftoverSearch>
  readonly isHomeRefused: (account: Passwd) => Promise<boolean>
}

async function withHost(document: ExplainDocument, host: HostView): Promise<ExplainDocument> {
  const { passwd } = document
  if (passwd === null) return document
  const left = await (await host.look()).find(passwd, 'files')
  const isRefused = await host.isHomeRefused(passwd)
  const home = {
    rule: 'home',
    outcome: 'fail' as const,
    found: `${passwd.dir} belongs to another uid: PAM refuses the login`,
  }
  const more = left.map((found) => ({
    rule: 'left by somebody else',
    outcome: 'info' as const,
    found,
  }))
  return {
    ...document,
    allowed: document.allowed && !isRefused,
    steps: [...document.steps, ...(isRefused ? [home] : []), ...more],
  }
}

/** iamlogin explain NAME: 1 when NAME cannot log in here. */
export async function explain(
  ask: Ask,
  output: Output,
  name: string,
  host: HostView = { look: lookForLeftovers, isHomeRefused },
): Promise<ExitCode> {
  const answer = await ask(explainDocument, `/explain/${encodeURIComponent(name)}`)
  if (answer instanceof Refused) return told(output, answer)
  const document = await withHost(answer, host)
  print(output, document, (each) =>
    [
      ...each.steps.map((step) => `${marks[step.outcome]} ${step.rule}: ${step.found}`),
      verdict(name, each),
    ].join('\n'),
  )
  return document.allowed ? 0 : 1
}

/** iamlogin refresh [USER]: 1 when the source could not be read, or what it says not be written. */
export async function refresh(
  ask: Ask,
  output: Output,
  options: { readonly user: string | undefined; readonly confirm: boolean; readonly now: number },
): Promise<ExitCode> {
  const query = new URLSearchParams({
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.confirm ? { confirm: '1' } : {}),
  })
  const document = await ask(refreshDocument, `/refresh?${query.toString()}`, 'POST')
  if (document instanceof Refused) return told(output, document)
  print(output, document, (each) =>
    [
      each.error === null
        ? `read: ${each.users} users, ${each.groups} groups`
        : `not read, the last good directory stays: ${each.error.message}\nhint: ${each.error.hint}`,
      ...owedLines(each.owedWrites, options.now),
    ].join('\n'),
  )
  return document.refreshed && document.owedWrites.length === 0 ? 0 : 1
}

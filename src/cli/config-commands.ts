// iamlogin config check, config show, config grants: what the configuration says, without the resolver.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import { findOnHost, type Finding, type HostFacts } from '../config/host-check.ts'
import { loadConfig, originText } from '../config/load.ts'
import { queriedGroups } from '../directory/access.ts'
import { SourceError } from '../errors.ts'
import { readSecret } from '../notify/webhook.ts'
import { toFileError } from '../platform/file-error.ts'
import { formerLists, grantsOf, rootLists, type Grant } from '../platform/grants.ts'
import { replaceFile } from '../platform/replace-file.ts'
import { sssdFindings } from '../platform/sssd.ts'
import { createFileSource } from '../sources/file.ts'
import { print, table, type Output } from './print.ts'

/** What is wrong with the directory of the source `file`: it is read as the resolver reads it. */
async function findInFile({ source, access }: Config): Promise<readonly Finding[]> {
  if (source.kind !== 'file') return []
  const groups = queriedGroups(access)
  try {
    const { unread = [] } = await createFileSource(source).fetchDirectory(
      { groups },
      new AbortController().signal,
    )
    return unread.map(({ message, hint }) => ({ level: 'warning', message: `${message}: ${hint}` }))
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const lines = error.message.split('\n').map((line) => `${line}: ${error.hint}`)
    return lines.map((message) => ({ level: 'error', message }))
  }
}

/**
 * iamlogin config check: 0, or 1 where the resolver could not read the files, the directory of the
 * source `file` among them. What this host lacks of what the configuration names is a warning.
 * @throws {ConfigError} for a configuration that cannot be used.
 */
export async function configCheck(output: Output, file: string, host: HostFacts): Promise<0 | 1> {
  const loaded = loadConfig(file)
  const { files, config } = loaded
  const { url, secretFile } = config.notify
  if (url !== '' && secretFile !== '') readSecret(secretFile)
  const findings = [...findOnHost(loaded, host), ...(await findInFile(config))]
  const ok = findings.every(({ level }) => level !== 'error')
  for (const { level, message } of findings) output.warn(`${level}: ${message}`)
  print(output, { ok, files, findings }, () => `${files.join(', ')}: ${ok ? 'good' : 'not usable'}`)
  return ok ? 0 : 1
}

/** iamlogin config show: the merged configuration with each value's origin. */
export function configShow(output: Output, file: string): 0 {
  const { rows } = loadConfig(file)
  print(output, rows, () =>
    table(
      rows.map((row) => ({
        key: row.key,
        value: row.value === null ? 'not set' : JSON.stringify(row.value),
        origin: originText(row.origin),
      })),
      'nothing',
    ),
  )
  return 0
}

/** Whether processes of every user reach what is below; a list that cannot be read is no list to the C side. */
function isSearchable(folder: string): boolean {
  return (statSync(folder).mode & 0o001) !== 0
}

const written = '# Written from '

/** Every process reads them and only root may write them, whatever this process's umask. */
async function writeGrants(file: string, grants: readonly Grant[]): Promise<void> {
  mkdirSync(rootLists, { recursive: true })
  chmodSync(rootLists, 0o755)
  for (const { path, key, names } of grants) {
    const text = `${written}${key} of ${file} by: iamlogin config grants --write\n${names.map((name) => `${name}\n`).join('')}`
    // The unit writes them at each start and reload, an administrator at any time.
    const form = { path, mode: 0o644, writer: String(process.pid) }
    await replaceFile(form, Buffer.from(text)).catch((error: unknown) => {
      throw toFileError(error, path) ?? error
    })
  }
  for (const path of formerLists)
    if (existsSync(path) && readFileSync(path, 'utf8').startsWith(written)) rmSync(path)
}

/**
 * iamlogin config grants [--write]: the local groups and accounts that root hands out. The NSS module
 * and the key command read them from files of root's, so that a resolver that was taken over can't.
 */
export async function configGrants(output: Output, file: string, write: boolean): Promise<0> {
  const { access, ids, accounts } = loadConfig(file).config
  const grants = grantsOf({ ...access, ids, home: accounts.home })
  if (write) await writeGrants(file, grants)
  // The unit writes the lists as root at each start: what only root may read is logged by it.
  if (write) for (const finding of sssdFindings()) output.warn(`warning: ${finding}`)
  if (write && !isSearchable(dirname(rootLists)))
    output.warn(
      `${dirname(rootLists)}: processes of other users cannot read root's lists below it, and so resolve nobody: chmod 755 ${dirname(rootLists)}`,
    )
  print(output, { grants, written: write }, () =>
    grants.map(({ path, names }) => `${path}: ${names.join(', ') || 'none'}`).join('\n'),
  )
  return 0
}

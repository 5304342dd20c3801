// Reads the configuration file and conf.d, merges them, and tells every mistake with file and line.
import { readFileSync, statSync } from 'node:fs'
import { distance } from 'fastest-levenshtein'
import { parse, TomlError } from 'smol-toml'
import type * as z from 'zod'
import { ConfigError } from '../errors.ts'
import type { Config } from './config.ts'
import { configFiles, configFolder, type ConfigFiles } from './files.ts'
import { configDefaults, configSchema, type RawConfig } from './schema.ts'
import { createLineOf, type LineOf, type TomlPath } from './toml-lines.ts'

/** Where a value comes from: a file and its line, or the default. */
export type Origin = { readonly file: string; readonly line: number } | 'default'

export type ConfigRow = {
  readonly key: string
  /** As it is written in TOML; null for a key that is not set and has no default. */
  readonly value: unknown
  readonly origin: Origin
}

export type LoadedConfig = {
  readonly config: Config
  /** Every key with its value and origin, in the order of the schema. */
  readonly rows: readonly ConfigRow[]
  readonly files: readonly string[]
  /** Files in conf.d that are not read, for their names do not end in .toml. */
  readonly ignored: readonly string[]
}

/** "FILE:LINE", or "default". */
export function originText(origin: Origin): string {
  return origin === 'default' ? 'default' : `${origin.file}:${origin.line}`
}

type Table = { readonly [key: string]: unknown }
type ConfigFile = { readonly name: string; readonly table: Table; readonly lineOf: LineOf }

function isTable(value: unknown): value is Table {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  )
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EACCES'
}

function readConfigFile(name: string): ConfigFile {
  let text: string
  try {
    const mode = statSync(name).mode
    if ((mode & 0o022) !== 0)
      throw new ConfigError('config_unreadable', `${name}: writable by others than its owner`, {
        hint: `whoever can write it can let people in: chmod go-w ${name}`,
      })
    text = readFileSync(name, 'utf8')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError('config_unreadable', `reading ${name}: ${message(error)}`, {
      hint: isDenied(error)
        ? `as another user than iamlogin, run it as root; the user iamlogin must be able to read it: chgrp iamlogin ${name} && chmod g+r ${name}`
        : 'write the file (the README shows one) or name another one in IAMLOGIN_CONFIG',
      cause: error,
    })
  }
  try {
    return { name, table: parse(text), lineOf: createLineOf(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [reason = 'no TOML'] = error.message.split('\n')
    throw new ConfigError('config_syntax', `${name}:${error.line}:${error.column}: ${reason}`, {
      hint: 'fix the TOML syntax on that line: https://toml.io/en/v1.0.0',
      cause: error,
    })
  }
}

function listFiles(main: string): ConfigFiles {
  try {
    return configFiles(main)
  } catch (error) {
    const folder = configFolder(main)
    throw new ConfigError('config_unreadable', `reading ${folder}: ${message(error)}`, {
      hint: `as another user than iamlogin, run it as root; the user iamlogin must be able to read it: chgrp iamlogin ${folder} && chmod g+rx ${folder}`,
      cause: error,
    })
  }
}

function merge(base: Table, over: Table): Table {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    merged[key] = isTable(before) && isTable(value) ? merge(before, value) : value
  }
  return merged
}

function valueAt(table: unknown, path: TomlPath): unknown {
  let value = table
  for (const step of path) {
    if (Array.isArray(value) && typeof step === 'number')
      value = (value as readonly unknown[])[step]
    else if (isTable(value) && Object.hasOwn(value, String(step))) value = value[String(step)]
    else return undefined
  }
  return value
}

/** The last file that writes the path (or the part of it that exists) gave the value. */
function originOf(files: readonly ConfigFile[], path: TomlPath): Origin {
  for (let length = path.length; length > 0; length--) {
    const part = path.slice(0, length)
    const file = files.findLast(({ table }) => valueAt(table, part) !== undefined)
    if (file !== undefined) return { file: file.name, line: file.lineOf(part) ?? 1 }
  }
  return 'default'
}

function keyText(path: TomlPath): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1)
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

function knownKeys(path: TomlPath): readonly string[] {
  const [section] = path
  if (section === undefined) return Object.keys(configDefaults)
  return Object.keys(configDefaults[String(section)] ?? {})
}

function suggestion(key: string, path: TomlPath): string {
  const known = knownKeys(path)
  const best = known.toSorted((a, b) => distance(key, a) - distance(key, b))[0]
  const near = best !== undefined && distance(key, best) <= Math.max(2, best.length / 3)
  return near ? `did you mean "${best}"?` : `allowed: ${known.join(', ')}`
}

function place(files: readonly ConfigFile[], path: TomlPath): string {
  const origin = originOf(files, path)
  const [first] = files
  return origin === 'default' ? `${first?.name ?? ''}:1` : `${origin.file}:${origin.line}`
}

function problems(
  files: readonly ConfigFile[],
  merged: Table,
  issues: z.core.$ZodIssue[],
): readonly string[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => {
        const full = [...path, key]
        return `${place(files, full)}: ${keyText(full)}: unknown key; ${suggestion(key, path)}`
      })
    if (keyText(path) === 'source.kind' && valueAt(merged, path) === 's3')
      return [
        `${place(files, path)}: source.kind: found "s3", which this version does not read yet; allowed: "iam" or "file"`,
      ]
    const allowed = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? '') : issue.message
    return [
      `${place(files, path)}: ${keyText(path)}: found ${shown(valueAt(merged, path))}; allowed: ${allowed}`,
    ]
  })
}

/** Rules between keys: what belongs to which kind, and that the rules let any person in. */
function crossProblems(
  files: readonly ConfigFile[],
  merged: Table,
  raw: RawConfig,
): readonly string[] {
  const found: string[] = []
  const onlyIam = ['assume_role', 'external_id', 'region', 'endpoint', 'miss_calls_per_minute']
  const foreign = raw.source.kind === 'iam' ? ['path'] : onlyIam
  for (const key of foreign) {
    const path = ['source', key]
    if (valueAt(merged, path) !== undefined)
      found.push(
        `${place(files, path)}: source.${key}: has no meaning with kind = "${raw.source.kind}"; remove it or change source.kind`,
      )
  }
  if (raw.source.external_id !== undefined && raw.source.assume_role === undefined)
    found.push(
      `${place(files, ['source', 'external_id'])}: source.external_id: has no meaning without source.assume_role`,
    )
  if (raw.access.groups.length === 0 && raw.access.instance_tag === '')
    found.push(
      `${place(files, ['access'])}: access.groups: found nothing; allowed: a list of IAM groups whose members may come in, such as groups = ["developers"], or access.instance_tag`,
    )
  return found
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V })
}

function toSource({ source }: RawConfig): Config['source'] {
  const times = {
    refreshMs: source.refresh,
    offlineMs: source.offline,
    missCallsPerMinute: source.miss_calls_per_minute,
  }
  if (source.kind === 'file') return { kind: 'file', ...times, path: source.path }
  return {
    kind: 'iam',
    ...times,
    ...optional('assumeRole', source.assume_role),
    ...optional('externalId', source.external_id),
    ...optional('region', source.region),
    ...optional('endpoint', source.endpoint),
  }
}

function toConfig(raw: RawConfig): Config {
  return {
    source: toSource(raw),
    access: {
      groups: raw.access.groups,
      instanceTag: raw.access.instance_tag,
      sudoGroups: raw.access.sudo_groups,
      sudoInstanceTag: raw.access.sudo_instance_tag,
      localGroups: raw.access.local_groups,
      requireMfa: raw.access.require_mfa,
      sharedAccounts: raw.access.shared_accounts,
    },
    names: {
      case: raw.names.case,
      stripDomains: raw.names.strip_domain,
      reserved: raw.names.reserved,
    },
    ids: raw.ids,
    accounts: raw.accounts,
    keys: {
      ttlMs: raw.keys.ttl,
      tags: raw.keys.tags,
      types: raw.keys.types,
      minRsaBits: raw.keys.min_rsa_bits,
      maxAgeMs: raw.keys.max_age,
    },
    sessions: { onRevoke: raw.sessions.on_revoke },
    audit: raw.audit,
    notify: {
      url: raw.notify.url,
      snsTopic: raw.notify.sns_topic,
      events: raw.notify.events,
      secretFile: raw.notify.secret_file,
    },
    metrics: raw.metrics,
  }
}

function rowsOf(files: readonly ConfigFile[], merged: Table): readonly ConfigRow[] {
  return Object.entries(configDefaults).flatMap(([section, keys]) =>
    Object.entries(keys).map(([key, standard]) => {
      const written = valueAt(merged, [section, key])
      return {
        key: `${section}.${key}`,
        value: written ?? standard ?? null,
        origin: written === undefined ? 'default' : originOf(files, [section, key]),
      } satisfies ConfigRow
    }),
  )
}

/**
 * Loads `main`, then `conf.d/*.toml` beside it in name order; later keys win.
 * @throws {ConfigError} with one line `file:line: key: found …; allowed: …` for each mistake.
 */
export function loadConfig(main: string): LoadedConfig {
  const listed = listFiles(main)
  const files = listed.files.map(readConfigFile)
  const merged = files.reduce<Table>((base, file) => merge(base, file.table), {})
  const parsed = configSchema.safeParse(merged)
  const found = parsed.success
    ? crossProblems(files, merged, parsed.data)
    : problems(files, merged, parsed.error.issues)
  if (!parsed.success || found.length > 0)
    throw new ConfigError('config_invalid', found.join('\n'), {
      hint: 'fix the lines above; `iamlogin config show` lists every key',
    })
  return {
    config: toConfig(parsed.data),
    rows: rowsOf(files, merged),
    files: listed.files,
    ignored: listed.ignored,
  }
}

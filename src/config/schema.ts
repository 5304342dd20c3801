// The configuration's TOML spelling: every key, its type, its range, its default. Strict: a key
// that is not here is refused, so that a typing mistake never silently opens a host.
import * as z from 'zod'
import { countIds } from '../directory/ids.ts'

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** A duration as milliseconds: "30s", "5m", "12h", "7d"; "0" where `min` allows it. */
function duration(min: string, max: string): z.ZodType<number, string> {
  const allowed = `a duration such as "30s", "5m", "12h" or "7d", from "${min}" to "${max}"`
  return z
    .string({ error: allowed })
    .refine((text) => {
      const ms = parseDuration(text)
      const [low, high] = [parseDuration(min) ?? 0, parseDuration(max) ?? 0]
      return ms !== undefined && ms >= low && ms <= high
    }, allowed)
    .transform((text) => parseDuration(text) ?? 0)
}

/** Milliseconds, or undefined for text that is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const match = /^(\d{1,9})([smhd])$/.exec(text)
  return match === null ? undefined : Number(match[1]) * (units[match[2] ?? ''] ?? 0)
}

const boolean = z.boolean({ error: 'true or false' })
const text = (allowed: string, pattern: RegExp): z.ZodString =>
  z.string({ error: allowed }).regex(pattern, allowed)
const integer = (min: number, max: number): z.ZodNumber => {
  const allowed = `a whole number from ${min} to ${max}`
  return z.number({ error: allowed }).int(allowed).min(min, allowed).max(max, allowed)
}

const groupName = text(
  'an IAM group name (letters, digits and _+=,.@-, at most 128) or "*"',
  /^(\*|[\w+=,.@-]{1,128})$/,
)
const groupNames = z.array(groupName, {
  error: 'a list of IAM group names, such as ["developers"]',
})
const plainGroupNames = z.array(
  text('an IAM group name (letters, digits and _+=,.@-, at most 128)', /^[\w+=,.@-]{1,128}$/),
  { error: 'a list of IAM group names, such as ["ops"]' },
)
const linuxName = text('a Linux name such as "docker"', /^[a-z_][a-z0-9_-]{0,31}$/i)
const path = text(
  'an absolute path without ":" and control characters',
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  /^\/[^\u0000-\u001f:]{0,1022}$/,
)
// Homes are directly below one folder, which bounds what a tag may say: src/directory/home.ts.
const home = text(
  'FOLDER/%u, such as "/home/%u": an absolute path without ":", "." and "..", with %u in its last component alone',
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  /^(?=.{1,1000}$)(\/(?!\.{1,2}\/)[^\u0000-\u001f\u007f:%/]+)+\/(\w[\w.-]*)?%u[\w.-]*$/,
)
const tag = text('the name of a tag, or "" for none', /^[\p{L}\p{N}\s+\-=._:/@]{0,128}$/u)
const urlText = 'an http:// or https:// URL without user and password'
// fetch() takes no URL with a user in it.
const url = z
  .string({ error: urlText })
  .refine((value) => /^https?:\/\/[^\s/?#@]+([/?#]|$)/.test(value) && URL.canParse(value), urlText)

/** Key types that sshd knows and that can be checked here; sshd(8), AUTHORIZED_KEYS FILE FORMAT. */
export const keyTypes = [
  'ssh-ed25519',
  'sk-ssh-ed25519@openssh.com',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'ssh-rsa',
] as const

/** Audit events that [notify] can choose. */
export const notifiableEvents = [
  'login-allowed',
  'login-refused',
  'key-offered',
  'key-refused',
  'session-open',
  'session-close',
  'sudo',
  'access-lost',
  'user-renamed',
  'leftovers-found',
  'directory-changed',
  'source-failing',
  'source-recovered',
] as const

const table = 'a table'

export const configSchema = z.strictObject({
  source: z
    .strictObject(
      {
        kind: z.enum(['iam', 'file'], { error: '"iam" or "file"' }).default('iam'),
        refresh: duration('1s', '1d').prefault('60s'),
        offline: duration('0', '365d').prefault('7d'),
        miss_calls_per_minute: integer(1, 6000).default(60),
        assume_role: text(
          'the ARN of a role, such as "arn:aws:iam::123456789012:role/iamlogin"',
          /^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/,
        ).optional(),
        external_id: text(
          '2 to 1224 characters of [\\w+=,.@:/-]',
          /^[\w+=,.@:/-]{2,1224}$/,
        ).optional(),
        region: text(
          'an AWS region such as "eu-west-1"',
          /^[a-z]{2,6}(-[a-z]+)+-\d{1,2}$/,
        ).optional(),
        endpoint: url.optional(),
        path: path.default('/etc/iamlogin/directory.toml'),
      },
      { error: table },
    )
    .prefault({}),
  access: z
    .strictObject(
      {
        groups: groupNames.default([]),
        instance_tag: tag.default(''),
        sudo_groups: groupNames.default([]),
        sudo_instance_tag: tag.default(''),
        local_groups: z.array(linuxName, { error: 'a list of local group names' }).default([]),
        require_mfa: boolean.default(false),
        shared_accounts: z
          .record(
            linuxName.refine((name) => name !== 'root', 'a local account other than root'),
            plainGroupNames,
            { error: 'a table such as { "ec2-user" = ["ops"] }' },
          )
          .default({}),
      },
      { error: table },
    )
    .prefault({}),
  names: z
    .strictObject(
      {
        case: z.enum(['lower', 'preserve'], { error: '"lower" or "preserve"' }).default('lower'),
        strip_domain: z
          .array(text('a domain such as "example.com"', /^[\w-]+(\.[\w-]+)*$/), {
            error: 'a list of domains, such as ["example.com"]',
          })
          .default([]),
        reserved: z
          .array(text('a Linux name such as "myservice"', /^[a-z0-9_][a-z0-9_.-]{0,31}$/i), {
            error: 'a list of Linux names, such as ["myservice"]',
          })
          .default([]),
      },
      { error: table },
    )
    .prefault({}),
  ids: z
    .strictObject(
      {
        min: integer(65536, 2147483647).default(1879048192),
        max: integer(65536, 2147483647).default(2147352575),
      },
      { error: table },
    )
    .refine((range) => countIds(range) >= 1_000_000, {
      path: ['max'],
      error:
        "at least 1000000 ids from ids.min on, without systemd's 2147352576..2147418111: a smaller range makes clashes likely",
    })
    .prefault({}),
  accounts: z
    .strictObject(
      {
        home: home.default('/home/%u'),
        shell: path.default('/bin/bash'),
        tags: boolean.default(false),
      },
      { error: table },
    )
    .prefault({}),
  keys: z
    .strictObject(
      {
        ttl: duration('0', '1d').prefault('30s'),
        tags: boolean.default(true),
        types: z
          .array(z.enum(keyTypes, { error: `one of ${keyTypes.join(', ')}` }), {
            error: 'a list of key types',
          })
          .min(1, 'at least one key type')
          .default([...keyTypes]),
        min_rsa_bits: integer(1024, 16384).default(2048),
        max_age: duration('0', '3650d').prefault('0'),
      },
      { error: table },
    )
    .prefault({}),
  sessions: z
    .strictObject(
      {
        on_revoke: z
          .enum(['terminate', 'keep'], { error: '"terminate" or "keep"' })
          .default('terminate'),
      },
      { error: table },
    )
    .prefault({}),
  audit: z
    .strictObject(
      {
        journal: boolean.default(true),
        file: z
          .union([z.literal(''), path], { error: 'an absolute path, or "" for none' })
          .default(''),
      },
      { error: table },
    )
    .prefault({}),
  notify: z
    .strictObject(
      {
        url: z.union([z.literal(''), url], { error: `${urlText}, or ""` }).default(''),
        sns_topic: text(
          'the ARN of an SNS topic, or ""',
          /^(arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+(\.fifo)?)?$/,
        ).default(''),
        events: z
          .array(z.enum(notifiableEvents, { error: `one of ${notifiableEvents.join(', ')}` }), {
            error: 'a list of audit events',
          })
          .default(['session-open', 'login-refused', 'sudo', 'access-lost']),
        secret_file: z
          .union([z.literal(''), path], { error: 'an absolute path, or "" for unsigned' })
          .default(''),
      },
      { error: table },
    )
    .prefault({}),
  metrics: z
    .strictObject(
      {
        listen: text(
          '"address:port", such as "127.0.0.1:9464", or ""',
          /^(([\w.-]+|\[[0-9a-f:]+\]):\d{1,5})?$/i,
        ).default(''),
      },
      { error: table },
    )
    .prefault({}),
})

export type RawConfig = z.infer<typeof configSchema>

/** A key's default as it would be written; undefined where it has none. */
function writtenDefault(schema: z.ZodType): unknown {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? schema.def.defaultValue
    : undefined
}

/** Every key of every section, in order, with its default as it would be written in TOML. */
export const configDefaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> =
  Object.fromEntries(
    Object.entries(configSchema.shape).map(([section, schema]) => [
      section,
      Object.fromEntries(
        Object.entries(schema.unwrap().shape).map(([key, each]: [string, z.ZodType]) => [
          key,
          writtenDefault(each),
        ]),
      ),
    ]),
  )

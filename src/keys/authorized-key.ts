// One key of a source -> one line of authorized_keys(5), or the reason why not. Pure.
// The blob is decoded as RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4 and OpenSSH's PROTOCOL.u2f say.
import { createHash } from 'node:crypto'
import type { KeysConfig } from '../config/config.ts'
import type { SourceKey, SourceUser } from '../directory/types.ts'

export type AuthorizedKey = {
  /** `type blob comment`; the comment names the person and the key. */
  readonly line: string
  readonly type: string
  /** The base64 blob, as sshd's %k gives it. */
  readonly blob: string
  /** `SHA256:…` as ssh-keygen -l prints it. */
  readonly fingerprint: string
  readonly id: string
  readonly source: SourceKey['origin']
  readonly uploadedAt?: number
}

export type KeyResult =
  | { readonly ok: true; readonly key: AuthorizedKey }
  | {
      readonly ok: false
      readonly id: string
      /** As the key itself says it; empty where it is no key. */
      readonly type: string
      readonly reason: string
    }

/** SHA256 fingerprint of a base64 blob, in ssh-keygen's spelling. */
export function fingerprintOf(blob: string): string {
  const digest = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}

/** Splits a blob into its `string` fields; undefined when the lengths do not add up. */
function fieldsOf(blob: Buffer): readonly Buffer[] | undefined {
  const fields: Buffer[] = []
  let at = 0
  while (at < blob.length) {
    if (blob.length - at < 4) return undefined
    const length = blob.readUInt32BE(at)
    if (length > blob.length - at - 4) return undefined
    fields.push(blob.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return fields
}

function bitsOf(mpint: Buffer): number {
  const first = mpint.findIndex((byte) => byte !== 0)
  return first < 0 ? 0 : (mpint.length - first) * 8 - Math.clz32(mpint[first] ?? 0) + 24
}

const curveBytes: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 }

function checkCurve(
  type: string,
  curve: Buffer | undefined,
  point: Buffer | undefined,
): string | undefined {
  const name = /nistp\d+/.exec(type)?.[0] ?? ''
  if (curve?.toString('latin1') !== name) return `the curve is not ${name}`
  if (point?.length !== curveBytes[name] || point?.[0] !== 4) return 'the point is malformed'
  return undefined
}

const noApplication = 'the application is empty'

/** Why the fields are not a sound key of `type`; undefined when they are. */
function flawOf(type: string, fields: readonly Buffer[], minRsaBits: number): string | undefined {
  const [, first, second, third] = fields
  const count = (wanted: number): string | undefined =>
    fields.length === wanted
      ? undefined
      : `the key has ${fields.length} fields, ${type} has ${wanted}`
  switch (type) {
    case 'ssh-rsa': {
      const bits = bitsOf(second ?? Buffer.alloc(0))
      return (
        count(3) ??
        (bits < minRsaBits ? `RSA of ${bits} bits, keys.min_rsa_bits is ${minRsaBits}` : undefined)
      )
    }
    case 'ssh-ed25519':
      return count(2) ?? (first?.length === 32 ? undefined : 'the point is malformed')
    case 'sk-ssh-ed25519@openssh.com':
      return (
        count(3) ??
        (second?.length === 0 ? noApplication : undefined) ??
        (first?.length === 32 ? undefined : 'the point is malformed')
      )
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return count(4) ?? (third?.length === 0 ? noApplication : checkCurve(type, first, second))
    default:
      return count(3) ?? checkCurve(type, first, second)
  }
}

/**
 * Checks one key: shape, type allowed, blob of the type that it claims, size, age.
 * Options in front of the type are refused: a key of the source may not bring commands along.
 * @param now milliseconds since the epoch
 */
export function toAuthorizedKey(
  key: SourceKey,
  owner: SourceUser,
  rules: { readonly keys: KeysConfig; readonly now: number },
): KeyResult {
  const match = /^([a-z0-9@.-]{1,64}) +([A-Za-z0-9+/]{16,6000}={0,2})(?: [^\r\n]*)?$/.exec(
    key.body.trim(),
  )
  const [, type = '', blob = ''] = match ?? []
  const refuse = (reason: string): KeyResult => ({ ok: false, id: key.id, type, reason })
  if (key.inactive === true) return refuse('inactive')
  if (match === null) return refuse('it is not "type base64 [comment]" in one line')
  if (!rules.keys.types.includes(type)) return refuse(`type ${type} is not in keys.types`)
  const bytes = Buffer.from(blob, 'base64')
  const fields = fieldsOf(bytes)
  if (fields === undefined || bytes.toString('base64') !== blob)
    return refuse('the base64 part is malformed')
  if (fields[0]?.toString('latin1') !== type)
    return refuse(`it says ${type}, but holds another type`)
  const flaw = flawOf(type, fields, rules.keys.minRsaBits)
  if (flaw !== undefined) return refuse(flaw)
  const { maxAgeMs } = rules.keys
  if (maxAgeMs > 0 && key.uploadedAt !== undefined && rules.now - key.uploadedAt > maxAgeMs)
    return refuse(
      `it was uploaded ${new Date(key.uploadedAt).toISOString()}, longer ago than keys.max_age`,
    )
  return {
    ok: true,
    key: {
      line: `${type} ${blob} iamlogin:${owner.name}:${key.id}`,
      type,
      blob,
      fingerprint: fingerprintOf(blob),
      id: key.id,
      source: key.origin,
      ...(key.uploadedAt === undefined ? {} : { uploadedAt: key.uploadedAt }),
    },
  }
}

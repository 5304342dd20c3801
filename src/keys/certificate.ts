// What a blob that sshd names is: a key, or a certificate with a key inside. Pure.
// OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f; native/common/fingerprint.c says the same.
import { fingerprintOf } from './authorized-key.ts'

export type Certificate = {
  /** The key id that its CA gave it, control characters replaced, at most 255 characters. */
  readonly id: string
  /** A 64-bit number, in decimal. */
  readonly serial: string
}

export type Identified = {
  /** The base64 of the key itself: of a certificate, of the key inside. */
  readonly blob: string
  /** `SHA256:…` of that key, as ssh-keygen -l prints it for a key and its certificate alike. */
  readonly fingerprint: string
  readonly certificate?: Certificate
}

/** Certificate type -> type of the key inside, and how many fields that has. */
const kinds: ReadonlyMap<string, readonly [type: string, fields: number]> = new Map([
  ['ssh-ed25519-cert-v01@openssh.com', ['ssh-ed25519', 1]],
  ['ecdsa-sha2-nistp256-cert-v01@openssh.com', ['ecdsa-sha2-nistp256', 2]],
  ['ecdsa-sha2-nistp384-cert-v01@openssh.com', ['ecdsa-sha2-nistp384', 2]],
  ['ecdsa-sha2-nistp521-cert-v01@openssh.com', ['ecdsa-sha2-nistp521', 2]],
  ['ssh-rsa-cert-v01@openssh.com', ['ssh-rsa', 2]],
  ['ssh-dss-cert-v01@openssh.com', ['ssh-dss', 4]],
  ['sk-ssh-ed25519-cert-v01@openssh.com', ['sk-ssh-ed25519@openssh.com', 2]],
  ['sk-ecdsa-sha2-nistp256-cert-v01@openssh.com', ['sk-ecdsa-sha2-nistp256@openssh.com', 3]],
])

const idMax = 255

function clean(id: Buffer): string {
  return id
    .toString('utf8')
    .replace(/[\p{Cc}\uFFFD]/gu, '?')
    .slice(0, idMax)
}

/** The `string` at `at` (RFC 4251), and where it ends; undefined past the end. */
function stringAt(
  bytes: Buffer,
  at: number,
): { readonly value: Buffer; readonly end: number } | undefined {
  if (bytes.length - at < 4) return undefined
  const end = at + 4 + bytes.readUInt32BE(at)
  return end > bytes.length ? undefined : { value: bytes.subarray(at + 4, end), end }
}

function openCertificate(
  bytes: Buffer,
): { readonly key: Buffer; readonly certificate: Certificate } | undefined {
  const head = stringAt(bytes, 0)
  const kind = head === undefined ? undefined : kinds.get(head.value.toString('latin1'))
  const nonce = head === undefined ? undefined : stringAt(bytes, head.end)
  if (kind === undefined || nonce === undefined) return undefined
  const [type, fields] = kind
  let end = nonce.end
  for (let field = 0; field < fields; field++) {
    const each = stringAt(bytes, end)
    if (each === undefined) return undefined
    end = each.end
  }
  // Serial and use (user or host), then the key id.
  const id = bytes.length - end < 12 ? undefined : stringAt(bytes, end + 12)
  if (id === undefined) return undefined
  const typeField = Buffer.alloc(4 + type.length)
  typeField.writeUInt32BE(type.length)
  typeField.write(type, 4, 'latin1')
  return {
    key: Buffer.concat([typeField, bytes.subarray(nonce.end, end)]),
    certificate: { id: clean(id.value), serial: String(bytes.readBigUInt64BE(end)) },
  }
}

/** Says which key a base64 blob names; what is no sound certificate is taken for a key. */
export function identify(blob: string): Identified {
  const opened = openCertificate(Buffer.from(blob, 'base64'))
  if (opened === undefined) return { blob, fingerprint: fingerprintOf(blob) }
  const { certificate } = opened
  const key = opened.key.toString('base64')
  return { blob: key, fingerprint: fingerprintOf(key), certificate }
}

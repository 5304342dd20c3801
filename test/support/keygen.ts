// Key pairs of ssh-keygen(1).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The public key of a new pair, as in its `.pub`, and its fingerprint, as ssh-keygen -l prints it. */
export function generateKey(
  folder: string,
  type: string,
  bits: string,
): { readonly body: string; readonly fingerprint: string } {
  const path = join(mkdtempSync(join(folder, 'key-')), type)
  execFileSync('ssh-keygen', ['-q', '-t', type, '-b', bits, '-N', '', '-f', path])
  const fingerprint =
    execFileSync('ssh-keygen', ['-lf', `${path}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? ''
  return { body: readFileSync(`${path}.pub`, 'utf8'), fingerprint }
}

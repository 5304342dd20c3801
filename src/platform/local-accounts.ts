// The host's own accounts, read from the files: the resolver never asks libc, which would ask it.
import { readFileSync, statSync } from 'node:fs'
import { parseLocalAccounts } from '../directory/local.ts'
import type { LocalAccounts } from '../directory/types.ts'

/** Reads /etc/passwd and /etc/group anew when one of them changed. */
export function createLocalAccounts(
  passwdFile = '/etc/passwd',
  groupFile = '/etc/group',
): () => LocalAccounts {
  let mark = ''
  let accounts: LocalAccounts = { users: new Map(), groups: new Map() }
  return () => {
    const now = [passwdFile, groupFile]
      .map((file) => statSync(file))
      .map(({ ino, size, mtimeMs, ctimeMs }) => `${ino} ${size} ${mtimeMs} ${ctimeMs}`)
      .join()
    if (now !== mark) {
      accounts = parseLocalAccounts(
        readFileSync(passwdFile, 'utf8'),
        readFileSync(groupFile, 'utf8'),
      )
      mark = now
    }
    return accounts
  }
}

// /etc/passwd and /etc/group as text -> the names and ids that are not ours to touch.
import type { LocalAccounts } from './types.ts'

function parse(text: string): ReadonlyMap<string, number> {
  const entries = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':')
    // "+" and "-" begin the compat lines of nsswitch.conf(5): no names.
    if (name === undefined || name === '' || /^[#+-]/.test(name) || !/^\d+$/.test(id ?? ''))
      continue
    if (!entries.has(name)) entries.set(name, Number(id))
  }
  return entries
}

/** Reads passwd(5) and group(5); lines that are neither are skipped as libc does. */
export function parseLocalAccounts(passwdText: string, groupText: string): LocalAccounts {
  return { users: parse(passwdText), groups: parse(groupText) }
}

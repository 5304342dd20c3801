// What a host still holds under a name or a home that is another person's now. No access to it is
// given by us; it is in the way, or it gives access by its own rules: an administrator must decide.
import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Passwd } from '../directory/types.ts'
import { readIfThere } from './read-if-there.ts'

export type LeftoverSearch = {
  /** Names that a list holds: an account of any other name has leftovers in files alone. */
  readonly listed: ReadonlySet<string>
  /**
   * One sentence for each thing found, with what to do.
   * @param depth lists: what is in files that were read already; files: also each file's owner
   */
  readonly find: (account: Passwd, depth: 'lists' | 'files') => Promise<readonly string[]>
}

type Owned = { readonly what: string; readonly path: string }

/** Debian's and Red Hat's; crontab(1). */
const spools = ['/var/spool/cron/crontabs', '/var/spool/cron']

async function ownerOf(path: string): Promise<number | undefined> {
  try {
    const file = await lstat(path)
    return file.uid
  } catch {
    // Not there, or not for us to see: a caller with more rights finds it (`sudo iamlogin explain`).
    return undefined
  }
}

async function othersFile({ what, path }: Owned, uid: number): Promise<readonly string[]> {
  const owner = await ownerOf(path)
  return owner === undefined || owner === uid
    ? []
    : [
        `${what} ${path} belongs to uid ${owner}, not to ${uid}; fix: look into it, then move it away, or give it away by chown -R`,
      ]
}

/**
 * Whether PAM refuses a login of the account for its home: another uid than the account's and root's owns
 * it, or the symbolic link to it, as native/pam/home.c says. False where that cannot be seen.
 * @param root for tests: the folder that stands for /
 */
export async function isHomeRefused(
  { uid, dir }: Pick<Passwd, 'uid' | 'dir'>,
  root = '',
): Promise<boolean> {
  const isForeign = (owner: number): boolean => owner !== uid && owner !== 0
  try {
    const path = join(root, dir)
    const own = await lstat(path)
    if (isForeign(own.uid)) return true
    return own.isSymbolicLink() && isForeign((await stat(path)).uid)
  } catch {
    return false
  }
}

/** Lines `FIRST:…` of a file, by their first field. */
async function linesOf(path: string): Promise<readonly (readonly string[])[]> {
  const text = await readIfThere(path).catch(() => undefined)
  return (text ?? '').split('\n').map((line) => line.split(':'))
}

/**
 * Reads what lists names once, for any number of accounts.
 * @param root for tests: the folder that stands for /
 */
export async function lookForLeftovers(root = ''): Promise<LeftoverSearch> {
  const groups = new Map<string, string[]>()
  for (const [group = '', , , members = ''] of await linesOf(join(root, '/etc/group')))
    for (const member of members.split(',').filter((name) => name !== ''))
      groups.set(member, [...(groups.get(member) ?? []), group])
  const lingering = new Set(
    await readdir(join(root, '/var/lib/systemd/linger')).catch((): readonly string[] => []),
  )
  const ranges = new Map<string, string[]>()
  for (const file of ['/etc/subuid', '/etc/subgid'])
    for (const [name = ''] of await linesOf(join(root, file)))
      if (name !== '') ranges.set(name, [...(ranges.get(name) ?? []), file])

  const find: LeftoverSearch['find'] = async ({ name, uid, dir }, depth) => {
    const all = [
      { what: 'the home', path: dir },
      ...spools.map((spool) => ({ what: 'the crontab', path: `${spool}/${name}` })),
    ]
    const owned = depth === 'files' ? all : []
    const files = await Promise.all(
      owned.map(({ what, path }) => othersFile({ what, path: join(root, path) }, uid)),
    )
    return [
      ...files.flat(),
      ...(groups.get(name) ?? []).map(
        (group) =>
          `/etc/group names ${name} in ${group}: whoever has the name is a member; fix: gpasswd -d ${name} ${group}, unless it is meant`,
      ),
      ...(lingering.has(name)
        ? [
            `/var/lib/systemd/linger/${name}: services of ${name} start at boot; fix: loginctl disable-linger ${name}, unless it is meant`,
          ]
        : []),
      ...(ranges.get(name) ?? []).map(
        (file) => `${file} gives ${name} a range of ids; fix: remove the line, unless it is meant`,
      ),
    ]
  }
  return { listed: new Set([...groups.keys(), ...lingering, ...ranges.keys()]), find }
}

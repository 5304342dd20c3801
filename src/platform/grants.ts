// What root alone hands out: lists in files of root's, which the NSS module and the key command read
// themselves, so that a resolver that was taken over can't add to them; native/common/root-list.h.
import { readFileSync } from 'node:fs'
import { homeFolder } from '../directory/home.ts'

/** Where the lists are; only root may write the folder or a list. */
export const rootLists = '/etc/iamlogin/root.d'

/** Where the lists were before: what was written there by us is removed. */
export const formerLists = ['ids', 'local-groups', 'shared-accounts'].map(
  (name) => `/etc/iamlogin/${name}`,
)

export type Grant = {
  readonly path: string
  /** The key of the configuration that it is written from. */
  readonly key: string
  readonly names: readonly string[]
  /** Lines that hold where the list has no other of the kind; native/common/root-ids.h. */
  readonly defaults?: readonly string[]
}

const idsDefaults = ['1879048192-2147352575', '/home']

function sharesOf(accounts: readonly string[]): Grant {
  return {
    path: `${rootLists}/shared-accounts`,
    key: 'access.shared_accounts',
    names: accounts,
  }
}

/** The lists that belong to a configuration. */
export function grantsOf(config: {
  readonly localGroups: readonly string[]
  readonly sharedAccounts: Readonly<Record<string, unknown>>
  readonly ids: { readonly min: number; readonly max: number }
  readonly home: string
}): readonly Grant[] {
  return [
    {
      path: `${rootLists}/local-groups`,
      key: 'access.local_groups',
      names: config.localGroups,
    },
    sharesOf(Object.keys(config.sharedAccounts)),
    {
      path: `${rootLists}/ids`,
      key: 'ids.min, ids.max and accounts.home',
      names: [`${config.ids.min}-${config.ids.max}`, homeFolder(config.home)],
      defaults: idsDefaults,
    },
  ]
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function isFolder(line: string): boolean {
  return line.startsWith('/')
}

/** What the configuration grants and root's list does not have: a sentence each. */
export function missingGrants(grants: readonly Grant[], read = readText): readonly string[] {
  return grants.flatMap(({ path, key, names, defaults = [] }) => {
    const listed = read(path)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    const implied = defaults.filter(
      (each) => !listed.some((line) => isFolder(line) === isFolder(each)),
    )
    const missing = names.filter((name) => !listed.includes(name) && !implied.includes(name))
    return missing.length === 0
      ? []
      : [
          `${key} names ${missing.join(', ')}, which ${path} does not list: as root, run iamlogin config grants --write`,
        ]
  })
}

/** What root's list of shared accounts lacks of `account`: a sentence, or none. */
export function missingShare(account: string, read = readText): readonly string[] {
  return missingGrants([sharesOf([account])], read)
}

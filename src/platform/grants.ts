// What root alone hands out: lists in files of root's, which the NSS module and the key command read
// themselves, so that a resolver that was taken over can't add to them; native/common/root-list.h.
import { readFileSync } from 'node:fs'

export type Grant = {
  readonly path: string
  /** The key of the configuration that it is written from. */
  readonly key: string
  readonly names: readonly string[]
}

/** What iamlogin-terminate goes by where root lists no range. */
function isDefault({ min, max }: { readonly min: number; readonly max: number }): boolean {
  return min === 1_879_048_192 && max === 2_147_352_575
}

/** The lists that belong to a configuration. */
export function grantsOf(access: {
  readonly localGroups: readonly string[]
  readonly sharedAccounts: Readonly<Record<string, unknown>>
  readonly ids: { readonly min: number; readonly max: number }
}): readonly Grant[] {
  return [
    {
      path: '/etc/iamlogin/local-groups',
      key: 'access.local_groups',
      names: access.localGroups,
    },
    {
      path: '/etc/iamlogin/shared-accounts',
      key: 'access.shared_accounts',
      names: Object.keys(access.sharedAccounts),
    },
    {
      path: '/etc/iamlogin/ids',
      key: 'ids.min and ids.max',
      names: isDefault(access.ids) ? [] : [`${access.ids.min}-${access.ids.max}`],
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

/** What the configuration grants and root's list does not have: a sentence each. */
export function missingGrants(grants: readonly Grant[], read = readText): readonly string[] {
  return grants.flatMap(({ path, key, names }) => {
    const listed = read(path).split('\n')
    const missing = names.filter((name) => !listed.includes(name))
    return missing.length === 0
      ? []
      : [
          `${key} names ${missing.join(', ')}, which ${path} does not list: as root, run iamlogin config grants --write`,
        ]
  })
}

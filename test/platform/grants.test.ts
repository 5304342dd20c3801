import { describe, expect, it } from 'vitest'
import { grantsOf, missingGrants, missingShare } from '../../src/platform/grants.ts'

const ids = { min: 1_879_048_192, max: 2_147_352_575 }
const grants = grantsOf({
  ids,
  home: '/home/%u',
  localGroups: ['docker', 'video'],
  sharedAccounts: { 'ec2-user': [] },
})

describe('missingGrants', () => {
  it('says nothing when root listed every name', () => {
    expect(
      missingGrants(grants, (path) =>
        path.endsWith('ids') ? '# ours\n\n' : '# ours\ndocker\nvideo\nec2-user\n',
      ),
    ).toEqual([])
  })

  it('names what root did not list, the file and the mend', () => {
    expect(
      missingGrants(grants, (path) => (path.endsWith('groups') ? 'docker\nvid\n' : '')),
    ).toEqual([
      'access.local_groups names video, which /etc/iamlogin/root.d/local-groups does not list: as root, run iamlogin config grants --write',
      expect.stringContaining('access.shared_accounts names ec2-user') as string,
    ])
  })

  it('wants the range of ids listed where it is not the usual one', () => {
    const other = {
      ids: { min: 100_000, max: 2_000_000 },
      home: '/srv/homes/%u',
      localGroups: [],
      sharedAccounts: {},
    }
    expect(missingGrants(grantsOf(other), () => '')).toEqual([
      expect.stringContaining(
        '100000-2000000, /srv/homes, which /etc/iamlogin/root.d/ids',
      ) as string,
    ])
    expect(missingGrants(grantsOf(other), () => '100000-2000000\n/srv/homes\n')).toEqual([])
  })

  it('tells a list that still says what the configuration no longer does', () => {
    const told = missingGrants(grants, (path) =>
      path.endsWith('ids') ? '100000-2000000\n' : 'docker\nvideo\nec2-user\n',
    )
    expect(told).toEqual([
      expect.stringContaining('1879048192-2147352575, which /etc/iamlogin/root.d/ids') as string,
    ])
  })

  it('takes a file that cannot be read as an empty list', () => {
    const [first] = grantsOf({ ids, home: '/home/%u', localGroups: ['docker'], sharedAccounts: {} })
    const absent = first === undefined ? [] : [{ ...first, path: '/nonexistent/list' }]
    expect(missingGrants(absent)).toHaveLength(1)
  })
})

describe('missingShare', () => {
  it('says which account root’s list lacks', () => {
    const read = (): string => '# by hand\ndeploy\n'
    expect(missingShare('deploy', read)).toEqual([])
    expect(missingShare('admin', read)).toEqual([
      'access.shared_accounts names admin, which /etc/iamlogin/root.d/shared-accounts does not list: as root, run iamlogin config grants --write',
    ])
  })
})

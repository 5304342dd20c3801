import { describe, expect, it } from 'vitest'
import { grantsOf, missingGrants } from '../../src/platform/grants.ts'

const grants = grantsOf({ localGroups: ['docker', 'video'], sharedAccounts: { 'ec2-user': [] } })

describe('missingGrants', () => {
  it('says nothing when root listed every name', () => {
    expect(missingGrants(grants, () => '# ours\ndocker\nvideo\nec2-user\n')).toEqual([])
  })

  it('names what root did not list, the file and the mend', () => {
    expect(
      missingGrants(grants, (path) => (path.endsWith('groups') ? 'docker\nvid\n' : '')),
    ).toEqual([
      'access.local_groups names video, which /etc/iamlogin/local-groups does not list: as root, run iamlogin config grants --write',
      expect.stringContaining('access.shared_accounts names ec2-user') as string,
    ])
  })

  it('takes a file that cannot be read as an empty list', () => {
    const [first] = grantsOf({ localGroups: ['docker'], sharedAccounts: {} })
    const absent = first === undefined ? [] : [{ ...first, path: '/nonexistent/list' }]
    expect(missingGrants(absent)).toHaveLength(1)
  })
})

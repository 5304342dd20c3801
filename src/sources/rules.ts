// The rules of a configuration, with the groups that this instance's tags name.
import type { Config } from '../config/config.ts'
import type { DirectoryRules } from '../directory/types.ts'

/** The AWS SDK is loaded only where a tag is asked for. */
async function groupsInTag(tag: string, signal: AbortSignal): Promise<readonly string[]> {
  if (tag === '') return []
  const { readInstanceTag } = await import('./instance-tags.ts')
  return readInstanceTag(tag, signal)
}

/** @throws {SourceError} when a tag that the configuration names cannot be read */
export async function rulesOf(config: Config, signal: AbortSignal): Promise<DirectoryRules> {
  const { access, names, ids, accounts } = config
  const groups = await groupsInTag(access.instanceTag, signal)
  const sudoGroups = await groupsInTag(access.sudoInstanceTag, signal)
  return {
    groups: [...new Set([...access.groups, ...groups])],
    sudoGroups: [...new Set([...access.sudoGroups, ...sudoGroups])],
    sharedAccounts: access.sharedAccounts,
    nameCase: names.case,
    stripDomains: names.stripDomains,
    reservedNames: names.reserved,
    ids,
    home: accounts.home,
    shell: accounts.shell,
  }
}

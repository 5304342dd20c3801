// The configuration -> the source it asks for.
import type { Config } from '../config/config.ts'
import { createFileSource } from './file.ts'
import type { KeyBodies } from './iam-credentials.ts'
import type { Source } from './source.ts'

/** Names the configured source in state files: what was read from another one is not this one's. */
export function originOf({ source }: Config): string {
  switch (source.kind) {
    case 'file':
      return `file ${source.path}`
    case 'iam':
      return `iam ${source.assumeRole ?? ''} ${source.endpoint ?? ''}`
  }
}

/** Requests that asking for one person's keys costs, but for the bodies of keys that are new. */
export function callsPerPerson({ source, keys, access }: Config): number {
  return source.kind === 'file' ? 0 : 1 + Number(keys.tags) + Number(access.requireMfa)
}

/** Makes the configured source. The AWS SDK is loaded only where it is used. */
export async function createSource(
  config: Config,
  deps: { readonly bodies: KeyBodies },
): Promise<Source> {
  const { source } = config
  switch (source.kind) {
    case 'file':
      return createFileSource({ path: source.path })
    case 'iam': {
      const { createIamSource } = await import('./iam.ts')
      return createIamSource({
        ...source,
        keyTags: config.keys.tags,
        userTags: config.accounts.tags,
        mfa: config.access.requireMfa,
        bodies: deps.bodies,
      })
    }
  }
}

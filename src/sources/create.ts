// The configuration -> the source it asks for.
import type { Config } from '../config/config.ts'
import { createFileSource } from './file.ts'
import type { KeyBodies } from './iam-credentials.ts'
import type { Source } from './source.ts'

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

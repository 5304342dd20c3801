// What the configuration says of its source, without opening it.
import type { Config } from '../config/config.ts'

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

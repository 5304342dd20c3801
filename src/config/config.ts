// The configuration after decoding: durations are milliseconds, every default is filled in.
// The TOML spelling of each key is in schema.ts.

export type SourceConfig =
  | {
      readonly kind: 'iam'
      readonly refreshMs: number
      readonly offlineMs: number
      readonly assumeRole?: string
      readonly externalId?: string
      readonly region?: string
      readonly endpoint?: string
      /** The miss budget: most AWS calls per minute for unknown names and unknown keys. */
      readonly missCallsPerMinute: number
    }
  | {
      readonly kind: 'file'
      readonly refreshMs: number
      readonly offlineMs: number
      readonly path: string
      readonly missCallsPerMinute: number
    }

export type KeysConfig = {
  readonly ttlMs: number
  readonly tags: boolean
  readonly types: readonly string[]
  readonly minRsaBits: number
  /** 0: no limit. */
  readonly maxAgeMs: number
}

export type NotifyConfig = {
  readonly url: string
  readonly snsTopic: string
  /** Names of audit events (`event.action`) that are sent on. */
  readonly events: readonly string[]
  /** File whose content is the HMAC-SHA256 key; empty: unsigned. */
  readonly secretFile: string
}

export type Config = {
  readonly source: SourceConfig
  readonly access: {
    readonly groups: readonly string[]
    readonly instanceTag: string
    readonly sudoGroups: readonly string[]
    readonly sudoInstanceTag: string
    readonly localGroups: readonly string[]
    readonly requireMfa: boolean
    readonly sharedAccounts: Readonly<Record<string, readonly string[]>>
  }
  readonly names: {
    readonly case: 'lower' | 'preserve'
    readonly stripDomains: readonly string[]
    /** Names that are the system's, beside the built-in ones and those of sysusers.d. */
    readonly reserved: readonly string[]
  }
  readonly ids: { readonly min: number; readonly max: number }
  readonly accounts: {
    readonly home: string
    readonly shell: string
    /** Read every user's tags at each refresh for iamlogin:uid, :shell, :home, :name. */
    readonly tags: boolean
  }
  readonly keys: KeysConfig
  readonly sessions: { readonly onRevoke: 'terminate' | 'keep' }
  readonly audit: { readonly journal: boolean; readonly file: string }
  readonly notify: NotifyConfig
  readonly metrics: { readonly listen: string }
}

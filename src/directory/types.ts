// The data of the domain: what a source tells, and what this host makes of it.
// A Linux user is a Passwd; a SourceUser is a person in the source (IAM, a file).

/** One line of the passwd database; field names follow passwd(5). */
export type Passwd = {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly gecos: string
  readonly dir: string
  readonly shell: string
}

/** One line of the group database; field names follow group(5). `members` are Linux user names. */
export type Group = {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/** What a source may set for one user in place of the rules' result (IAM tags `iamlogin:uid` …). */
export type Overrides = {
  readonly uid?: number
  readonly gecos?: string
  readonly dir?: string
  readonly shell?: string
}

/** A person as the source knows them. */
export type SourceUser = {
  /** Immutable id: the IAM UserId (AIDA…); never reused. Uids are derived from it. */
  readonly id: string
  /** The name in the source: `[\w+=,.@-]{1,64}` in IAM. */
  readonly name: string
  readonly arn: string
  /** Milliseconds since the epoch (IAM CreateDate): the older one wins a clash. */
  readonly createdAt: number
  readonly overrides?: Overrides
}

export type SourceGroup = {
  /** Immutable id: the IAM GroupId (AGPA…). */
  readonly id: string
  readonly name: string
  readonly arn: string
  readonly createdAt: number
  /** Ids of SourceUsers. */
  readonly memberIds: readonly string[]
}

/** A group that was asked for and could not be read. */
export type UnreadGroup = {
  /** As it was asked for; "*" is the list of every user. */
  readonly name: string
  /** SourceError's. */
  readonly code: string
  readonly message: string
  readonly hint: string
  /** The source itself says that there is no such group: it has no members. Else: cannot say. */
  readonly isAbsent: boolean
  /** When its members were read last, milliseconds since the epoch; undefined: never, or too long ago. */
  readonly lastReadAt?: number
}

/** The people for whom the read of overrides failed. */
export type UnreadOverrides = {
  /**
   * Why, of the first of them; code, message and hint are SourceError's. Undefined where each of them was
   * only renamed or deleted while the source was read, which the next read tells.
   */
  readonly reason?: { readonly code: string; readonly message: string; readonly hint: string }
  /** Ids of people in `users` who keep the overrides of an earlier read (overrides.ts). */
  readonly keptIds: readonly string[]
  /** Ids of those in `users` without any known overrides: their uid and home are not known. */
  readonly unknownIds: readonly string[]
}

/** One page of a group's members, for the next read to know again. */
export type GroupPage = {
  /** Of the answer's bytes. */
  readonly sum: string
  /** How many of the group's members are on it. */
  readonly count: number
  /** The marker of the next page; absent on the last one. */
  readonly next?: string
}

/** Everything that one read of a source gave. */
export type SourceDirectory = {
  readonly users: readonly SourceUser[]
  readonly groups: readonly SourceGroup[]
  /** True when `users` is every user of the source (`"*"` was asked), not only members of `groups`. */
  readonly complete: boolean
  /** Groups that are not in `groups`, or with the members of an earlier read (merge.ts). */
  readonly unread?: readonly UnreadGroup[]
  /** Ids of people in `users` known from an earlier read alone. */
  readonly keptUserIds?: readonly string[]
  readonly unreadOverrides?: UnreadOverrides
  /** By the name of a group that was read whole: says nothing of who exists. */
  readonly pages?: Readonly<Record<string, readonly GroupPage[]>>
}

/** A key as the source stores it; not yet validated. */
export type SourceKey = {
  /** IAM SSHPublicKeyId (APKA…), or `tag:iamlogin:ssh-key:2`, or `file:<n>`. */
  readonly id: string
  readonly origin: 'iam' | 'tag' | 'file'
  /** `type blob [comment]` in one line. */
  readonly body: string
  /** Milliseconds since the epoch of the upload; undefined where the source does not tell. */
  readonly uploadedAt?: number
  /** The person switched it off in IAM: known, listed, and never opens a door. */
  readonly inactive?: true
}

/** Where what the door needs to know of one person comes from: each is believed by itself. */
export type CredentialPart = 'uploads' | 'tags' | 'mfa'

/** A part that was asked for and could not be read. */
export type UnreadPart = {
  readonly part: CredentialPart
  /** SourceError's. */
  readonly code: string
  readonly message: string
  readonly hint: string
  /** When the part was read last, milliseconds since the epoch; undefined: never, or too long ago. */
  readonly lastReadAt?: number
}

/** What a login needs to know of one person, read at the login. */
export type SourceCredentials = {
  readonly keys: readonly SourceKey[]
  /** Whether the person has an MFA device; undefined where it was not asked, or not answered. */
  readonly mfa?: boolean
  /** Parts of which `keys` and `mfa` have nothing, or what was known last. */
  readonly unread?: readonly UnreadPart[]
}

/** Given ids that stay: SourceUser/SourceGroup id -> uid/gid. */
export type Pins = {
  readonly uids: Readonly<Record<string, number>>
  readonly gids: Readonly<Record<string, number>>
  /** What stands for `%u` in the home of those whose home is not named after them: homes.ts. */
  readonly homes?: Readonly<Record<string, string>>
}

/** The names and ids of the host's own /etc/passwd and /etc/group. */
export type LocalAccounts = {
  readonly users: ReadonlyMap<string, number>
  readonly groups: ReadonlyMap<string, number>
}

/** What this host has beside its accounts, and must be minded where accounts of ours are made. */
export type HostAccounts = LocalAccounts & {
  /** Every id of the two files: of a name's second line too, and primary groups without a name. */
  readonly ids: ReadonlySet<number>
  /** Home of /etc/passwd, as it is written there -> the first user who has it. */
  readonly homes: ReadonlyMap<string, string>
  /** Names that sysusers.d(5) keeps for the system, in lower case, with the file that says so. */
  readonly sysusers: ReadonlyMap<string, string>
  /** Login shells that may be given: listed in shells(5) and executable here. */
  readonly shells: ReadonlySet<string>
}

/** Rules that make Linux accounts of source records; a plain slice of the configuration. */
export type DirectoryRules = {
  readonly groups: readonly string[]
  readonly sudoGroups: readonly string[]
  /** Local account -> IAM groups whose members may log in to it. */
  readonly sharedAccounts: Readonly<Record<string, readonly string[]>>
  readonly nameCase: 'lower' | 'preserve'
  readonly stripDomains: readonly string[]
  /** Names of the system's that the administrator adds to the built-in ones. */
  readonly reservedNames: readonly string[]
  readonly ids: { readonly min: number; readonly max: number }
  /** `%u` is the Linux user name. */
  readonly home: string
  readonly shell: string
}

/** A Linux user of ours and the person behind it. */
export type Account = { readonly passwd: Passwd; readonly user: SourceUser }

/** Why a source record is not on this host. */
export type Refusal = {
  readonly kind: 'user' | 'group'
  readonly id: string
  readonly name: string
  /** Stable word for scripts. */
  readonly code:
    | 'name-too-long'
    | 'name-invalid'
    | 'name-reserved'
    | 'name-local'
    | 'name-clash'
    | 'id-clash'
    | 'id-out-of-range'
    | 'not-in-groups'
    | 'tags-unread'
  /** One sentence for people. */
  readonly reason: string
  /** Id of the record that has what this one wanted. */
  readonly ownerId?: string
}

/** Something of a record that is here was not taken as the source or an earlier run says. */
export type Notice = Omit<Refusal, 'code' | 'ownerId'> & {
  /** Stable word for scripts. */
  readonly code: 'home-refused' | 'shell-refused' | 'id-moved'
}

/** What exists here: built from one SourceDirectory by the rules, immutable. */
export type Directory = {
  readonly accounts: readonly Account[]
  /** Private groups, IAM groups and iamlogin-sudo; each Linux group once. */
  readonly groups: readonly Group[]
  readonly refused: readonly Refusal[]
  readonly notices: readonly Notice[]
  /** SourceUsers who may log in to a shared local account: account name -> people. */
  readonly shared: Readonly<Record<string, readonly SourceUser[]>>
  readonly pins: Pins
}

/** The EC2 instance that this host is. */
export type Cloud = {
  readonly accountId: string
  readonly instanceId: string
  readonly region: string
  readonly availabilityZone: string
}

/**
 * Whether a name is still that of an id. 'renamed': the person has another name. 'another': the name is
 * another person's, or no person's. 'unknown': the source cannot say.
 */
export type Identity = 'same' | 'renamed' | 'another' | 'unknown'

// native/common/protocol.h in TypeScript; test/wire/codec.test.ts compares the two.

export const wireVersion = 1

export const op = {
  PING: 1,
  PASSWD_BY_NAME: 2,
  PASSWD_BY_UID: 3,
  GROUP_BY_NAME: 4,
  GROUP_BY_GID: 5,
  INITGROUPS: 6,
  PASSWD_LIST: 7,
  GROUP_LIST: 8,
  AUTHORIZED_KEYS: 16,
  ACCOUNT: 32,
  SESSION_OPEN: 33,
  SESSION_CLOSE: 34,
} as const

/** From this opcode on: requests of sshd and PAM, which hear PENDING while they wait. */
export const firstDoorOp = 16

export const status = {
  SUCCESS: 0,
  NOTFOUND: 1,
  UNAVAIL: 2,
  DENIED: 3,
  BAD_REQUEST: 4,
  PENDING: 5,
} as const
export type Status = (typeof status)[keyof typeof status]

export const verdict = { ALLOW: 0, DENY: 1, IGNORE: 2 } as const
export type Verdict = (typeof verdict)[keyof typeof verdict]

/** Response flag: answered from the last good data. */
export const flagStale = 0x01

export const limits = {
  REQUEST_MAX: 16384,
  RESPONSE_MAX: 4 * 1024 * 1024,
  NAME_MAX: 32,
  GECOS_MAX: 255,
  DIR_MAX: 1023,
  SHELL_MAX: 1023,
  MEMBERS_MAX: 100000,
  GIDS_MAX: 65536,
  KEYS_MAX: 100,
  KEY_LINE_MAX: 8192,
} as const

export const deadlines = { LOOKUP_DEADLINE_MS: 1500, DOOR_DEADLINE_MS: 6000 } as const

export const signs = { PENDING_MS: 200, SILENCE_MS: 1000 } as const

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE WIRE SPEC: what travels over /run/iamlogin/resolver.sock.
 *
 * src/wire/protocol.ts mirrors this file; test/vectors/ holds bytes that both sides
 * must produce and read. Change the three together; "Growth" says when the version is raised.
 *
 * Transport    AF_UNIX SOCK_STREAM. The client sends a request, reads one response, and
 *              may go on on the same connection; NSS opens one connection per call.
 * Byte order   little-endian everywhere.
 * Types        u8 u16 u32 u64 i64
 *              str    u16 length, then that many bytes: UTF-8, no NUL inside
 *              T[]    u32 count, then count times T
 *
 * Request      u32 length      bytes that follow this field, 4..IAMLOGIN_REQUEST_MAX
 *              u8  version     IAMLOGIN_WIRE_VERSION
 *              u8  opcode      IAMLOGIN_OP_*
 *              u16 flags       0
 *              payload         per opcode
 * Response     u32 length      bytes that follow this field, 4..IAMLOGIN_RESPONSE_MAX
 *              u8  version
 *              u8  opcode      the request's
 *              u8  status      IAMLOGIN_STATUS_*
 *              u8  flags       IAMLOGIN_FLAG_*
 *              payload         on SUCCESS as per opcode; else one str, the reason, for logs
 *
 * Signs of life  While a request of the door (opcode >= IAMLOGIN_DOOR_OP) waits for the source, the
 *              server sends PENDING frames without payload, one each IAMLOGIN_PENDING_MS, and then
 *              the response. A client that hears nothing for IAMLOGIN_SILENCE_MS has a resolver
 *              that hangs, and goes on as if none listened.
 * Growth       A status that a client does not know means UNAVAIL. The version is raised only for
 *              what an older side would misread: processes keep the modules that they loaded for weeks.
 *
 * A frame that breaks a rule is answered with BAD_REQUEST where its opcode could be
 * read, and the connection is closed. Bytes after the last field break a rule.
 *
 * Records
 *   passwd     str name, u32 uid, u32 gid, str gecos, str dir, str shell
 *   group      str name, u32 gid, str[] members
 *
 * Opcode              request                         response
 *   PING              -                               str version
 *   PASSWD_BY_NAME    str name                        passwd
 *   PASSWD_BY_UID     u32 uid                         passwd
 *   GROUP_BY_NAME     str name                        group
 *   GROUP_BY_GID      u32 gid                         group
 *   INITGROUPS        str user name                   u32[] gids (the primary one included)
 *   PASSWD_LIST       u64 generation, u32 offset      u64 generation, u32 next, passwd[]
 *   GROUP_LIST        u64 generation, u32 offset      u64 generation, u32 next, group[]
 *                     Start with 0, 0; go on with the generation and next of the last
 *                     response; next = 0 is the end. A generation that is gone gives
 *                     UNAVAIL: enumeration never mixes two directories.
 *   AUTHORIZED_KEYS   str user, u32 uid,              str[] lines (authorized_keys(5))
 *                     str key type, str key blob
 *                     (sshd's %u %U %t %k; type and blob may be empty: all keys)
 *   ACCOUNT           str user, str service,          u8 verdict, str rule, str message
 *                     str tty, str rhost, str ruser   (IAMLOGIN_VERDICT_*; message is for
 *                                                      the person at the door)
 *   SESSION_OPEN      str user, str service,          -
 *   SESSION_CLOSE     str tty, str rhost, str ruser,
 *                     u32 pid (the PAM application's), i64 time (us since the epoch),
 *                     str session (same in open and close; its first 16 digits: the open's
 *                     time in us, hexadecimal),
 *                     str auth info (SSH_AUTH_INFO_0, may be empty)
 *
 * Who may ask: PASSWD, GROUP, INITGROUPS, LIST and PING anyone; AUTHORIZED_KEYS root and the user
 * iamlogin; ACCOUNT and SESSION root. Others get DENIED. The server knows them by
 * SO_PEERCRED.
 */
#pragma once

#define IAMLOGIN_WIRE_VERSION 1

#define IAMLOGIN_RUNTIME_DIR "/run/iamlogin"
#define IAMLOGIN_STATE_DIR "/var/lib/iamlogin"
#define IAMLOGIN_SOCKET_NAME "resolver.sock"
#define IAMLOGIN_DIRECTORY_NAME "directory.db"

/* Set in the resolver's own environment: its lookups must not come back to itself. */
#define IAMLOGIN_SELF_ENV "IAMLOGIN_RESOLVER"

enum iamlogin_op {
        IAMLOGIN_OP_PING = 1,
        IAMLOGIN_OP_PASSWD_BY_NAME = 2,
        IAMLOGIN_OP_PASSWD_BY_UID = 3,
        IAMLOGIN_OP_GROUP_BY_NAME = 4,
        IAMLOGIN_OP_GROUP_BY_GID = 5,
        IAMLOGIN_OP_INITGROUPS = 6,
        IAMLOGIN_OP_PASSWD_LIST = 7,
        IAMLOGIN_OP_GROUP_LIST = 8,
        IAMLOGIN_OP_AUTHORIZED_KEYS = 16,
        IAMLOGIN_OP_ACCOUNT = 32,
        IAMLOGIN_OP_SESSION_OPEN = 33,
        IAMLOGIN_OP_SESSION_CLOSE = 34,
};

/* From this opcode on: requests of sshd and PAM. */
#define IAMLOGIN_DOOR_OP 16

enum iamlogin_status {
        IAMLOGIN_STATUS_SUCCESS = 0,
        IAMLOGIN_STATUS_NOTFOUND = 1,    /* known not to be there */
        IAMLOGIN_STATUS_UNAVAIL = 2,     /* cannot say; an outage is never NOTFOUND */
        IAMLOGIN_STATUS_DENIED = 3,      /* this peer may not ask that */
        IAMLOGIN_STATUS_BAD_REQUEST = 4, /* the frame broke a rule */
        IAMLOGIN_STATUS_PENDING = 5,     /* the resolver works on it; the response follows */
};

/* Response flag: answered from the last good data, the source could not be asked. */
#define IAMLOGIN_FLAG_STALE 0x01

enum iamlogin_verdict {
        IAMLOGIN_VERDICT_ALLOW = 0,
        IAMLOGIN_VERDICT_DENY = 1,
        IAMLOGIN_VERDICT_IGNORE = 2, /* not a user of ours */
};

/* Limits, in bytes unless said otherwise. */
#define IAMLOGIN_REQUEST_MAX 16384
#define IAMLOGIN_RESPONSE_MAX (4 * 1024 * 1024)
#define IAMLOGIN_NAME_MAX 32 /* useradd(8), utmp(5): a Linux user or group name */
#define IAMLOGIN_GECOS_MAX 255
#define IAMLOGIN_DIR_MAX 1023
#define IAMLOGIN_SHELL_MAX 1023
#define IAMLOGIN_MEMBERS_MAX 100000 /* members of one group, a count */
#define IAMLOGIN_GIDS_MAX 65536     /* groups of one user, a count; NGROUPS_MAX */
#define IAMLOGIN_KEYS_MAX 100       /* lines of one answer, a count */
#define IAMLOGIN_KEY_LINE_MAX 8192

/* Deadlines of a whole call, in milliseconds: the resolver's budget for AWS (1 s for a
 * lookup, 5 s at the door) and room for the way. */
#define IAMLOGIN_LOOKUP_DEADLINE_MS 1500
#define IAMLOGIN_DOOR_DEADLINE_MS 6000
/* What the pages of one enumeration may take together, however many there are. */
#define IAMLOGIN_LISTING_BUDGET_MS 3000

/* Between two signs of life of a resolver that works on a request of the door, and how long a client
 * waits for the next: a resolver that hangs costs a login four times the latter (the key command
 * twice, account, session), less than 5 s. */
#define IAMLOGIN_PENDING_MS 200
#define IAMLOGIN_SILENCE_MS 1000

/* Ids that no answer may carry, whatever the resolver says: all 16-bit ones, which are the system's,
 * local users', nobody's and the 16-bit "no id"; and the 32-bit "no id" and its neighbour. The
 * configuration allows ids.min no lower. */
#define IAMLOGIN_ID_FLOOR 65536
#define IAMLOGIN_ID_NONE16 65535
#define IAMLOGIN_ID_NONE32 4294967295

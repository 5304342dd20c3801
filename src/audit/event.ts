// What is worth telling afterwards: the union of audit events. docs and packaging/logging know
// each `action`; audit/ecs.ts spells them in Elastic Common Schema.
import type { SourceUser } from '../directory/types.ts'

export type AuditKey = {
  /** `SHA256:…` as ssh-keygen -l prints it. */
  readonly fingerprint: string
  readonly type: string
  /** SourceKey id: the IAM SSHPublicKeyId or the tag; undefined for a key that is not known. */
  readonly id?: string
  /** Where a certificate was used: fingerprint and id are those of the key inside. */
  readonly certificate?: { readonly id: string; readonly serial: string }
}

/** The door: which PAM application, from where. */
export type AuditDoor = {
  readonly service: string
  readonly tty: string
  readonly rhost: string
  /** The user who asked (PAM_RUSER): sudo and su name the person before. */
  readonly ruser: string
}

export type AuditSubject = {
  /** The Linux account that is entered: a user of ours or a shared local account. */
  readonly linuxUser: string
  readonly uid?: number
  /** The person; undefined where the name is no person's. */
  readonly person?: SourceUser
}

type At = {
  /** Milliseconds since the epoch. */
  readonly at: number
}

export type AuditEvent = At &
  (
    | {
        readonly action: 'login-allowed' | 'login-refused'
        readonly subject: AuditSubject
        readonly door: AuditDoor
        /** Which rule decided (explain.ts's word). */
        readonly rule: string
        readonly reason: string
        readonly stale: boolean
      }
    | {
        readonly action: 'key-offered' | 'key-refused'
        readonly subject: AuditSubject
        readonly key: AuditKey
        readonly reason: string
        readonly stale: boolean
      }
    | {
        readonly action: 'session-open' | 'session-close' | 'sudo'
        readonly subject: AuditSubject
        readonly door: AuditDoor
        readonly session: string
        readonly pid: number
        readonly key?: AuditKey
        /** session-close only, where the opening was seen. */
        readonly durationMs?: number
      }
    | {
        readonly action: 'access-lost'
        readonly subject: AuditSubject
        readonly reason: string
        /** What was done to live sessions. */
        readonly sessions: 'terminated' | 'kept' | 'none' | 'failed'
      }
    | {
        readonly action: 'user-renamed'
        readonly subject: AuditSubject
        /** The Linux name before. */
        readonly previousName: string
        readonly reason: string
      }
    | {
        /** Files of another person lie under the name or home of a new account. */
        readonly action: 'leftovers-found'
        readonly subject: AuditSubject
        readonly reason: string
      }
    | {
        readonly action: 'directory-changed'
        readonly added: readonly string[]
        readonly removed: readonly string[]
        readonly users: number
        readonly groups: number
      }
    | {
        readonly action: 'source-failing' | 'source-recovered'
        readonly code: string
        readonly reason: string
      }
  )

/** Takes events, in order; never throws and never blocks the caller. */
export type Audit = (event: AuditEvent) => void

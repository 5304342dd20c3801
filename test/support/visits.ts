// People at the door of a booted container, and what an auditor reads of them afterwards.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, vi } from 'vitest'
import * as z from 'zod'
import type { Container } from './container.ts'

const auditDocument = z.object({ events: z.array(z.looseObject({})) })

/** What a reviewer looks at first, of either kind of entry. */
const brief = z
  .looseObject({
    event: z.looseObject({ action: z.string() }).optional(),
    user: z
      .looseObject({
        name: z.string(),
        id: z.string().optional(),
        effective: z.looseObject({ name: z.string() }),
      })
      .optional(),
    source: z.looseObject({ ip: z.string().optional() }).optional(),
    iamlogin: z
      .looseObject({
        key: z.looseObject({ id: z.string().optional(), fingerprint: z.string() }).optional(),
        principal: z.looseObject({ arn: z.string() }).optional(),
        sessions: z.string().optional(),
        session: z.string().optional(),
      })
      .optional(),
    process: z.looseObject({ name: z.string() }).optional(),
    IAMLOGIN_ACTION: z.string().optional(),
    IAMLOGIN_USER: z.string().optional(),
    IAMLOGIN_IAM_USER: z.string().optional(),
    IAMLOGIN_ARN: z.string().optional(),
    IAMLOGIN_RULE: z.string().optional(),
    IAMLOGIN_RHOST: z.string().optional(),
    IAMLOGIN_SERVICE: z.string().optional(),
    IAMLOGIN_SESSION: z.string().optional(),
    IAMLOGIN_KEY_FINGERPRINT: z.string().optional(),
  })
  .transform((event) => ({
    action: event.event?.action ?? event.IAMLOGIN_ACTION ?? '',
    person: event.user?.id === undefined ? event.IAMLOGIN_IAM_USER : event.user.name,
    account: event.user?.effective.name ?? event.IAMLOGIN_USER,
    arn: event.iamlogin?.principal?.arn ?? event.IAMLOGIN_ARN,
    keyId: event.iamlogin?.key?.id,
    fingerprint: event.iamlogin?.key?.fingerprint ?? event.IAMLOGIN_KEY_FINGERPRINT,
    ip: event.source?.ip ?? event.IAMLOGIN_RHOST,
    service: event.process?.name ?? event.IAMLOGIN_SERVICE,
    sessions: event.iamlogin?.sessions,
    session: event.iamlogin?.session ?? event.IAMLOGIN_SESSION,
    duration: event.event?.['duration'],
    /** Written without a resolver. */
    alone: event.IAMLOGIN_ACTION !== undefined && event.event === undefined,
    rule: event.IAMLOGIN_RULE,
  }))

export type AuditBrief = z.infer<typeof brief>

export type Visits = {
  /** One command over ssh. */
  readonly run: (
    user: string,
    key: string,
    command: string,
  ) => Promise<{ readonly code: number | null; readonly output: string }>
  /** A session that stays; resolves when its shell has answered. */
  readonly stay: (user: string, key: string) => Promise<ChildProcess>
  /** Ends a session that stays. */
  readonly leave: (session: ChildProcess) => Promise<void>
  /** What `iamlogin audit` reads, oldest first. */
  readonly events: (user?: string) => Promise<readonly AuditBrief[]>
}

export const until = (check: () => Promise<boolean>, ms = 20_000): Promise<boolean> =>
  vi.waitUntil(check, { timeout: ms, interval: 100 })

/** An event in a few words: "session-open alice sshd", with a star when it was written alone. */
export function spell({ action, account, service, alone }: AuditBrief): string {
  return [action, account, service, alone ? '*' : ''].filter((word) => word).join(' ')
}

export type Telling = {
  /** What is told from here on. */
  readonly begin: () => Promise<void>
  /** About people at the door since then: not the directory's and the source's own events. */
  readonly told: () => Promise<readonly AuditBrief[]>
  readonly words: () => Promise<readonly string[]>
  /** Waits until exactly these were told, in this order; spelled by spell(). */
  readonly tells: (expected: readonly string[]) => Promise<void>
}

/** The audit, step by step. */
export function tellingOf({ events }: Visits): Telling {
  let mark = 0
  const all = async (): Promise<readonly AuditBrief[]> =>
    (await events()).filter(({ action }) => !/^(directory|source)-/.test(action))
  const told = async (): Promise<readonly AuditBrief[]> => (await all()).slice(mark)
  const words = async (): Promise<readonly string[]> => (await told()).map(spell)
  return {
    begin: async () => {
      mark = (await all()).length
    },
    told,
    words,
    tells: async (expected) => {
      await vi.waitFor(async () => {
        expect(await words()).toEqual(expected)
      }, 15_000)
    },
  }
}

/** The visits of one container. */
export function visitsOf(container: Container): Visits {
  return {
    run: async (user, key, command) => {
      const child = container.ssh(user, key, command)
      const [code, output] = await Promise.all([
        once(child, 'close').then(() => child.exitCode),
        child.stdout === null ? '' : text(child.stdout),
      ])
      return { code, output: output.replaceAll('\r', '').trim() }
    },
    stay: async (user, key) => {
      const child = container.ssh(user, key, 'echo here; exec bash -i')
      await new Promise<void>((here, failed) => {
        child.stdout?.on('data', (part: Buffer) => {
          if (part.toString().includes('here')) here()
        })
        child.once('exit', () => {
          failed(new Error('the session ended'))
        })
      })
      return child
    },
    leave: async (session) => {
      const ended = once(session, 'exit')
      session.stdin?.end('exit\n')
      await ended
    },
    events: async (user) => {
      const of = user === undefined ? '' : ` --user ${user}`
      const { stdout } = await container.run(`iamlogin audit --json --since 1h${of}`)
      return auditDocument.parse(JSON.parse(stdout)).events.map((event) => brief.parse(event))
    },
  }
}

// Asks for people's keys in a process of its own, which is there while keys are asked for and for some seconds
// afterwards: the resolver itself loads no AWS SDK, and parses nothing that comes from IAM.
import type { ChildProcess } from 'node:child_process'
import { LRUCache } from 'lru-cache'
import type { Config } from '../config/config.ts'
import type { Identity, SourceCredentials, SourceKey, SourceUser } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { atMost } from '../platform/at-most.ts'
import { startChild, type Program } from '../platform/child.ts'
import type { Clock } from '../platform/clock.ts'
import { addCalls, type Calls } from './calls.ts'
import type { Source } from './source.ts'

/** Bodies of uploaded keys by SSHPublicKeyId. */
export type Bodies = Readonly<Record<string, string>>

/** A message to the process. The first one is the configuration. */
export type ToKeyProcess =
  | { readonly kind: 'open'; readonly config: Config }
  | {
      readonly kind: 'credentials' | 'identify'
      readonly id: number
      readonly user: SourceUser
      /** What is known of the person already: IAM never changes a body. */
      readonly bodies: Bodies
    }
  | { readonly kind: 'cancel'; readonly id: number }

/** Its answer. */
export type FromKeyProcess = {
  readonly id: number
  /** Requests to the source since the answer before, by operation. */
  readonly calls: Calls
  readonly credentials?: SourceCredentials
  readonly identity?: Exclude<Identity, 'renamed'>
  readonly error?: {
    /** Absent for what is no SourceError. */
    readonly code?: SourceError['code']
    readonly message: string
    readonly hint: string
  }
}

export type KeySource = Pick<Source, 'fetchCredentials' | 'identify' | 'calls' | 'close'> & {
  /** These keys of a person are known from before: their bodies are not read again. */
  readonly remember: (userId: string, keys: readonly SourceKey[]) => void
}

export type KeySourceDeps = {
  readonly config: Config
  readonly clock: Pick<Clock, 'after'>
  readonly program?: Program
}

/** Answers are small, and where people log in all day this process lives as long. */
const flags = ['--max-semi-space-size=4']
/** A login asks for keys twice, and then come the next people. */
const quietMs = 10_000
/** Keys of more people are not remembered. */
const mostPeople = 10_000

type Pending = {
  readonly child: ChildProcess
  /** Answers of the process when this was asked. */
  readonly answers: number
  readonly settle: (answer: FromKeyProcess | Error) => void
}

type Self = {
  readonly deps: KeySourceDeps
  readonly bodies: LRUCache<string, Bodies>
  readonly pending: Map<number, Pending>
  calls: Calls
  child: ChildProcess | undefined
  lastId: number
  answers: number
  cancelQuiet: (() => void) | undefined
}

function lost(what: string, cause?: unknown): SourceError {
  return new SourceError('source_timeout', `asking for keys: ${what}`, {
    hint: 'the next login tries again; see the log of iamlogind, and report this if it stays',
    cause,
  })
}

/** The process is gone, or is let go: requests to it fail. */
function lose(self: Self, child: ChildProcess, error: Error): void {
  if (self.child === child) self.child = undefined
  for (const [id, each] of self.pending) {
    if (each.child !== child) continue
    self.pending.delete(id)
    each.settle(error)
  }
}

function endWhenQuiet(self: Self): void {
  self.cancelQuiet?.()
  if (self.pending.size > 0) return
  self.cancelQuiet = self.deps.clock.after(quietMs, () => {
    const { child } = self
    self.child = undefined
    if (child?.connected === true) child.disconnect()
  })
}

function take(self: Self, answer: FromKeyProcess): void {
  self.answers++
  self.calls = addCalls(self.calls, answer.calls)
  const waiting = self.pending.get(answer.id)
  self.pending.delete(answer.id)
  waiting?.settle(answer)
  endWhenQuiet(self)
}

function start(self: Self): ChildProcess {
  const { config, program } = self.deps
  let child: ChildProcess
  try {
    child = startChild('key-reader', { program, execArgv: flags })
  } catch (error) {
    throw lost('its process cannot be started', error)
  }
  child.on('message', (answer) => {
    // Our own code answers, in a process of our own.
    take(self, answer as FromKeyProcess)
  })
  child.on('error', (error) => {
    lose(self, child, lost('its process cannot be started or reached', error))
  })
  child.on('exit', (code, by) => {
    lose(self, child, lost(`its process ended with ${by ?? `status ${String(code)}`}`))
  })
  const first: ToKeyProcess = { kind: 'open', config }
  child.send(first, () => undefined)
  return child
}

/** No caller waits for one answer any more; a process that answered nothing meanwhile is stuck. */
function abandon(self: Self, id: number, reason: unknown): void {
  const waiting = self.pending.get(id)
  if (waiting === undefined) return
  const { child, answers, settle } = waiting
  self.pending.delete(id)
  settle(lost('it took too long, or nobody waits any more', reason))
  if (answers === self.answers) {
    lose(self, child, lost('its process hangs', reason))
    child.kill('SIGKILL')
  } else {
    const cancel: ToKeyProcess = { kind: 'cancel', id }
    if (child.connected) child.send(cancel, () => undefined)
  }
  endWhenQuiet(self)
}

async function ask(
  self: Self,
  kind: 'credentials' | 'identify',
  { user, signal }: { readonly user: SourceUser; readonly signal: AbortSignal },
): Promise<FromKeyProcess> {
  signal.throwIfAborted()
  self.cancelQuiet?.()
  self.child ??= start(self)
  const { child } = self
  const id = ++self.lastId
  const ended = Promise.withResolvers<FromKeyProcess>()
  const settle = (answer: FromKeyProcess | Error): void => {
    if (answer instanceof Error) ended.reject(answer)
    else ended.resolve(answer)
  }
  self.pending.set(id, { child, answers: self.answers, settle })
  const abort = (): void => {
    abandon(self, id, signal.reason)
  }
  signal.addEventListener('abort', abort)
  const question: ToKeyProcess = { kind, id, user, bodies: self.bodies.get(user.id) ?? {} }
  child.send(question, (error) => {
    if (error !== null) lose(self, child, lost('its process cannot be reached', error))
  })
  try {
    return await ended.promise
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** @throws {SourceError} as the source said it */
function unwrap<T>({ error }: FromKeyProcess, value: T | undefined): T {
  if (value !== undefined) return value
  if (error?.code !== undefined)
    throw new SourceError(error.code, error.message, { hint: error.hint })
  throw new Error(error?.message ?? 'asking for keys: an answer without a value')
}

function remember(self: Self, userId: string, keys: readonly SourceKey[]): void {
  const uploaded = keys.filter(({ origin }) => origin === 'iam')
  self.bodies.set(userId, Object.fromEntries(uploaded.map(({ id, body }) => [id, body])))
}

/** Makes the asker; no process is started before something is asked. */
export function createKeySource(deps: KeySourceDeps): KeySource {
  const self: Self = {
    deps,
    bodies: new LRUCache(atMost(mostPeople)),
    pending: new Map(),
    calls: {},
    child: undefined,
    lastId: 0,
    answers: 0,
    cancelQuiet: undefined,
  }
  return {
    fetchCredentials: async (user, signal) => {
      const answer = await ask(self, 'credentials', { user, signal })
      const credentials = unwrap(answer, answer.credentials)
      remember(self, user.id, credentials.keys)
      return credentials
    },
    identify: async (user, signal) => {
      const answer = await ask(self, 'identify', { user, signal })
      return unwrap(answer, answer.identity)
    },
    remember: (userId, keys) => {
      remember(self, userId, keys)
    },
    calls: () => self.calls,
    close: () => {
      self.cancelQuiet?.()
      const { child } = self
      if (child !== undefined) {
        lose(self, child, lost('the resolver stops'))
        child.kill('SIGKILL')
      }
      return Promise.resolve()
    },
  }
}

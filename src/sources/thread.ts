// A source whose directory is read in a thread of its own; keys are still read in this one.
import { Worker } from 'node:worker_threads'
import type { Config } from '../config/config.ts'
import type { SourceDirectory, SourceGroup, SourceUser } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import type { Source } from './source.ts'
import type { FromThread, ToThread } from './thread-messages.ts'

/** Of one read: what has arrived, and who waits. */
type Pending = {
  readonly users: SourceUser[]
  readonly groups: Map<string, SourceGroup & { readonly memberIds: string[] }>
  readonly resolve: (directory: SourceDirectory) => void
  readonly reject: (error: SourceError) => void
}

/** The entry beside this file: .ts from a checkout, .js when built. */
const entry = new URL(
  import.meta.url.endsWith('.ts') ? './thread-main.ts' : './thread-main.js',
  import.meta.url,
)
const youngMiB = 16
/** A thread that read more ends with the read: its heap is worth more to the host than its start. */
const keptUsers = 1_000

function sum(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const all = { ...a }
  for (const [name, count] of Object.entries(b)) all[name] = (all[name] ?? 0) + count
  return all
}

/**
 * Wraps `direct`, which goes on reading credentials here. A thread that dies fails the reads that
 * it had, and the next read starts another.
 */
export function createThreadedSource(config: Config, direct: Source): Source {
  const pending = new Map<number, Pending>()
  let thread: Worker | undefined
  let lastId = 0
  /** Of threads that are gone, and of the one that runs. */
  let earlierCalls: Readonly<Record<string, number>> = {}
  let calls: Readonly<Record<string, number>> = {}

  const retire = (): void => {
    void thread?.terminate()
    thread = undefined
    earlierCalls = sum(earlierCalls, calls)
    calls = {}
  }

  const take = (message: FromThread): void => {
    calls = message.calls
    const read = pending.get(message.id)
    if (read === undefined) return
    switch (message.kind) {
      case 'users':
        read.users.push(...message.users)
        return
      case 'groups':
        for (const group of message.groups) read.groups.set(group.id, { ...group, memberIds: [] })
        return
      case 'members':
        read.groups.get(message.groupId)?.memberIds.push(...message.memberIds)
        return
      case 'done':
        pending.delete(message.id)
        if (read.users.length > keptUsers && pending.size === 0) retire()
        read.resolve({
          users: read.users,
          groups: [...read.groups.values()],
          complete: message.complete,
          ...(message.unread.length === 0 ? {} : { unread: message.unread }),
          ...(message.unreadOverrides === undefined
            ? {}
            : { unreadOverrides: message.unreadOverrides }),
        })
        return
      case 'failed': {
        pending.delete(message.id)
        const { code, message: text, hint } = message
        read.reject(new SourceError(code, text, { hint }))
      }
    }
  }

  const lose = (worker: Worker, what: string, error: unknown): void => {
    if (thread !== worker) return
    thread = undefined
    earlierCalls = sum(earlierCalls, calls)
    calls = {}
    for (const read of pending.values())
      read.reject(
        new SourceError('source_timeout', `reading the source: ${what}`, {
          hint: 'the next refresh tries again, in a new thread; report this if it stays',
          cause: error,
        }),
      )
    pending.clear()
  }

  const start = (): Worker => {
    const worker = new Worker(entry, {
      workerData: config,
      resourceLimits: { maxYoungGenerationSizeMb: youngMiB },
    })
    worker.on('message', take)
    worker.on('error', (error) => {
      lose(worker, 'its thread failed', error)
    })
    worker.on('exit', () => {
      lose(worker, 'its thread ended', undefined)
    })
    // The sockets keep the process; a thread that waits does not.
    worker.unref()
    return worker
  }

  const fetchDirectory: Source['fetchDirectory'] = (query, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      thread ??= start()
      const worker = thread
      const id = ++lastId
      // A thread may be amid a parse, or stuck: nobody waits for it, and the next read has another.
      const abort = (): void => {
        lose(worker, 'nobody waits for it any more', signal.reason)
        void worker.terminate()
      }
      const settle = (): void => {
        signal.removeEventListener('abort', abort)
      }
      signal.addEventListener('abort', abort)
      pending.set(id, {
        users: [],
        groups: new Map(),
        resolve: (directory) => {
          settle()
          resolve(directory)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      })
      const message: ToThread = { id, query }
      worker.postMessage(message)
    })

  return {
    kind: direct.kind,
    fetchDirectory,
    fetchCredentials: direct.fetchCredentials,
    identify: direct.identify,
    calls: () => sum(sum(earlierCalls, calls), direct.calls()),
    close: async () => {
      const worker = thread
      thread = undefined
      await worker?.terminate()
      for (const read of pending.values())
        read.reject(
          new SourceError('source_unreachable', 'reading the source: stopped', { hint: '' }),
        )
      pending.clear()
      await direct.close()
    },
  }
}

// ENTRY of the thread that reads the source: XML and TOML of thousands of users are parsed here, and
// no lookup waits for it.
import { parentPort, workerData } from 'node:worker_threads'
import type { Config } from '../config/config.ts'
import type { SourceDirectory } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { createSource } from './create.ts'
import { partLength, type FromThread, type ToThread } from './thread-messages.ts'

// Whoever stops waiting ends the thread.
const { signal } = new AbortController()
// Our own process wrote it: structured clone keeps what was checked there.
const source = await createSource(workerData as Config, { bodies: new Map() })

type Payload = FromThread extends infer Message
  ? Message extends FromThread
    ? Omit<Message, 'id' | 'calls'>
    : never
  : never

function say(id: number, payload: Payload): void {
  parentPort?.postMessage({ ...payload, id, calls: source.calls() })
}

function* parts<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += partLength) yield items.slice(at, at + partLength)
}

function sendDirectory(
  id: number,
  { users, groups, complete, unread = [], unreadOverrides }: SourceDirectory,
): void {
  for (const part of parts(users)) say(id, { kind: 'users', users: part })
  for (const part of parts(groups))
    say(id, { kind: 'groups', groups: part.map((group) => ({ ...group, memberIds: [] })) })
  for (const group of groups)
    for (const memberIds of parts(group.memberIds))
      say(id, { kind: 'members', groupId: group.id, memberIds })
  const overrides = unreadOverrides === undefined ? {} : { unreadOverrides }
  say(id, { kind: 'done', complete, unread, ...overrides })
}

async function fetchDirectory({ id, query }: ToThread): Promise<void> {
  try {
    sendDirectory(id, await source.fetchDirectory(query, signal))
  } catch (error) {
    const {
      code,
      message: text,
      hint,
    } = error instanceof SourceError
      ? error
      : { code: 'source_malformed' as const, message: String(error), hint: 'report this mistake' }
    say(id, { kind: 'failed', code, message: text, hint })
  }
}

parentPort?.on('message', (message: ToThread) => {
  void fetchDirectory(message)
})

// ENTRY of the process that asks the source for people's keys: sources/key-process.ts starts it, and lets it
// go when nothing was asked for some seconds.
import type { SourceUser } from './directory/types.ts'
import { SourceError } from './errors.ts'
import { createSource } from './sources/create.ts'
import type { FromKeyProcess, ToKeyProcess } from './sources/key-process.ts'
import type { Source } from './sources/source.ts'

type Question = Extract<ToKeyProcess, { readonly user: SourceUser }>
type Answer = Omit<FromKeyProcess, 'id' | 'calls'>

const bodies = new Map<string, string>()
const asked = new Map<number, AbortController>()
let source: Promise<Source> | undefined
let told: Readonly<Record<string, number>> = {}

/** Requests since the last answer. */
function newCalls(now: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const before = told
  told = { ...now }
  return Object.fromEntries(
    Object.entries(now).flatMap(([name, count]) => {
      const more = count - (before[name] ?? 0)
      return more > 0 ? [[name, more]] : []
    }),
  )
}

function errorOf(error: unknown): Answer {
  if (error instanceof SourceError) {
    const { code, message, hint } = error
    return { error: { code, message, hint } }
  }
  return { error: { message: error instanceof Error ? error.message : String(error), hint: '' } }
}

async function answerTo({ kind, user }: Question, signal: AbortSignal): Promise<Answer> {
  try {
    const opened = await source
    if (opened === undefined) throw new Error('no configuration came')
    return kind === 'credentials'
      ? { credentials: await opened.fetchCredentials(user, signal) }
      : { identity: await opened.identify(user, signal) }
  } catch (error) {
    return errorOf(error)
  }
}

async function take(question: Question): Promise<void> {
  const { id } = question
  const cancel = new AbortController()
  asked.set(id, cancel)
  for (const [key, body] of Object.entries(question.bodies)) bodies.set(key, body)
  const answer = await answerTo(question, cancel.signal)
  asked.delete(id)
  const opened = await source?.catch(() => undefined)
  const message: FromKeyProcess = { id, calls: newCalls(opened?.calls() ?? {}), ...answer }
  process.send?.(message)
}

// The resolver is gone, or needs no keys now.
process.once('disconnect', () => process.exit(0))
process.on('message', (message: ToKeyProcess) => {
  switch (message.kind) {
    case 'open':
      source = createSource(message.config, { bodies })
      // If it fails, each answer carries the error.
      source.catch(() => undefined)
      return
    case 'cancel':
      asked.get(message.id)?.abort()
      return
    case 'credentials':
    case 'identify':
      void take(message)
  }
})

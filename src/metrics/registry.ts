// The list of metrics, and what reads them.
import { Counter, Gauge, Registry } from 'prom-client'
import { op, status } from '../wire/protocol.ts'

/** What is read when Prometheus asks. */
export type Gauges = Readonly<
  Record<
    | 'users'
    | 'groups'
    | 'directoryAgeSeconds'
    | 'groupsUnread'
    | 'overridesUnread'
    | 'keysCached'
    | 'keyProblems'
    | 'keysDoubted'
    | 'missBudget',
    () => number
  >
>

const gaugeHelp: Readonly<Record<keyof Gauges, readonly [string, string]>> = {
  users: ['iamlogin_users', 'Users that this host resolves'],
  groups: ['iamlogin_groups', 'Groups that this host resolves'],
  directoryAgeSeconds: [
    'iamlogin_directory_age_seconds',
    'Seconds since the last good read of the source',
  ],
  groupsUnread: [
    'iamlogin_groups_unread',
    'Configured groups that the last read of the source could not read, while it read others',
  ],
  overridesUnread: [
    'iamlogin_overrides_unread',
    'People for whom the last read of the source could not read the tags of accounts.tags',
  ],
  keysCached: ['iamlogin_keys_cached', 'People whose keys are cached'],
  keyProblems: [
    'iamlogin_key_problems',
    'Of uploaded keys, tags and MFA devices: how many cannot be read at present',
  ],
  keysDoubted: [
    'iamlogin_keys_doubted',
    'People whose sudden loss of all keys is not believed before a second reading',
  ],
  missBudget: [
    'iamlogin_miss_budget_calls',
    'AWS calls that lookups of unknown names may still cause this minute',
  ],
}

const opNames = new Map<number, string>(Object.entries(op).map(([name, code]) => [code, name]))
const statusNames = new Map<number, string>(
  Object.entries(status).map(([name, code]) => [code, name]),
)

export type Sources = {
  readonly gauges: Gauges
  readonly apiCalls: () => Readonly<Record<string, number>>
  /** Files of the state directory, and since how many seconds a write of theirs is owed. */
  readonly owedSeconds: () => readonly (readonly [file: string, seconds: number])[]
}

/** Requests by the codes of their operation and their answer. */
export type Requests = ReadonlyMap<number, ReadonlyMap<number, number>>

/** Makes the registry. */
export function createRegistry(sources: Sources, requests: Requests): Registry {
  const registry = new Registry()
  const registers = [registry]
  addGauges(sources, registers)
  addRequests(requests, registers)
  return registry
}

/** What is read when Prometheus asks. */
function addGauges(sources: Sources, registers: Registry[]): void {
  for (const [key, [name, help]] of Object.entries(gaugeHelp)) {
    const read = sources.gauges[key as keyof Gauges]
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read())
      },
    })
  }
  new Gauge({
    name: 'iamlogin_api_calls_total',
    help: 'Requests to the source since start, retries included',
    labelNames: ['operation'],
    registers,
    collect() {
      const calls = Object.entries(sources.apiCalls())
      for (const [operation, count] of calls) this.set({ operation }, count)
    },
  })
  new Gauge({
    name: 'iamlogin_state_owed_seconds',
    help: 'Seconds since which a state file could not be written; 0 when it holds what it should',
    labelNames: ['file'],
    registers,
    collect() {
      for (const [file, seconds] of sources.owedSeconds()) this.set({ file }, seconds)
    },
  })
}

function addRequests(requests: Requests, registers: Registry[]): void {
  new Counter({
    name: 'iamlogin_requests_total',
    help: 'Requests on resolver.sock',
    labelNames: ['op', 'status'],
    registers,
    collect() {
      this.reset()
      for (const [operation, states] of requests)
        for (const [state, count] of states) this.inc(labelsOf(operation, state), count)
    },
  })
}

function labelsOf(
  operation: number,
  state: number,
): { readonly op: string; readonly status: string } {
  return {
    op: opNames.get(operation) ?? 'unknown',
    status: statusNames.get(state) ?? 'unknown',
  }
}

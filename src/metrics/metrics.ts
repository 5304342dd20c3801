// The list of metrics; /metrics on control.sock and, where configured, on TCP.
import { Counter, Gauge, Registry } from 'prom-client'
import { op, status } from '../wire/protocol.ts'

export type Metrics = {
  readonly registry: Registry
  /** Counts a request of resolver.sock by the codes of its operation and its answer. */
  readonly count: (operation: number, state: number) => void
}

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

/** Makes the registry. */
export function createMetrics(
  gauges: Gauges,
  apiCalls: () => Readonly<Record<string, number>>,
  /** Files of the state directory, and since how many seconds a write of theirs is owed. */
  owedSeconds: () => readonly (readonly [file: string, seconds: number])[],
): Metrics {
  const registry = new Registry()
  for (const [key, [name, help]] of Object.entries(gaugeHelp)) {
    const read = gauges[key as keyof Gauges]
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  }
  new Gauge({
    name: 'iamlogin_api_calls_total',
    help: 'Requests to the source since start, retries included',
    labelNames: ['operation'],
    registers: [registry],
    collect() {
      for (const [operation, count] of Object.entries(apiCalls())) this.set({ operation }, count)
    },
  })
  new Gauge({
    name: 'iamlogin_state_owed_seconds',
    help: 'Seconds since which a state file could not be written; 0 when it holds what it should',
    labelNames: ['file'],
    registers: [registry],
    collect() {
      for (const [file, seconds] of owedSeconds()) this.set({ file }, seconds)
    },
  })
  const requests = new Counter({
    name: 'iamlogin_requests_total',
    help: 'Requests on resolver.sock',
    labelNames: ['op', 'status'],
    registers: [registry],
  })
  return {
    registry,
    count: (operation, state) => {
      requests.inc({
        op: opNames.get(operation) ?? 'unknown',
        status: statusNames.get(state) ?? 'unknown',
      })
    },
  }
}

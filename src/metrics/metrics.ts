// /metrics on control.sock and, where configured, on TCP.
import type { Registry } from 'prom-client'
import type { Sources } from './registry.ts'

/** An answer to Prometheus. */
export type Exposition = { readonly type: string; readonly body: string }

export type Metrics = {
  /** What Prometheus reads; https://prometheus.io/docs/instrumenting/exposition_formats/ */
  readonly expose: () => Promise<Exposition>
  /** Counts a request of resolver.sock by the codes of its operation and its answer. */
  readonly count: (operation: number, state: number) => void
}

/** Makes the metrics. */
export function createMetrics(sources: Sources): Metrics {
  const requests = new Map<number, Map<number, number>>()
  let registry: Registry | undefined
  return {
    expose: async () => {
      // prom-client is loaded when Prometheus asks first: a host without it saves the memory.
      const { createRegistry } = await import('./registry.ts')
      registry ??= createRegistry(sources, requests)
      return { type: registry.contentType, body: await registry.metrics() }
    },
    count: (operation, state) => {
      let states = requests.get(operation)
      if (states === undefined) {
        states = new Map()
        requests.set(operation, states)
      }
      states.set(state, (states.get(state) ?? 0) + 1)
    },
  }
}

// Requests to the source, counted by operation.

export type Calls = Readonly<Record<string, number>>

/** Both counts together. */
export function addCalls(some: Calls, more: Calls): Calls {
  const all: Record<string, number> = { ...some }
  for (const [operation, count] of Object.entries(more))
    all[operation] = (all[operation] ?? 0) + count
  return all
}

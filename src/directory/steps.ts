// Long work as steps: a generator that pauses between records, so that whoever runs it may answer a
// lookup in between. The rules stay pure: run to the end at once, steps give the same result.

/** Pauses at each yield; returns the result. */
export type Steps<T> = Generator<undefined, T, undefined>

/** Records between two pauses: some ten microseconds of work; a pause costs more than a record. */
const paceLength = 64

/** Tells, called once a record, when to pause: `if (due()) yield`. */
export function pace(): () => boolean {
  let count = 0
  return () => ++count % paceLength === 0
}

/** Runs all steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Sorted runs this long cost less than a millisecond. */
const runLength = 512

function* merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Steps<readonly T[]> {
  const merged: T[] = []
  const due = pace()
  let at = 0
  for (const item of left) {
    let other = right[at]
    while (other !== undefined && compare(item, other) > 0) {
      merged.push(other)
      at++
      other = right[at]
      if (due()) yield
    }
    merged.push(item)
    if (due()) yield
  }
  return [...merged, ...right.slice(at)]
}

/** A stable sort of values that are not undefined, as Array.prototype.toSorted. */
export function* sortSteps<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Steps<readonly T[]> {
  let runs: readonly (readonly T[])[] = Array.from(
    { length: Math.ceil(items.length / runLength) },
    (_, run) => items.slice(run * runLength, (run + 1) * runLength),
  )
  const sorted: (readonly T[])[] = []
  for (const run of runs) {
    sorted.push(run.toSorted(compare))
    yield
  }
  for (runs = sorted; runs.length > 1;) {
    const next: (readonly T[])[] = []
    for (let run = 0; run < runs.length; run += 2)
      next.push(yield* merge(runs[run] ?? [], runs[run + 1] ?? [], compare))
    runs = next
  }
  return runs[0] ?? []
}

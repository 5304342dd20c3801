// How many entries a cache of lru-cache holds at most.

/** Options for at most `count` entries. `max` would take the memory for all of them at once. */
export function atMost(count: number): {
  readonly maxSize: number
  readonly sizeCalculation: () => 1
} {
  return { maxSize: count, sizeCalculation: () => 1 }
}

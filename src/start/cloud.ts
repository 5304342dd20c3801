// Which instance of EC2 this is, for audit events.
import type { Cloud } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'

/** At boot the network may come later than we do; off EC2 no metadata service answers. */
const pausesMs = [10_000, 60_000, 300_000]

/** Asks at once and some more times; gives what is known so far. Events do not wait for it. */
export function createCloud(deps: {
  readonly read: () => Promise<Cloud | undefined>
  readonly clock: Pick<Clock, 'after'>
}): () => Cloud | undefined {
  let cloud: Cloud | undefined
  const identify = async ([pause, ...more]: readonly number[]): Promise<void> => {
    cloud = await deps.read()
    if (cloud === undefined && pause !== undefined)
      deps.clock.after(pause, () => void identify(more))
  }
  void identify(pausesMs)
  return () => cloud
}

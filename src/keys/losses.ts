// People whose loss of all keys is not believed before a second reading: where many lose all of theirs at
// once, it is rather the source that fails.
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Entry } from './entries.ts'
import { isMassLoss, type Reading } from './suspicious.ts'

export type Losses = {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Log
  /** A loss by many people within `windowMs` needs a second reading after `againMs`. */
  readonly windowMs: number
  readonly againMs: number
  /** People who had keys, as they were read last; of the last windowMs, the oldest first. */
  readonly readings: Map<string, Reading>
  /** Ids of people whose loss is not believed yet, and since when, by the monotonic clock. */
  readonly suspects: Map<string, number>
}

export function createLosses(deps: Pick<Losses, 'clock' | 'log' | 'windowMs' | 'againMs'>): Losses {
  return { ...deps, readings: new Map(), suspects: new Map() }
}

function noteReading({ readings, windowMs }: Losses, id: string, reading: Reading): void {
  for (const [each, { at }] of readings)
    if (reading.at - at > windowMs) readings.delete(each)
    else break
  readings.delete(id)
  readings.set(id, reading)
}

/** Whether it should not be believed yet that this person has no key any more. */
export function isSuspectLoss(
  losses: Losses,
  before: Entry | undefined,
  { id, credentials }: Entry,
): boolean {
  if (before === undefined || before.credentials.keys.length === 0) return false
  const { readings, suspects, windowMs, againMs, log } = losses
  const at = losses.clock.monotonic()
  const isLoss = credentials.keys.length === 0
  noteReading(losses, id, { at, isLoss })
  const since = suspects.get(id)
  if (!isLoss || (since !== undefined && at - since >= againMs)) {
    suspects.delete(id)
    return false
  }
  if (since === undefined && !isMassLoss(readings.values(), at, windowMs)) return false
  if (suspects.size === 0)
    log.warn(
      { hint: '`iamlogin refresh --confirm` accepts it now' },
      `all keys of more than half of the people who were asked about are gone at once: the last known ones stay until a second reading says the same`,
    )
  if (since === undefined) suspects.set(id, at)
  return true
}

/** The next reading that says the same is believed. */
export function believeLosses({ suspects }: Losses): void {
  for (const id of suspects.keys()) suspects.set(id, Number.NEGATIVE_INFINITY)
}

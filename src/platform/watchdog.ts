// systemd's watchdog (sd_watchdog_enabled(3), WatchdogSec= in systemd.service(5)): it restarts a resolver
// that is not heard of. A sign of life is sent only after the resolver answered itself.
import type { Clock } from './clock.ts'

/** How long systemd waits for a sign of life; undefined where it watches another process, or none. */
export function watchdogMs(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const { WATCHDOG_USEC: usec = '', WATCHDOG_PID: watched = '' } = environment
  if (!/^[1-9]\d{0,15}$/.test(usec)) return undefined
  if (watched !== '' && watched !== String(pid)) return undefined
  return Number(usec) / 1_000
}

export type WatchdogDeps = {
  readonly limitMs: number
  /** Resolves when the resolver answered itself; rejects with why it did not. */
  readonly probe: () => Promise<void>
  readonly beat: () => void
  /** Says that a probe failed. */
  readonly failed: (error: unknown) => void
  readonly clock: Pick<Clock, 'after'>
}

/** Probes of one limit: one that fails for a moment's storm must not end a resolver. */
const probesPerLimit = 4

/** Probes for ever; the result ends it. */
export function startWatchdog({ limitMs, probe, beat, failed, clock }: WatchdogDeps): () => void {
  let isOver = false
  let cancel: () => void = () => undefined
  const look = async (): Promise<void> => {
    try {
      await probe()
      beat()
    } catch (error) {
      failed(error)
    }
    if (!isOver) cancel = clock.after(limitMs / probesPerLimit, () => void look())
  }
  void look()
  return () => {
    isOver = true
    cancel()
  }
}

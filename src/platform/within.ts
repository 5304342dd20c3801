// Waiting at most so long, by the clock that is handed in.
import type { Clock } from './clock.ts'

/**
 * What `promise` gives, or after `ms` what `late` gives, while the promise goes on. Rejects as `promise` does.
 */
export function within<T, Late>(
  clock: Pick<Clock, 'after'>,
  ms: number,
  promise: Promise<T>,
  late: () => Late,
): Promise<T | Late> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      resolve(late())
    })
    promise.then(resolve, reject).finally(cancel)
  })
}

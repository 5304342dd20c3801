// Which boot of the host this is, and the time in it: what readers of our files count ages by when the
// wall clock was set back (native/common/moment.h).
import { readFileSync } from 'node:fs'
import { ageOf, isInFuture, type Clock, type Moment } from './clock.ts'

export type BootTime = {
  /** The first 16 hexadecimal digits of the boot id; random(4). */
  readonly boot: bigint
  /** Milliseconds by CLOCK_BOOTTIME; below zero: before this boot. */
  readonly ms: number
}

/** Undefined where the boot is unknown: readers go by the wall clock then. */
export type BootClock = () => BootTime | undefined

const hyphened = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-/

/** @param bootTime CLOCK_BOOTTIME in milliseconds */
export function createBootClock(
  bootTime: () => number,
  bootIdFile = '/proc/sys/kernel/random/boot_id',
): BootClock {
  let digits: string | undefined
  try {
    digits = hyphened.exec(readFileSync(bootIdFile, 'utf8'))?.slice(1).join('')
  } catch {
    // Without /proc it stays unknown.
  }
  if (digits === undefined) return () => undefined
  const boot = BigInt(`0x${digits}`)
  return () => ({ boot, ms: Math.floor(bootTime()) })
}

/** When the moment was, by the boot's clock; undefined for one that lies in the future. */
export function bootTimeOf(
  moment: Moment,
  clock: Clock,
  bootClock: BootClock,
): BootTime | undefined {
  const now = bootClock()
  if (now === undefined || isInFuture(clock, moment)) return undefined
  return { ...now, ms: Math.floor(now.ms - ageOf(clock, moment)) }
}

/** Writes boottime and boot at `offset`, as both files have them: 16 bytes, zeros where it is unknown. */
export function writeBootTime(bytes: Buffer, offset: number, time: BootTime | undefined): void {
  bytes.writeBigInt64LE(BigInt(time?.ms ?? 0), offset)
  bytes.writeBigUInt64LE(time?.boot ?? 0n, offset + 8)
}

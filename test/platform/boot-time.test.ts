// The boot of the host and the time in it, as native/common/moment.c reads them.
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bootTimeOf, createBootClock } from '../../src/platform/boot-time.ts'
import { momentOf, savedMoment, wallOf } from '../../src/platform/clock.ts'
import { aClock } from '../support/builders.ts'

describe('createBootClock', () => {
  it('takes the first 16 digits of the boot id as a number', () => {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    const time = createBootClock(() => 1234.5)()
    expect(time?.ms).toBe(1234)
    const digits = time?.boot.toString(16).padStart(16, '0') ?? ''
    expect(id.replaceAll('-', '').startsWith(digits)).toBe(true)
  })

  it('knows no boot where the file is missing or no boot id', () => {
    const missing = join(tmpdir(), 'iamlogin-no-such-file')
    expect(createBootClock(() => 1, missing)()).toBeUndefined()
    expect(createBootClock(() => 1, '/proc/version')()).toBeUndefined()
  })
})

describe('bootTimeOf', () => {
  const bootClock = () => ({ boot: 7n, ms: 90_000 })

  it('goes back by the age of the moment, also to before the boot', async () => {
    const clock = aClock()
    const moment = momentOf(clock)
    await clock.advance(100_000)
    clock.step(-86_400_000)
    expect(bootTimeOf(moment, clock, bootClock)).toEqual({ boot: 7n, ms: -10_000 })
    expect(bootTimeOf(moment, clock, () => undefined)).toBeUndefined()
  })

  it('takes the age of a saved moment from the clock that makes it older', async () => {
    const clock = aClock()
    const moment = savedMoment(clock, clock.now() - 1_000)
    await clock.advance(4_000)
    clock.step(20_000)
    expect(bootTimeOf(moment, clock, bootClock)?.ms).toBe(65_000)
  })

  it('says nothing of a saved moment in the future', () => {
    const clock = aClock()
    expect(bootTimeOf(savedMoment(clock, clock.now() + 1), clock, bootClock)).toBeUndefined()
  })
})

describe('wallOf', () => {
  it('goes with a wall clock that was set, but for a saved moment in the future', async () => {
    const clock = aClock()
    const moment = momentOf(clock)
    await clock.advance(3_000)
    clock.step(-86_400_000)
    expect(wallOf(clock, moment)).toBe(clock.now() - 3_000)
    const ahead = clock.now() + 5
    expect(wallOf(clock, savedMoment(clock, ahead))).toBe(ahead)
  })
})

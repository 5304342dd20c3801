import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { silentLog } from '../../src/platform/log.ts'
import { watchAccounts } from '../../src/platform/watch-accounts.ts'
import { systemClock } from '../../src/platform/clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-watch-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})
const replace = (name: string): void => {
  writeFileSync(join(folder, `${name}+`), 'text')
  renameSync(join(folder, `${name}+`), join(folder, name))
}

describe('watchAccounts', () => {
  it('tells once of a change that comes in parts, and nothing of other files', async () => {
    let changes = 0
    const stop = watchAccounts(() => changes++, { clock: systemClock, log: silentLog, folder })
    replace('shadow')
    replace('passwd')
    replace('group')
    await vi.waitUntil(() => changes > 0)
    replace('passwd')
    await vi.waitUntil(() => changes > 1)
    expect(changes).toBe(2)
    stop()
  })

  it('says what it costs when there is nothing to watch', () => {
    const warnings: string[] = []
    const log = {
      ...silentLog,
      warn: (_fields: unknown, message: string) => warnings.push(message),
    }
    watchAccounts(() => undefined, { clock: systemClock, log, folder: join(folder, 'absent') })()
    expect(warnings).toEqual([expect.stringContaining('at the next read') as string])
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { terminateBy } from '../../src/platform/terminate.ts'

let folder = ''
let helper: Server | undefined
const path = (): string => join(folder, 'terminate.sock')

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (helper === undefined) resolve(undefined)
  else
    helper.close(() => {
      resolve(undefined)
    })
  await promise
  helper = undefined
  rmSync(folder, { recursive: true })
})

/** A helper that says the parts, one after the other; gives what it was asked. */
async function helperSays(...parts: readonly string[]): Promise<string[]> {
  const asked: string[] = []
  helper = createServer({ allowHalfOpen: true }, (socket) => {
    let request = ''
    socket.on('data', (bytes) => (request += bytes.toString()))
    socket.on('end', () => {
      asked.push(request)
      for (const part of parts) socket.write(part)
      socket.end()
    })
  })
  await new Promise<void>((listening) => helper?.listen(path(), listening))
  return asked
}

describe('terminateBy', () => {
  it('asks for one uid and gives how many processes were told', async () => {
    const asked = await helperSays('ended 1', '7\n')
    expect(await terminateBy(path(), 1_900_000_001)).toBe(17)
    expect(asked).toEqual(['1900000001\n'])
  })

  it.each([
    ['a refusal', "refused: a local user's\n"],
    ['half an answer', 'ended 1'],
    ['nothing', ''],
    ['more than an answer', 'ended 1\nended 2\n'],
  ])('takes %s for a failure, and tells what was said', async (_what, said) => {
    await helperSays(said)
    await expect(terminateBy(path(), 1_900_000_001)).rejects.toThrow(said.trim())
  })

  it('fails where there is no helper', async () => {
    await expect(terminateBy(path(), 1_900_000_001)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

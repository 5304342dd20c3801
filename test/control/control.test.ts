// control.sock as a client meets it: what is no path is the client's mistake, not ours.
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startControl, type Control } from '../../src/control/control.ts'
import { silentLog } from '../../src/platform/log.ts'
import type { ControlParts } from '../../src/control/routes.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-control-'))
const path = join(folder, 'control.sock')
let control: Control
beforeAll(async () => {
  // Nothing was read yet: the routes asked here need no more of the resolver.
  const failed = { code: 'source_unreachable', message: 'no network', hint: 'check the network' }
  const parts = {
    store: { current: () => undefined },
    refresher: { failure: () => failed },
  } as unknown as ControlParts
  control = await startControl({
    path,
    serving: () => ({
      parts,
      expose: () => Promise.resolve({ type: 'text/plain', body: '' }),
      replaced: Promise.resolve(),
    }),
    log: silentLog,
  })
})
afterAll(async () => {
  await control.close()
  rmSync(folder, { recursive: true })
})

function get(route: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath: path, path: route }, (answer) => {
      text(answer).then((body) => {
        resolve({ status: answer.statusCode ?? 0, body })
      }, reject)
    })
      .once('error', reject)
      .end()
  })
}

describe('startControl', () => {
  it.each(['/explain/%', '/keys/%zz', '/explain/%c3%28', '//%'])(
    'answers 400 with a hint for %s, which is no URL path',
    async (route) => {
      const { status, body } = await get(route)
      expect(status).toBe(400)
      expect(body).toContain('%25')
    },
  )

  it('answers 404 for a path that it does not have, however odd', async () => {
    expect((await get('//[')).status).toBe(404)
  })

  it.each(['/users', '/groups', '/keys/alice'])(
    'says for %s that nothing was read yet, and why, instead of an empty list',
    async (route) => {
      const { status, body } = await get(route)
      expect(status).toBe(409)
      expect(JSON.parse(body)).toEqual({
        error: {
          code: 'not_read',
          message: 'nothing has been read from the source yet: no network',
          hint: 'check the network',
        },
      })
    },
  )

  it('takes a name with an encoded % as it is', async () => {
    const { status, body } = await get('/explain/100%25')
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ name: '100%' })
  })
})

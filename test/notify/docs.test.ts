// The receivers that docs/notify.md shows, as they stand there.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toEcs } from '../../src/audit/ecs.ts'
import { createWebhook } from '../../src/notify/webhook.ts'
import { notifiableEvents } from '../../src/config/schema.ts'
import { aHost, aLoss } from '../support/audit.ts'

const document = readFileSync(resolve(import.meta.dirname, '../../docs/notify.md'), 'utf8')
const programOf = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(document)?.[1] ?? ''
const secret = 'a secret ✓'
const body = JSON.stringify(toEcs(aLoss(), aHost))
const never = new AbortController().signal

describe.each([
  ['Node', process.execPath, ['--input-type=module', '-e', programOf('js')]],
  ['Python', 'python3', ['-c', programOf('python')]],
])('the receiver in %s', (_language, command, args) => {
  let receiver: ChildProcess
  let url = ''
  const said: string[] = []

  beforeAll(async () => {
    receiver = spawn(command, args, {
      env: { ...process.env, NOTIFY_SECRET: secret, PORT: '0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    if (receiver.stdout === null) throw new Error('no output')
    const lines = createInterface(receiver.stdout)
    lines.on('line', (line) => said.push(line))
    await once(lines, 'line')
    url = `http://127.0.0.1:${said[0]?.split(' ').at(-1) ?? ''}/`
  })
  afterAll(async () => {
    const ended = once(receiver, 'exit')
    receiver.kill()
    await ended
  })

  const send = (fields: { readonly secret?: string; readonly lateSeconds?: number } = {}) =>
    createWebhook({
      url,
      version: '1',
      secret: fields.secret ?? secret,
      now: () => Date.now() - (fields.lateSeconds ?? 0) * 1_000,
    })({ id: 'id-1', event: aLoss(), body }, never)

  it('takes what iamlogin sends', async () => {
    await send()
    await expect.poll(() => said.at(-1)).toMatch(/^alice: access-lost/)
    await send({ lateSeconds: 290 })
  })

  it.each([
    ['another secret', { secret: 'another' }],
    ['no signature', { secret: '' }],
    ['what was recorded', { lateSeconds: 310 }],
    ['what is of the future', { lateSeconds: -310 }],
  ])('refuses %s', async (_what, fields) => {
    await expect(send(fields)).rejects.toThrow('401')
  })

  it.each([
    ['nothing of it', {}],
    ['a time that is none', { 'iamlogin-timestamp': 'NaN', 'iamlogin-signature': 'v1=' }],
    ['a signature of another length', { 'iamlogin-signature': 'v1=00' }],
  ])('refuses a request with %s', async (_what, headers) => {
    const sent = { 'iamlogin-timestamp': String(Math.floor(Date.now() / 1_000)), ...headers }
    expect((await fetch(url, { method: 'POST', body, headers: sent })).status).toBe(401)
  })
})

describe('docs/notify.md', () => {
  it('names every event that can be chosen', () => {
    for (const event of notifiableEvents) expect(document).toContain(`\`${event}\``)
  })
})

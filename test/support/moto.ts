// moto's server in a venv of its own, where pip can have it; undefined where not.
// IAMLOGIN_MOTO=require makes its absence a failure, IAMLOGIN_MOTO=skip does not try.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import {
  AddUserToGroupCommand,
  CreateGroupCommand,
  CreateUserCommand,
  IAMClient,
  UploadSSHPublicKeyCommand,
} from '@aws-sdk/client-iam'

export type Moto = {
  readonly url: string
  readonly aliceKey: string
  readonly stop: () => Promise<void>
}

const venv = resolve(import.meta.dirname, '../../build/moto')

function install(): string | undefined {
  const server = join(venv, 'bin/moto_server')
  const skip = process.env['IAMLOGIN_MOTO'] === 'skip'
  if (skip) return existsSync(server) ? server : undefined
  try {
    mkdirSync(dirname(venv), { recursive: true })
    // Several test files may want it first.
    execFileSync(
      'flock',
      [
        `${venv}.lock`,
        'sh',
        '-ec',
        `test -e "$1/done" || { rm -rf "$1"; python3 -m venv "$1"
         "$1/bin/pip" install --quiet 'moto[server]'; touch "$1/done"; }`,
        'sh',
        venv,
      ],
      { stdio: 'pipe', timeout: 240_000 },
    )
    return server
  } catch (error) {
    if (process.env['IAMLOGIN_MOTO'] === 'require') throw error
    return undefined
  }
}

async function seed(client: IAMClient): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-f', join(folder, 'key')])
  const key = readFileSync(join(folder, 'key.pub'), 'utf8').trim()
  rmSync(folder, { recursive: true })
  for (const name of ['alice', 'bob', 'carol'])
    await client.send(new CreateUserCommand({ UserName: name }))
  for (const [group, members] of [
    ['developers', ['alice', 'bob']],
    ['ops', ['alice']],
  ] as const) {
    await client.send(new CreateGroupCommand({ GroupName: group }))
    for (const name of members)
      await client.send(new AddUserToGroupCommand({ GroupName: group, UserName: name }))
  }
  await client.send(new UploadSSHPublicKeyCommand({ UserName: 'alice', SSHPublicKeyBody: key }))
  return key
}

/** Starts moto with alice and bob in developers, alice in ops, carol in none; alice has a key. */
export async function startMoto(): Promise<Moto | undefined> {
  const program = install()
  if (program === undefined) return undefined
  const child = spawn(program, ['-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const url = await new Promise<string>((found, failed) => {
    child.once('exit', () => {
      failed(new Error('moto_server ended'))
    })
    createInterface(child.stderr).on('line', (line) => {
      const match = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)
      if (match?.[1] !== undefined) found(match[1])
    })
  })
  const client = new IAMClient({ endpoint: url, region: 'us-east-1' })
  const aliceKey = await seed(client)
  client.destroy()
  return {
    url,
    aliceKey,
    stop: () =>
      new Promise((stopped) => {
        child.removeAllListeners('exit')
        child.once('exit', () => {
          stopped()
        })
        child.kill()
      }),
  }
}

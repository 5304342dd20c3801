// A taken-over resolver on a booted machine: everything in attacks.ts, played as uid iamlogin.
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { makeKey } from '../support/machine.ts'
import { attacks, powers, type Host } from './attacks.ts'
import { liesPath, socketPath } from './lies.ts'

const project = resolve(import.meta.dirname, '../..')
const resolverUid = 900

describe('a taken-over resolver', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-adversary-'))
  const key = makeKey(folder, 'key', 'ed25519')
  let container: Container
  let host: Host

  beforeAll(async () => {
    container = await startContainer(({ root, write }) => {
      symlinkSync('/dev/null', join(root, 'etc/systemd/system/iamlogind.service'))
      mkdirSync(join(root, 'etc/iamlogin/root.d'), { recursive: true })
      write('etc/iamlogin/root.d/local-groups', 'docker\n')
      writeFileSync(join(root, 'etc/passwd'), ' deploy:x:1500:1500::/home/deploy:/bin/bash\n', {
        flag: 'a',
      })
    })
    const { root, run, must, write } = container
    await must(
      'mkdir -p /run/iamlogin && chown iamlogin: /run/iamlogin && ' +
        'install -d -o iamlogin -g iamlogin /var/lib/iamlogin && touch /run/adversary-began',
    )
    write(liesPath, '{}')
    await must(
      'systemd-run -q --unit=adversary --uid=iamlogin ' +
        '/opt/iamlogin/node_modules/.bin/node /opt/iamlogin/test/adversary/resolver.ts',
    )
    await must(`timeout 30 sh -c 'until [ -S ${socketPath} ]; do sleep 0.05; done'`)
    host = {
      run,
      asResolver: (command) =>
        run(
          'cd / && setpriv --reuid=900 --regid=900 --clear-groups sh -c ' +
            `'${command.replaceAll("'", `'\\''`)}'`,
        ),
      lie: (lies) => {
        write(liesPath, JSON.stringify(lies))
      },
      publish: async (name, bytes) => {
        const path = join(root, 'var/lib/iamlogin', name)
        writeFileSync(`${path}.new`, bytes, { mode: 0o644 })
        chownSync(`${path}.new`, resolverUid, resolverUid)
        await must(`mv /var/lib/iamlogin/${name}.new /var/lib/iamlogin/${name}`)
      },
      login: async (user) => {
        const child = container.ssh(user, key.path, 'id -un')
        let [stdout, stderr] = ['', '']
        child.stdout?.on('data', (part: Buffer) => (stdout += part.toString()))
        child.stderr?.on('data', (part: Buffer) => (stderr += part.toString()))
        await once(child, 'close')
        return { code: child.exitCode ?? 255, stdout, stderr }
      },
      publicKey: key.publicKey,
    }
  })
  beforeEach(() => {
    host.lie({})
  })
  afterAll(async () => {
    await container.stop()
    rmSync(folder, { recursive: true })
  })

  const isPlayedHere = ({ play }: (typeof attacks)[number]): boolean => typeof play !== 'string'

  // First: nothing that follows says anything if nobody hears this resolver.
  it.each(powers.filter(isPlayedHere))('can $sentence', async ({ play }) => {
    if (typeof play !== 'string') await play(host)
  })

  it.each(attacks.filter(isPlayedHere))('cannot $sentence', async ({ play }) => {
    if (typeof play !== 'string') await play(host)
  })

  it.each([...attacks, ...powers].filter((each) => !isPlayedHere(each)))(
    '$id is played elsewhere',
    ({ play }) => {
      expect(existsSync(join(project, String(play)))).toBe(true)
    },
  )
})

// The first boot of a host: a service that runs as an IAM user starts, though no name is on disk yet.
import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'

const config = (endpoint: string): string =>
  `[source]\nendpoint = "${endpoint}"\n[access]\ngroups = ["developers"]\n[audit]\njournal = false\n`

/** Fails with 217/USER where the name does not resolve. */
const service = `[Unit]
After=nss-user-lookup.target
[Service]
Type=oneshot
RemainAfterExit=yes
User=alice
ExecStart=/usr/bin/id
`

const backOff = ['RestartUSec=3s', 'StartLimitIntervalUSec=0']
/** RestartSteps= and RestartMaxDelaySec= came with systemd 254. */
const steps = ['RestartMaxDelayUSec=30s', 'RestartSteps=6']

describe.each([
  { suite: 'bookworm', expected: backOff },
  { suite: 'trixie', expected: [...steps, ...backOff] },
] as const)('the first boot of $suite', ({ suite, expected }) => {
  let iam: IamServer
  let container: Container
  let hadState = true
  /** Properties of a unit as systemd has them. */
  const show = async (unit: string, names: readonly string[]): Promise<readonly string[]> => {
    const lines = await container.must(`systemctl show ${unit} -p ${names.join()}`)
    return lines.split('\n').toSorted()
  }

  beforeAll(async () => {
    iam = await startIamServer()
    iam.addUser('alice', ['developers'])
    container = await startContainer(
      ({ root, write }) => {
        write('/etc/iamlogin/iamlogin.toml', config(iam.url))
        write('/etc/systemd/system/of-alice.service', service)
        symlinkSync(
          '../of-alice.service',
          join(root, 'etc/systemd/system/multi-user.target.wants/of-alice.service'),
        )
        hadState = existsSync(join(root, 'var/lib/iamlogin'))
      },
      { suite },
    )
  })
  afterAll(async () => {
    await container.stop()
    await iam.stop()
  })

  it('starts a service with User= of an IAM user', async () => {
    expect(hadState).toBe(false)
    const properties = ['ActiveState', 'Result', 'ExecMainStatus', 'NRestarts']
    expect(await show('of-alice', properties)).toEqual([
      'ActiveState=active',
      'ExecMainStatus=0',
      'NRestarts=0',
      'Result=success',
    ])
    expect(await container.must('journalctl -b -o cat -u of-alice')).toMatch(
      /uid=\d+\(alice\) .*\(developers\)/,
    )
  })

  it('has the back-off of the unit, as far as its systemd knows it', async () => {
    const names = [...steps, ...backOff].map((each) => each.replace(/=.*/, ''))
    expect(await show('iamlogind', names)).toEqual(expected)
  })
})

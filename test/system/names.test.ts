// Names and ids that a person of IAM asks for and may not have on a booted host: the system's, a group's,
// and systemd's own range.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { until } from '../support/visits.ts'

/** Within ids.max below, and in systemd's range for the files of other hosts. */
const foreignUid = 2147352600

describe('names and ids that are not to be given', () => {
  let iam: IamServer
  let container: Container

  const isThere = async (name: string) => (await container.run(`getent passwd ${name}`)).code === 0
  const explain = async (name: string) => (await container.run(`iamlogin explain ${name}`)).stdout
  const status = async () => (await container.run('iamlogin status')).stdout
  const addToSysusers = (name: string) =>
    container.must(`echo 'u ${name} - "of a package"' > /usr/lib/sysusers.d/${name}.conf`)

  beforeAll(async () => {
    iam = await startIamServer()
    iam.addUser('alice', ['developers', 'ops'])
    for (const name of ['mysql', 'jenkins', 'bob', 'later', 'atonce'])
      iam.addUser(name, ['developers'])
    iam.addUser('dana', ['developers'])
    iam.tagUser('dana', 'iamlogin:uid', String(foreignUid))
    container = await startContainer(({ write }) => {
      write(
        '/etc/iamlogin/iamlogin.toml',
        `[source]
endpoint = "${iam.url}"
refresh = "10m"
[access]
groups = ["developers", "ops"]
[names]
reserved = ["bob"]
[ids]
max = 2147483647
[accounts]
tags = true
`,
      )
    })
    await until(() => isThere('alice'))
  }, 600_000)
  afterAll(async () => {
    await container.stop()
    await iam.stop()
  })

  it("leaves a service's name to systemd-sysusers", async () => {
    expect(await isThere('mysql')).toBe(false)
    await container.must(`echo 'u mysql - "MySQL"' | systemd-sysusers -`)
    expect(await container.must('getent passwd mysql')).toMatch(/^mysql:[^:]*:[1-9]\d{0,2}:/)
    expect(await explain('mysql')).toContain('cannot log in here')
  })

  it("leaves a service's name to adduser", async () => {
    expect(await isThere('jenkins')).toBe(false)
    expect(await container.run('adduser --system jenkins')).toMatchObject({ code: 0 })
    expect(await container.must('getent passwd jenkins')).toMatch(/^jenkins:[^:]*:[1-9]\d{0,2}:/)
  })

  it('leaves a name of names.reserved to a unit with DynamicUser=', async () => {
    expect(await isThere('bob')).toBe(false)
    expect(await explain('bob')).toContain('is in names.reserved')
    const uid = Number(
      await container.must(
        'systemd-run --quiet --wait --pipe -p DynamicUser=yes -p User=bob id -u',
      ),
    )
    // systemd's docs/UIDS-GIDS.md
    expect(uid).toBeGreaterThanOrEqual(61184)
    expect(uid).toBeLessThanOrEqual(65519)
  })

  it('takes a name from a person when a file of sysusers.d comes to name it', async () => {
    expect(await isThere('later')).toBe(true)
    await addToSysusers('later')
    await until(async () => !(await isThere('later')))
    expect(await explain('later')).toContain(
      '"later" is a user or group of the system by /usr/lib/sysusers.d/later.conf',
    )
    await container.must('systemd-sysusers')
    expect(await container.must('getent passwd later')).toMatch(/^later:[^:]*:[1-9]\d{0,2}:/)
  })

  it('lets systemd-sysusers make the account at once, as a package does that was just unpacked', async () => {
    expect(await isThere('atonce')).toBe(true)
    await addToSysusers('atonce')
    await container.must('systemd-sysusers')
    expect(await container.must('grep ^atonce: /etc/passwd /etc/group')).toMatch(
      /^\/etc\/passwd:atonce:[^:]*:[1-9]\d{0,2}:.*\n\/etc\/group:atonce:/,
    )
  })

  it("gives no uid of systemd's range by a tag, and tells it", async () => {
    expect([await isThere('dana'), await isThere(String(foreignUid))]).toEqual([false, false])
    const reason = `iamlogin:uid ${foreignUid} is not one that may be given`
    expect(await explain('dana')).toContain(reason)
    expect(await status()).toContain(reason)
  })

  it('keeps the members of a group whose name a newer person has', async () => {
    const members = () => container.must('getent group ops')
    expect(await members()).toMatch(/:alice$/)
    iam.addUser('ops', ['developers'], '2026-11-01T00:00:00Z')
    await container.must('iamlogin refresh')
    expect(await members()).toMatch(/:alice$/)
    expect(await isThere('ops')).toBe(false)
    const reason =
      /"ops" is the name of group ops \(AGPA\w+, created 2026-01-01T[\d:.]+Z\), which is older than this user \(created 2026-11-01T00:00:00.000Z\)/
    expect(await explain('ops')).toMatch(reason)
    expect(await status()).toMatch(reason)
    expect(await container.must('id -nG alice')).toContain('ops')
  })
})

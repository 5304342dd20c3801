// The README's quick start: the first block of shell commands under its heading.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { startContainer, type Container } from './container.ts'
import { startIamServer, type IamServer } from './iam-server.ts'

/** The block, word for word. @throws where the README has no such block any more */
function quickStart(): string {
  const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8')
  const block = /## Quick start on a host\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  if (!block.includes('npm run build && sh scripts/install.sh\n'))
    throw new Error('README.md: the quick start does not build and install')
  return block
}

/**
 * A host without anything of the project, that has the block in /root/quickstart.sh; alice, with this
 * public key, is in developers and ops.
 * @param host.npm what stands for npm, which the container lacks
 * @param host.source further lines of [source]
 */
export async function startBareHost(
  publicKey: string,
  host: {
    readonly npm: string
    readonly source: string
    readonly suite?: 'bookworm' | 'trixie'
  },
): Promise<{ readonly iam: IamServer; readonly container: Container }> {
  const { npm, source, suite = 'bookworm' } = host
  const iam = await startIamServer()
  iam.addUser('alice', ['developers', 'ops'])
  iam.uploadKey('alice', publicKey)
  const container = await startContainer(
    ({ write }) => {
      write('/root/quickstart.sh', quickStart())
      write('/usr/local/bin/npm', npm, 0o755)
      // What is IAM's place on a true host: the endpoint, beside the README's own configuration.
      write('/root/endpoint.toml', `[source]\nendpoint = "${iam.url}"\n${source}`)
    },
    { bare: true, suite },
  )
  await container.must(
    'mkdir -p /etc/iamlogin/conf.d && cp /root/endpoint.toml /etc/iamlogin/conf.d/',
  )
  return { iam, container }
}

#!/usr/bin/env node
// iamlogind: reads the configuration, starts the resolver, stops on SIGTERM, reloads on SIGHUP.
import { hostname } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { Command } from 'commander'
import { createAudit } from './audit/create.ts'
import { toEcs } from './audit/ecs.ts'
import type { Config } from './config/config.ts'
import { findOnHost } from './config/host-check.ts'
import { loadConfig, type LoadedConfig } from './config/load.ts'
import { pathsFrom, type Paths } from './config/paths.ts'
import type { Cloud } from './directory/types.ts'
import { ConfigError, ResolverError } from './errors.ts'
import { createNotifiers } from './notify/create.ts'
import type { Notifier } from './notify/notifier.ts'
import { loadAddon } from './platform/addon.ts'
import { systemClock } from './platform/clock.ts'
import { grantsOf, missingGrants } from './platform/grants.ts'
import { hostFacts } from './platform/host-facts.ts'
import { createLocalAccounts } from './platform/local-accounts.ts'
import type { Log } from './platform/log.ts'
import { createLogger } from './platform/logger.ts'
import { createNotify } from './platform/notify.ts'
import { readLiveUids } from './platform/processes.ts'
import { terminateBy } from './platform/terminate.ts'
import { packageVersion } from './platform/version.ts'
import { startResolver, type Resolver } from './resolver.ts'

// Memory back to the host counts more than the last percent of speed: 3 x 8 MiB for young objects
// instead of 3 x 16. With 4, a scavenge while a large directory is published takes ten milliseconds.
setFlagsFromString('--max-semi-space-size=8')

const version = packageVersion()
const terminateSocket = '/run/iamlogin-terminate.sock'

function options(): { readonly config?: string; readonly logLevel: string } {
  return new Command('iamlogind')
    .description(
      'The resolver of iamlogin: keeps the users, groups and keys of AWS IAM for this host.',
    )
    .option(
      '--config <file>',
      'configuration file (else IAMLOGIN_CONFIG, else /etc/iamlogin/iamlogin.toml)',
    )
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .version(version)
    .addHelpText(
      'after',
      `
Runs as the user iamlogin, never as root. SIGHUP reads the configuration again and keeps the
last good one when the new one is refused; SIGTERM stops.

Example:
  setpriv --reuid iamlogin --regid iamlogin --clear-groups iamlogind --config ./iamlogin.toml`,
    )
    .configureOutput({
      outputError: (text, write) => {
        write(text)
      },
    })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse()
    .opts<{ config?: string; logLevel: string }>()
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof ResolverError)
    return `${error.message}\nhint: ${error.hint}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

type Prepared = { readonly config: Config; readonly notifiers: readonly Notifier[] }

/** As loadConfig; tells in the log what this host lacks of what the configuration names. */
function load(file: string, log: Log): LoadedConfig {
  const loaded = loadConfig(file)
  const facts = hostFacts(createLocalAccounts()())
  for (const { message } of findOnHost(loaded, facts)) log.warn({}, message)
  return loaded
}

async function run(): Promise<void> {
  const { config: file, logLevel } = options()
  const uid = process.getuid?.() ?? 0
  if (uid === 0) {
    process.stderr.write(
      'iamlogind: must not run as root\nhint: start it as the user iamlogin: systemctl start iamlogind\n',
    )
    process.exit(2)
  }
  process.umask(0o027)
  // The NSS module in this process and its children must not ask this process.
  process.env['IAMLOGIN_RESOLVER'] = '1'
  const log = createLogger(logLevel)
  const addon = loadAddon()
  const notify = createNotify(process.env['NOTIFY_SOCKET'], addon.sendDatagram)
  const paths: Paths = {
    ...pathsFrom(process.env),
    ...(file === undefined ? {} : { config: file }),
  }

  let cloud: Cloud | undefined
  const identify = async ([pause, ...more]: readonly number[]): Promise<void> => {
    const { readInstanceIdentity } = await import('./sources/instance-identity.ts')
    cloud = await readInstanceIdentity()
    // At boot the network may come later than we do; off EC2 nobody ever answers.
    if (cloud === undefined && pause !== undefined)
      systemClock.after(pause, () => void identify(more))
  }
  // Events do not wait for it: a login is told at once.
  if (process.env['AWS_EC2_METADATA_DISABLED'] !== 'true') void identify([10_000, 60_000, 300_000])

  const host = { name: hostname(), cloud: () => cloud }
  /** All that can be refused of a configuration before anything of the one in use is stopped. */
  const prepare = async ({ config }: { readonly config: Config }): Promise<Prepared> => ({
    config,
    notifiers: await createNotifiers({
      config: config.notify,
      document: (event) => toEcs(event, host),
      version,
      now: systemClock.now,
      log,
    }),
  })
  const start = async ({ config, notifiers }: Prepared): Promise<Resolver> => {
    for (const sentence of missingGrants(grantsOf({ ...config.access, ids: config.ids })))
      log.warn({}, sentence)
    const { sendDatagram } = addon
    const sink = createAudit({ config: config.audit, host, sendDatagram, log })
    const running = await startResolver({
      config,
      paths,
      version,
      addon,
      clock: systemClock,
      log,
      ownUid: uid,
      liveUids: () => readLiveUids(),
      terminate: (target) => terminateBy(terminateSocket, target),
      audit: (event) => {
        sink(event)
        for (const { notify: send } of notifiers) send(event)
      },
    })
    return {
      ...running,
      close: async () => {
        await running.close()
        await Promise.all(notifiers.map((each) => each.close()))
      },
    }
  }

  let loaded = await prepare(load(paths.config, log))
  let resolver = await start(loaded)
  let changing: Promise<void> = Promise.resolve()
  const announce = (): void => {
    const users = resolver.store.current()?.directory.accounts.length ?? 0
    log.info({ users, source: loaded.config.source.kind, socket: paths.resolverSocket }, 'ready')
    notify(`READY=1\nSTATUS=${users} users`)
  }
  const reload = async (): Promise<void> => {
    let next: Prepared
    try {
      next = await prepare(load(paths.config, log))
    } catch (error) {
      log.error(
        { err: error },
        `the new configuration is refused, the last good one stays: ${explain(error)}`,
      )
      return
    }
    notify('RELOADING=1')
    await resolver.close()
    try {
      resolver = await start(next)
      loaded = next
    } catch (error) {
      await Promise.all(next.notifiers.map((each) => each.close()))
      log.error(
        { err: error },
        `the new configuration cannot be put to work, the last good one goes on: ${explain(error)}`,
      )
      loaded = await prepare(loaded)
      resolver = await start(loaded)
    }
    await resolver.firstRead
    announce()
  }
  const stop = async (): Promise<void> => {
    notify('STOPPING=1')
    await resolver.close()
    process.exit(0)
  }
  const inTurn = (next: () => Promise<void>): void => {
    changing = changing.then(next).catch((error: unknown) => {
      log.error({ err: error }, explain(error))
      process.exit(1)
    })
  }
  process.on('SIGHUP', () => {
    inTurn(reload)
  })
  process.on('SIGTERM', () => {
    inTurn(stop)
  })
  process.on('SIGINT', () => {
    inTurn(stop)
  })

  // Ready with what the last run knew; without it, when the first read has ended, well or not.
  if (resolver.store.current() === undefined) await resolver.firstRead
  announce()
}

try {
  await run()
} catch (error) {
  process.stderr.write(`iamlogind: ${explain(error)}\n`)
  process.exit(error instanceof ConfigError ? 2 : 1)
}

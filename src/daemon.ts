#!/usr/bin/env node
// iamlogind: reads the configuration, starts the resolver, stops on SIGTERM, reloads on SIGHUP.
import { once } from 'node:events'
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
import { loadAddon } from './platform/addon.ts'
import { createBootClock } from './platform/boot-time.ts'
import { systemClock } from './platform/clock.ts'
import { toFileError } from './platform/file-error.ts'
import { grantsOf, missingGrants } from './platform/grants.ts'
import { hostFacts } from './platform/host-facts.ts'
import { createLocalAccounts } from './platform/local-accounts.ts'
import type { Log } from './platform/log.ts'
import { createLogger } from './platform/logger.ts'
import { createNameCaches } from './platform/name-caches.ts'
import { createNotify } from './platform/notify.ts'
import { readLiveUids } from './platform/processes.ts'
import { emptyCachesBy, terminateBy } from './platform/terminate.ts'
import { packageVersion } from './platform/version.ts'
import { startWatchdog, watchdogMs } from './platform/watchdog.ts'
import { createReader } from './refresh/reader.ts'
import { ping } from './server/ping.ts'
import { startService, type Prepared } from './service.ts'
import { createSignals } from './signals.ts'
import { createKeySource } from './sources/key-process.ts'

// Memory back to the host counts more than the last percent of speed: 3 x 8 MiB for young objects
// instead of 3 x 16. With 4, a scavenge while a large directory is published takes ten milliseconds.
setFlagsFromString('--max-semi-space-size=8')

const version = packageVersion()
const terminateSocket = '/run/iamlogin-terminate.sock'
/** From one reload to the next, however many SIGHUPs come. */
const reloadGapMs = 1_000
/** How long a reload waits for the source before it says that it is ready. */
const announceMs = 5_000
/** A stop ends by then, whatever hangs. */
const stopMs = 2_000

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
  const failed = toFileError(error)
  if (failed !== undefined) {
    const isDenied = failed.code === 'file_denied'
    const hint = isDenied ? 'start it as the user iamlogin: systemctl start iamlogind' : failed.hint
    return `${failed.message}\nhint: ${hint}`
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

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
  /** All that can be refused of a configuration before anything of the one in use is touched. */
  const prepare = async ({ config }: { readonly config: Config }): Promise<Prepared> => {
    const notifiers = await createNotifiers({
      config: config.notify,
      document: (event) => toEcs(event, host),
      version,
      now: systemClock.now,
      log,
    })
    const sink = createAudit({
      config: config.audit,
      host,
      sendDatagram: addon.sendDatagram,
      log,
    })
    return {
      config,
      keySource: createKeySource({ config, clock: systemClock }),
      audit: (event) => {
        sink(event)
        for (const { notify: send } of notifiers) send(event)
      },
      close: async () => {
        await Promise.all(notifiers.map((each) => each.close()))
      },
    }
  }
  const warn = ({ access, ids, accounts: { home } }: Config): void => {
    for (const sentence of missingGrants(grantsOf({ ...access, ids, home }))) log.warn({}, sentence)
  }

  const child = { stateDir: paths.stateDir, memoryFile: addon.memoryFile }
  const first = await prepare(load(paths.config, log))
  warn(first.config)
  const service = await startService(
    {
      paths,
      version,
      startedAt: systemClock.now(),
      addon,
      local: createLocalAccounts(),
      reader: createReader(child),
      explainer: createReader(child),
      clock: systemClock,
      bootClock: createBootClock(addon.bootTime),
      log,
      ownUid: uid,
      liveUids: () => readLiveUids(),
      terminate: (target) => terminateBy(terminateSocket, target),
      caches: createNameCaches({
        empty: () => emptyCachesBy(terminateSocket),
        clock: systemClock,
        log,
      }),
    },
    first,
  )
  const announce = ({ source }: Config): void => {
    const users = service.store().current()?.directory.userCount ?? 0
    log.info({ users, source: source.kind, socket: paths.resolverSocket }, 'ready')
    notify(`READY=1\nSTATUS=${users} users`)
  }
  const reload = async (signal: AbortSignal): Promise<void> => {
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
    if (signal.aborted) return
    notify('RELOADING=1')
    try {
      await service.reload(next)
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error
      await Promise.all([next.close(), next.keySource.close()])
      log.error(
        { err: error },
        `the new configuration cannot be put to work, the last good one goes on: ${explain(error)}`,
      )
      notify('READY=1')
      return
    }
    warn(next.config)
    // A source that does not answer holds up no further reload, and no stop.
    await Promise.race([
      service.firstRead(),
      once(signal, 'abort'),
      new Promise<void>((over) => {
        systemClock.after(announceMs, over)
      }),
    ])
    announce(next.config)
  }
  const stop = async (): Promise<void> => {
    notify('STOPPING=1')
    systemClock.after(stopMs, () => {
      log.warn({}, 'not everything ended in time: the next start reads the source again')
      process.exit(0)
    })
    await service.close()
    process.exit(0)
  }
  const { hangUp, terminate } = createSignals({
    reload,
    stop,
    failed: (error) => {
      log.error({ err: error }, explain(error))
      process.exit(1)
    },
    clock: systemClock,
    gapMs: reloadGapMs,
  })
  process.on('SIGHUP', hangUp)
  process.on('SIGTERM', terminate)
  process.on('SIGINT', terminate)

  // Ready with what the last run knew; without it, when the first read has ended, well or not.
  if (service.store().current() === undefined) await service.firstRead()
  announce(first.config)
  const limitMs = watchdogMs(process.env, process.pid)
  if (limitMs !== undefined)
    startWatchdog({
      limitMs,
      probe: () => ping(paths.resolverSocket, limitMs / 4),
      beat: () => {
        notify('WATCHDOG=1')
      },
      failed: (error) => {
        log.warn({ err: error }, `the resolver does not answer itself: ${explain(error)}`)
      },
      clock: systemClock,
    })
}

try {
  await run()
} catch (error) {
  process.stderr.write(`iamlogind: ${explain(error)}\n`)
  process.exit(error instanceof ConfigError ? 2 : 1)
}

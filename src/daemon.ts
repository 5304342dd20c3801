#!/usr/bin/env node
// iamlogind: starts the resolver by its configuration, stops on SIGTERM, reloads on SIGHUP.
import { hostname } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config/config.ts'
import { pathsFrom, type Paths } from './config/paths.ts'
import { ConfigError, UsageError } from './errors.ts'
import { loadAddon, type Addon } from './platform/addon.ts'
import { createBootClock } from './platform/boot-time.ts'
import { ChildLost } from './platform/child.ts'
import { systemClock } from './platform/clock.ts'
import { createLocalAccounts } from './platform/local-accounts.ts'
import type { Log } from './platform/log.ts'
import { createLogger } from './platform/logger.ts'
import { createNameCaches } from './platform/name-caches.ts'
import { createNotify } from './platform/notify.ts'
import { packageVersion } from './platform/package.ts'
import { readLiveUids } from './platform/processes.ts'
import { emptyCachesBy, terminateBy } from './platform/terminate.ts'
import { startWatchdog, watchdogMs } from './platform/watchdog.ts'
import { createReader } from './refresh/reader.ts'
import { configVersionOf, loadResume, type Resumed } from './resume.ts'
import { ping } from './server/ping.ts'
import { startService, type Prepared, type Service, type ServiceDeps } from './service.ts'
import { createSignals, type Signals } from './signals.ts'
import { createCloud } from './start/cloud.ts'
import { errorText } from './start/error-text.ts'
import { createHostProcess, type HostProcess } from './start/host-process.ts'
import { readOptions, type Options } from './start/options.ts'
import { prepare, type ReadConfig } from './start/prepare.ts'
import { reload } from './start/reload.ts'

const version = packageVersion()
const terminateSocket = '/run/iamlogin-terminate.sock'
/** From one reload to the next, however many SIGHUPs come. */
const reloadGapMs = 1_000
/** From a check of the configuration that failed to the next one. */
const confirmAgainMs = 10_000
/** A stop ends by then, whatever hangs. */
const stopMs = 2_000

type Tools = {
  readonly paths: Paths
  readonly log: Log
  readonly addon: Addon
  readonly host: HostProcess
  /** sd_notify(3) */
  readonly notify: (state: string) => void
}

function serviceDeps({ paths, log, addon }: Tools): ServiceDeps {
  const child = { stateDir: paths.stateDir, memoryFile: addon.memoryFile }
  return {
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
    ownUid: process.getuid?.() ?? 0,
    liveUids: () => readLiveUids(),
    terminate: (target) => terminateBy(terminateSocket, target),
    caches: createNameCaches({
      empty: () => emptyCachesBy(terminateSocket),
      clock: systemClock,
      log,
    }),
  }
}

type Prepare = (read: ReadConfig) => Promise<Prepared>

/** The configuration as it is now; logs what this host lacks of what it names. */
async function readConfig({ host, paths, log }: Tools): Promise<ReadConfig> {
  // Before the files are read: a later version may be read, an earlier one never counts as this one.
  const configVersion = configVersionOf(paths.config)
  const { config, warnings } = await host.readConfig(paths.config)
  for (const sentence of warnings) log.warn({}, sentence)
  return { config, configVersion }
}

function createPrepare({ host, addon, log }: Tools): Prepare {
  const isOnEc2 = process.env['AWS_EC2_METADATA_DISABLED'] !== 'true'
  const cloud = isOnEc2
    ? createCloud({ read: host.readCloud, clock: systemClock })
    : () => undefined
  const { sendDatagram } = addon
  const auditHost = { name: hostname(), cloud }
  return (read) =>
    prepare(read, { host: auditHost, sendDatagram, version, clock: systemClock, log })
}

function obeySignals(
  tools: Tools,
  deps: {
    readonly service: Service
    readonly prepare: Prepare
    readonly announce: (config: Config) => void
  },
): Signals {
  const { log, notify } = tools
  const stop = async (): Promise<void> => {
    notify('STOPPING=1')
    systemClock.after(stopMs, () => {
      log.warn({}, 'not everything ended in time: the next start reads the source again')
      process.exit(0)
    })
    await deps.service.close()
    process.exit(0)
  }
  const parts = { ...deps, read: () => readConfig(tools), notify, clock: systemClock, log }
  const signals = createSignals({
    reload: (signal) => reload(parts, signal),
    stop,
    failed: (error) => {
      log.error({ err: error }, errorText(error))
      process.exit(1)
    },
    clock: systemClock,
    gapMs: reloadGapMs,
  })
  process.on('SIGHUP', signals.hangUp)
  process.on('SIGTERM', signals.terminate)
  process.on('SIGINT', signals.terminate)
  return signals
}

function keepWatch({ paths, log, notify }: Tools): void {
  const limitMs = watchdogMs(process.env, process.pid)
  if (limitMs === undefined) return
  startWatchdog({
    limitMs,
    probe: () => ping(paths.resolverSocket, limitMs / 4),
    beat: () => {
      notify('WATCHDOG=1')
    },
    failed: (error) => {
      log.warn({ err: error }, `the resolver does not answer itself: ${errorText(error)}`)
    },
    clock: systemClock,
  })
}

/**
 * What is served goes by the file's word, not by what the state directory says of it.
 * @throws {ConfigError} where the file is refused
 */
async function confirmConfig(tools: Tools, resumed: Resumed, signals: Signals): Promise<void> {
  const { log } = tools
  try {
    const { config } = await readConfig(tools)
    if (isDeepStrictEqual(config, resumed.config)) return
    log.warn({}, 'the configuration is another than resume.db says: it is read again')
    signals.hangUp()
  } catch (error) {
    // Short of memory, or the process was killed: that says nothing of the file.
    if (!(error instanceof ConfigError && error.cause instanceof ChildLost)) throw error
    log.warn({ err: error }, `${errorText(error)}; tried again in ${confirmAgainMs / 1_000} s`)
    await new Promise<void>((again) => {
      systemClock.after(confirmAgainMs, again)
    })
    await confirmConfig(tools, resumed, signals)
  }
}

async function run({ config: file, logLevel }: Options): Promise<void> {
  const log = createLogger(logLevel)
  const addon = loadAddon()
  const notify = createNotify(process.env['NOTIFY_SOCKET'], addon.sendDatagram)
  const paths = { ...pathsFrom(process.env), ...(file === undefined ? {} : { config: file }) }
  const tools = { paths, log, addon, host: createHostProcess(), notify }
  const prepareConfig = createPrepare(tools)
  const resumed = await loadResume(paths, { clock: systemClock, log })
  const first =
    resumed === undefined
      ? await readConfig(tools)
      : { config: resumed.config, configVersion: configVersionOf(paths.config) }
  const service = await startService(serviceDeps(tools), await prepareConfig(first), resumed)
  const announce = ({ source }: Config): void => {
    const users = service.store().current()?.directory.userCount ?? 0
    log.info({ users, source: source.kind, socket: paths.resolverSocket }, 'ready')
    notify(`READY=1\nSTATUS=${users} users`)
  }
  const signals = obeySignals(tools, { service, prepare: prepareConfig, announce })
  // Ready with what the last run knew; without it, when the first read has ended, well or not.
  if (service.store().current() === undefined) await service.firstRead()
  announce(first.config)
  keepWatch(tools)
  if (resumed !== undefined) await confirmConfig(tools, resumed, signals)
}

function start(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (typeof options === 'string') {
    process.stdout.write(options)
    return Promise.resolve()
  }
  if (process.getuid?.() === 0)
    throw new UsageError('must not run as root', {
      hint: 'start it as the user iamlogin: systemctl start iamlogind',
    })
  process.umask(0o027)
  // The NSS module in this process and its children must not ask this process.
  process.env['IAMLOGIN_RESOLVER'] = '1'
  return run(options)
}

try {
  await start()
} catch (error) {
  process.stderr.write(`iamlogind: ${errorText(error)}\n`)
  process.exit(error instanceof ConfigError || error instanceof UsageError ? 2 : 1)
}

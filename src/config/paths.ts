// Where things are; the environment may say otherwise to the daemon and the command line.
import { join } from 'node:path'

export type Paths = {
  readonly config: string
  readonly resolverSocket: string
  readonly controlSocket: string
  readonly stateDir: string
  readonly runtimeDir: string
}

/** IAMLOGIN_CONFIG, IAMLOGIN_RUNTIME_DIR and IAMLOGIN_STATE_DIR, or the packaged places. */
export function pathsFrom(env: Readonly<Record<string, string | undefined>>): Paths {
  const runtimeDir = env['IAMLOGIN_RUNTIME_DIR'] ?? '/run/iamlogin'
  return {
    config: env['IAMLOGIN_CONFIG'] ?? '/etc/iamlogin/iamlogin.toml',
    runtimeDir,
    stateDir: env['IAMLOGIN_STATE_DIR'] ?? '/var/lib/iamlogin',
    resolverSocket: join(runtimeDir, 'resolver.sock'),
    controlSocket: join(runtimeDir, 'control.sock'),
  }
}

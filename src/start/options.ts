// The command line of iamlogind.
import { parseArgs } from 'node:util'
import { UsageError } from '../errors.ts'
import { packageVersion } from '../platform/package.ts'

export type Options = { readonly config?: string; readonly logLevel: string }

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

const help = `Usage: iamlogind [options]

The resolver of iamlogin: keeps the users, groups and keys of AWS IAM for this host.

Options:
  --config <file>      configuration file (else IAMLOGIN_CONFIG, else /etc/iamlogin/iamlogin.toml)
  --log-level <level>  debug, info, warn or error (default: "info")
  -V, --version        output the version number
  -h, --help           display help for command

Runs as the user iamlogin, never as root. SIGHUP reads the configuration again and keeps the
last good one when the new one is refused; SIGTERM stops.

Example:
  setpriv --reuid iamlogin --regid iamlogin --clear-groups iamlogind --config ./iamlogin.toml
`

function usage(message: string): UsageError {
  return new UsageError(message, { hint: 'iamlogind --help lists the options' })
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'log-level': { type: 'string', default: 'info' },
        version: { type: 'boolean', short: 'V' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    // Its sentences name the option, or the word that is none.
    throw usage(error instanceof Error ? error.message : String(error))
  }
}

/**
 * What the command line says; text where that is all it asks for.
 * @throws {UsageError} for what it does not know
 */
export function readOptions(args: readonly string[]): Options | string {
  const { config, 'log-level': logLevel, version, help: asksHelp } = parse(args)
  if (asksHelp === true) return help
  if (version === true) return `${packageVersion()}\n`
  if (!levels.includes(logLevel))
    throw usage(`--log-level ${logLevel}: allowed are debug, info, warn and error`)
  return { logLevel, ...(config === undefined ? {} : { config }) }
}

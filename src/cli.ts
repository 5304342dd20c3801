#!/usr/bin/env node
// iamlogin: argv -> one command, its exit code; nothing else.
import { Command, CommanderError } from 'commander'
import { audit } from './cli/audit-command.ts'
import { configCheck, configGrants, configShow } from './cli/config-commands.ts'
import { explain, groups, keys, refresh, status, users } from './cli/directory-commands.ts'
import { policy } from './cli/policy-command.ts'
import { printable, type Output } from './cli/print.ts'
import { createAsk } from './cli/resolver-client.ts'
import { pathsFrom } from './config/paths.ts'
import { ConfigError, FileError, ResolverError, UsageError } from './errors.ts'
import { toFileError } from './platform/file-error.ts'
import { hostFacts } from './platform/host-facts.ts'
import { canReadJournal } from './platform/journal-access.ts'
import { createLocalAccounts } from './platform/local-accounts.ts'
import { packageVersion } from './platform/package.ts'

const paths = pathsFrom(process.env)
const ask = createAsk(paths.controlSocket)
const warn = (text: string): void => {
  process.stderr.write(`${printable(text)}\n`)
}
const write = (text: string): void => {
  process.stdout.write(`${printable(text)}\n`)
}
/** A reader such as head(1) that has enough is no error; a full disk is one. */
process.stdout.on('error', (error: Error) => {
  const failed =
    'code' in error && error.code === 'EPIPE' ? undefined : toFileError(error, 'stdout')
  if (failed !== undefined) warn(`iamlogin: writing ${failed.message}\nhint: ${failed.hint}`)
  process.exit(1)
})
let exitCode = 0

const program = new Command('iamlogin')
  .description('AWS IAM users as Linux users: asks and steers the resolver of this host.')
  .version(packageVersion())
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 the answer is no, 2 wrong usage or configuration, 3 the resolver cannot be reached.',
  )

/** Adds a command: its example in --help, --json, and its exit code. */
function command(
  parent: Command,
  usage: string,
  about: { readonly summary: string; readonly example: string },
  run: (
    output: Output,
    args: readonly string[],
    options: Readonly<Record<string, unknown>>,
  ) => number | Promise<number>,
): Command {
  return parent
    .command(usage)
    .description(about.summary)
    .option('--json', 'print one JSON document')
    .addHelpText('after', `\nExample:\n  ${about.example}`)
    .exitOverride()
    .action(async (...given: unknown[]) => {
      const self = given.at(-1)
      if (!(self instanceof Command)) return
      const options = self.opts<Record<string, unknown>>()
      exitCode = await run({ json: options['json'] === true, write, warn }, self.args, options)
    })
}

command(
  program,
  'status',
  {
    summary:
      'source, age of the directory, users, groups, last error; exits 1 when the source or a part of it (a group, keys, tags) cannot be read, the directory is stale, or the state directory cannot be written',
    example: 'iamlogin status',
  },
  (output) => status(ask, output, Date.now()),
)
command(
  program,
  'users',
  { summary: 'the users that this host resolves', example: 'iamlogin users --json' },
  (output) => users(ask, output),
)
command(
  program,
  'groups',
  { summary: 'the groups that this host resolves', example: 'iamlogin groups' },
  (output) => groups(ask, output),
)
command(
  program,
  'keys <user>',
  { summary: 'the keys of USER as sshd would get them', example: 'iamlogin keys alice' },
  (output, [user = '']) => keys(ask, output, user, Date.now()),
)
command(
  program,
  'explain <name>',
  {
    summary: 'why this IAM or Linux name can or cannot log in here',
    example: 'iamlogin explain alice@example.com',
  },
  (output, [name = '']) => explain(ask, output, name),
)
command(
  program,
  'refresh [user]',
  {
    summary: 'read the source again now; with USER, forget the cached keys of that one alone',
    example: 'iamlogin refresh alice',
  },
  (output, [user], options) =>
    refresh(ask, output, { user, confirm: options['confirm'] === true, now: Date.now() }),
).option('--confirm', 'accept a directory that is suddenly empty or halved')
const config = program.command('config').description('the configuration').exitOverride()
command(
  config,
  'check',
  {
    summary:
      'validate the configuration without starting anything, and tell what of it this host lacks',
    example: 'iamlogin config check',
  },
  (output) => configCheck(output, paths.config, hostFacts(createLocalAccounts()())),
)
command(
  config,
  'show',
  { summary: "the merged configuration with each value's origin", example: 'iamlogin config show' },
  (output) => configShow(output, paths.config),
)
command(
  config,
  'grants',
  {
    summary:
      "root's lists: local groups, shared accounts, the range of ids and the folder of homes",
    example: 'iamlogin config grants --write',
  },
  (output, _args, options) => configGrants(output, paths.config, options['write'] === true),
).option('--write', 'put them in /etc/iamlogin/root.d/; needs root')
command(
  program,
  'audit',
  {
    summary: 'who logged in, from where, with which IAM key',
    example: 'iamlogin audit --since 2h --user alice',
  },
  (output, _args, options) =>
    audit(output, {
      file: paths.config,
      since: options['since'],
      user: options['user'],
      follow: options['follow'] === true,
      now: Date.now(),
      canReadJournal,
    }),
)
  .option(
    '--since <time>',
    'a duration such as 30m, 1h, 7d, or a time such as 2026-11-24T08:00',
    '1h',
  )
  .option('--user <name>', 'only events of this Linux or IAM user')
  .option('--follow', 'go on with events as they happen')
command(
  program,
  'policy',
  {
    summary:
      'the least IAM policy for what the configuration uses; with source.assume_role three: of the host, of that role, and whom that role trusts',
    example: 'iamlogin policy > policy.json',
  },
  (output, _args, options) =>
    policy(output, {
      file: paths.config,
      document: typeof options['document'] === 'string' ? options['document'] : undefined,
      region: process.env['AWS_REGION'],
    }),
).option('--document <name>', 'host, role or trust: only that one of source.assume_role')

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? 0 : 2
  else if (
    error instanceof ConfigError ||
    error instanceof UsageError ||
    error instanceof ResolverError
  ) {
    warn(`iamlogin: ${error.message}\nhint: ${error.hint}`)
    exitCode = error instanceof ResolverError ? 3 : 2
  } else {
    const failed = error instanceof FileError ? error : toFileError(error)
    if (failed === undefined) throw error
    warn(`iamlogin: ${failed.message}\nhint: ${failed.hint}`)
    exitCode = 1
  }
}
process.exitCode = exitCode

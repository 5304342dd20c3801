// ENTRY of the process that finds out one thing about this host and ends: start/host-process.ts starts it.
import { findOnHost } from './config/host-check.ts'
import { loadConfig } from './config/load.ts'
import { ConfigError } from './errors.ts'
import type { CheckedConfig, FromHostReader, ToHostReader } from './start/host-process.ts'
import { grantsOf, missingGrants } from './platform/grants.ts'
import { hostFacts } from './platform/host-facts.ts'
import { createLocalAccounts } from './platform/local-accounts.ts'

function check(file: string): CheckedConfig {
  const loaded = loadConfig(file)
  const findings = findOnHost(loaded, hostFacts(createLocalAccounts()()))
  const { access, ids, accounts } = loaded.config
  const grants = grantsOf({ ...access, ids, home: accounts.home })
  return {
    config: loaded.config,
    warnings: [...findings.map(({ message }) => message), ...missingGrants(grants)],
  }
}

async function answer(message: ToHostReader): Promise<FromHostReader> {
  if (message.kind === 'cloud') {
    const { readInstanceIdentity } = await import('./sources/instance-identity.ts')
    const cloud = await readInstanceIdentity()
    return { kind: 'cloud', ...(cloud === undefined ? {} : { cloud }) }
  }
  try {
    return { kind: 'config', checked: check(message.file) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { kind: 'refused', code: error.code, message: error.message, hint: error.hint }
  }
}

// The resolver is gone: no process waits for the answer.
process.once('disconnect', () => process.exit(1))
process.once('message', (message: ToHostReader) => {
  answer(message)
    .then((said) => {
      process.send?.(said, () => process.exit(0))
    })
    .catch((error: unknown) => {
      process.stderr.write(`iamlogind: looking at this host failed: ${String(error)}\n`)
      process.exit(1)
    })
})

// What the resolver wants to know of its host is found out by a process of its own that answers once and
// ends: checking the configuration and asking for the instance take libraries that the resolver needs no more.
import type { Config } from '../config/config.ts'
import type { Cloud } from '../directory/types.ts'
import { ConfigError } from '../errors.ts'
import { askOnce, ChildLost, startChild, type Program } from '../platform/child.ts'

/** A configuration that is valid, and what this host lacks of what it names. */
export type CheckedConfig = {
  readonly config: Config
  /** One sentence each. */
  readonly warnings: readonly string[]
}

/** A message to the process. */
export type ToHostReader =
  { readonly kind: 'config'; readonly file: string } | { readonly kind: 'cloud' }

/** Its answer. */
export type FromHostReader =
  | { readonly kind: 'config'; readonly checked: CheckedConfig }
  | {
      readonly kind: 'refused'
      readonly code: ConfigError['code']
      readonly message: string
      readonly hint: string
    }
  /** Without a cloud: no instance of EC2, or nothing that tells. */
  | { readonly kind: 'cloud'; readonly cloud?: Cloud }

export type HostProcess = {
  /**
   * The configuration of `file` and conf.d beside it.
   * @throws {ConfigError} when it is refused, or could not be checked
   */
  readonly readConfig: (file: string) => Promise<CheckedConfig>
  /** Undefined where there is no instance metadata: off EC2, or switched off. */
  readonly readCloud: () => Promise<Cloud | undefined>
}

/** A file system that hangs holds up no start for longer, and no reload. */
const longestMs = 30_000

async function ask(message: ToHostReader, program?: Program): Promise<FromHostReader> {
  const child = startChild('host-reader', { program })
  // Our own code answers, in a process of our own.
  return (await askOnce(child, message, AbortSignal.timeout(longestMs))) as FromHostReader
}

function unchecked(error: unknown): ConfigError {
  const how = error instanceof Error ? error.message : String(error)
  return new ConfigError('config_unreadable', `checking the configuration: ${how}`, {
    hint: 'see the log of iamlogind; `iamlogin config check` checks the same',
    cause: error,
  })
}

/** Makes the asker; tests start another program. */
export function createHostProcess(program?: Program): HostProcess {
  return {
    readConfig: async (file) => {
      let answer: FromHostReader
      try {
        answer = await ask({ kind: 'config', file }, program)
      } catch (error) {
        throw unchecked(error)
      }
      if (answer.kind === 'refused')
        throw new ConfigError(answer.code, answer.message, { hint: answer.hint })
      if (answer.kind !== 'config') throw unchecked(new Error(`an answer of kind ${answer.kind}`))
      return answer.checked
    },
    readCloud: async () => {
      try {
        const answer = await ask({ kind: 'cloud' }, program)
        return answer.kind === 'cloud' ? answer.cloud : undefined
      } catch (error) {
        // Audit events then tell no instance; the next try may.
        if (error instanceof ChildLost) return undefined
        throw error
      }
    },
  }
}

// The credentials that this host has by itself: environment, profile, web identity, container, IMDS.
import { fromNodeProviderChain } from '@aws-sdk/credential-providers'
import { AnswerError } from '../errors.ts'
import { answerGate } from './answer.ts'
import { stsService } from './answer-shapes.ts'

export type HostCredentials = ReturnType<typeof fromNodeProviderChain>

/** A page in the place of the credentials: it is no JSON, or its first line is no name of a role. */
function isForeign(error: unknown): error is Error {
  return (
    error instanceof SyntaxError ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_UNESCAPED_CHARACTERS')
  )
}

/**
 * The SDK's chain, with the gate in front of the STS calls that it makes. Every client is given it:
 * a client's own default chain has no gate.
 * @throws {AnswerError} when something else answers in the place of STS, the instance metadata or the
 * container's provider
 */
export function hostCredentials(): HostCredentials {
  const chain = fromNodeProviderChain({
    timeout: 1000,
    maxRetries: 2,
    clientPlugins: [answerGate(stsService)],
  })
  return async (identity) => {
    try {
      return await chain(identity)
    } catch (error) {
      if (!isForeign(error)) throw error
      throw new AnswerError('the provider of credentials (instance metadata or container)', {
        flaw: 'its credentials cannot be read',
        came: error.message,
        status: 200,
      })
    }
  }
}

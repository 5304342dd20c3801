// What AWS says when it says no -> a SourceError that tells what was tried and how to mend it.
import { SourceError } from '../errors.ts'

type AwsFailure = { readonly name: string; readonly message: string; readonly code: string }

function describe(error: unknown): AwsFailure {
  if (!(error instanceof Error)) return { name: '', message: String(error), code: '' }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // A connection refused on every address of a name comes as an AggregateError without a message.
  const message = error.message === '' ? code || error.name : error.message
  return { name: error.name, message, code }
}

/** True for "there is no such user, group or key": an answer, not an outage. */
export function isNoSuchEntity(error: unknown): boolean {
  return /^NoSuchEntity/.test(describe(error).name)
}

/**
 * @param attempt what was tried, as in "reading group developers"
 * @param action the IAM action, as in "iam:GetGroup"
 */
export function toSourceError(error: unknown, attempt: string, action: string): SourceError {
  if (error instanceof SourceError) return error
  const { name, message, code } = describe(error)
  const cause = { cause: error }
  if (/^AccessDenied|^UnauthorizedOperation|NotAuthorized/.test(name)) {
    const resource = /on resource: (\S+)/.exec(message)?.[1] ?? '*'
    return new SourceError('source_denied', `${attempt}: access denied: ${action} on ${resource}`, {
      hint: `allow ${action} on ${resource} in the policy of this instance's role`,
      ...cause,
    })
  }
  if (/Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(name))
    return new SourceError('source_throttled', `${attempt}: AWS throttles ${action}: ${message}`, {
      hint: 'raise source.refresh, or name fewer groups: IAM limits calls per account',
      ...cause,
    })
  if (
    /RequestTimeTooSkewed|RequestExpired|SignatureExpired/.test(name) ||
    /[Ss]ignature (expired|not yet)/.test(message)
  )
    return new SourceError('source_clock_skew', `${attempt}: the clock is wrong: ${message}`, {
      hint: 'set the clock: run chrony or systemd-timesyncd (169.254.169.123 is the time server of EC2)',
      ...cause,
    })
  if (
    /CredentialsProvider|TokenProvider|InvalidClientTokenId|UnrecognizedClient|ExpiredToken|SignatureDoesNotMatch|IncompleteSignature|MissingAuthentication/.test(
      name,
    )
  )
    return new SourceError(
      'source_no_credentials',
      `${attempt}: no valid credentials: ${message}`,
      {
        hint: 'attach an instance profile with the iamlogin policy to this host, or set source.assume_role',
        ...cause,
      },
    )
  if (/Timeout|AbortError/.test(name) || /ETIMEDOUT|ECONNABORTED/.test(code))
    return new SourceError('source_timeout', `${attempt}: no answer in time: ${message}`, {
      hint: 'check the route to IAM (or the endpoint in source.endpoint) and the proxy settings',
      ...cause,
    })
  if (/^E[A-Z]+/.test(code) || /NetworkingError|socket hang up/.test(`${name} ${message}`))
    return new SourceError('source_unreachable', `${attempt}: no network: ${message}`, {
      hint: 'check the network, DNS, and source.endpoint',
      ...cause,
    })
  return new SourceError('source_malformed', `${attempt}: ${name}: ${message}`, {
    hint: `${action} gave an answer that cannot be used; see the message`,
    ...cause,
  })
}

/** A group of the configuration that IAM does not have. */
export function unknownGroup(group: string, cause: unknown): SourceError {
  return new SourceError('source_unknown_group', `reading group ${group}: IAM has no such group`, {
    hint: `create the group ${group} in IAM or remove it from access.groups, access.sudo_groups and access.shared_accounts`,
    cause,
  })
}

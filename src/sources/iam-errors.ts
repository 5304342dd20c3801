// What AWS says when it says no -> a SourceError that tells what was asked, what came and what to do.
import { nearestRegion } from '../config/partition.ts'
import { AnswerError, SourceError } from '../errors.ts'

type AwsFailure = {
  readonly name: string
  readonly message: string
  readonly code: string
  /** Of a name that does not resolve. */
  readonly host: string
}

/** What was asked of AWS. */
export type Asked = {
  /** As in "iam:GetGroup". */
  readonly action: string
  /** As in "group developers"; a policy needs no more than that. */
  readonly resource: string
}

function describe(error: unknown): AwsFailure {
  if (!(error instanceof Error)) return { name: '', message: String(error), code: '', host: '' }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const host = 'hostname' in error && typeof error.hostname === 'string' ? error.hostname : ''
  // A connection refused on every address of a name comes as an AggregateError without a message.
  const [sentence = ''] = error.message.split('\n')
  return { name: error.name, message: sentence.trim() || code || error.name, code, host }
}

/** True for "there is no such user, group or key" in IAM's own words (answer.ts): no outage. */
export function isNoSuchEntity(error: unknown): boolean {
  return /^NoSuchEntity/.test(describe(error).name)
}

function denied({ message }: AwsFailure, attempt: string, asked: Asked): readonly [string, string] {
  // With assume_role it may be sts:AssumeRole that was denied.
  const action = /not authorized to perform: ([\w-]+:\w+)/.exec(message)?.[1] ?? asked.action
  const arn = /on resource: (arn:\S+)/.exec(message)?.[1]
  const resource =
    arn ?? (action === asked.action ? asked.resource : 'the role in source.assume_role')
  const because = /because (.{1,200})$/.exec(message)?.[1]
  const reason = because === undefined ? '' : ` (${because})`
  return [
    `${attempt}: access denied: ${action} on ${resource}${reason}`,
    `allow ${action} in the policy of this instance's role: \`iamlogin policy\` prints what is needed`,
  ]
}

function unresolved({ host, code }: AwsFailure, attempt: string): readonly [string, string] {
  const region = /\.([a-z]{2,4}(?:-[a-z]+)+-\d)\./.exec(host)?.[1]
  const where = region === undefined ? '' : `, region ${region}`
  const near = region === undefined ? undefined : nearestRegion(region)
  const meant = near === undefined ? '' : ` Did you mean "${near}"?`
  return [
    `${attempt}: the host name ${host === '' ? 'of the endpoint' : host} does not resolve (${code}${where})`,
    region === undefined
      ? 'check the DNS of this host, source.region and source.endpoint'
      : `is "${region}", of source.region or AWS_REGION, spelled as AWS does?${meant} Else check the DNS of this host`,
  ]
}

type Told = readonly [code: SourceError['code'], sentence: string, hint: string]

function tell(failure: AwsFailure, attempt: string, asked: Asked): Told {
  const { name, message, code } = failure
  if (/^AccessDenied|^UnauthorizedOperation|NotAuthorized|^AuthorizationError/.test(name))
    return ['source_denied', ...denied(failure, attempt, asked)]
  if (/Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(name))
    return [
      'source_throttled',
      `${attempt}: AWS throttles ${asked.action}: ${message}`,
      'raise source.refresh, or name fewer groups: IAM limits calls per account',
    ]
  if (
    /RequestTimeTooSkewed|RequestExpired|SignatureExpired/.test(name) ||
    /[Ss]ignature (expired|not yet)/.test(message)
  )
    return [
      'source_clock_skew',
      `${attempt}: the clock of this host is wrong: ${message}`,
      'set the clock: run chrony or systemd-timesyncd (169.254.169.123 is the time server of EC2)',
    ]
  if (
    /CredentialsProvider|TokenProvider|InvalidClientTokenId|UnrecognizedClient|ExpiredToken|SignatureDoesNotMatch|IncompleteSignature|MissingAuthentication/.test(
      name,
    )
  )
    return [
      'source_no_credentials',
      `${attempt}: no valid credentials: ${message}`,
      'attach an instance profile with the policy of `iamlogin policy` to this host, or set source.assume_role',
    ]
  if (/^ENOTFOUND$|^EAI_/.test(code)) return ['source_unreachable', ...unresolved(failure, attempt)]
  if (/Timeout|AbortError/.test(name) || /ETIMEDOUT|ECONNABORTED/.test(code))
    return [
      'source_timeout',
      `${attempt}: no answer in time: ${message}`,
      'check the route to AWS (or to source.endpoint) and the proxy settings',
    ]
  if (/^E[A-Z]+/.test(code) || /NetworkingError|socket hang up/.test(`${name} ${message}`))
    return [
      'source_unreachable',
      `${attempt}: no network: ${message}`,
      'check the network, DNS, and source.endpoint',
    ]
  return [
    'source_malformed',
    `${attempt}: ${asked.action} failed: ${name}: ${message}`,
    `see ${name} in the "Common Errors" of the AWS API reference; if AWS is well, report this`,
  ]
}

/**
 * @param attempt what was tried, as in "reading group developers"
 */
export function toSourceError(error: unknown, attempt: string, asked: Asked): SourceError {
  if (error instanceof SourceError) return error
  if (error instanceof AnswerError)
    return new SourceError('source_foreign_answer', `${attempt}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    })
  const [code, sentence, hint] = tell(describe(error), attempt, asked)
  return new SourceError(code, sentence, { hint, cause: error })
}

/** A name that is no user's: the person was deleted, or has another name by now. */
export function unknownUser(name: string, cause: unknown): SourceError {
  return new SourceError('source_unknown_user', `asking about ${name}: IAM has no such user`, {
    hint: 'the directory is read again, which tells whether the person was deleted or renamed',
    cause,
  })
}

/** A name that may have been given to another user while something was read by it. */
export function otherName(name: string): SourceError {
  return new SourceError(
    'source_unknown_user',
    `reading the tags of ${name}: afterwards the user was gone, or had another name`,
    { hint: 'the next refresh reads them again' },
  )
}

/** A group of the configuration that IAM does not have. */
export function unknownGroup(group: string, cause: unknown): SourceError {
  return new SourceError('source_unknown_group', `reading group ${group}: IAM has no such group`, {
    hint: `create the group ${group} in IAM or remove it from access.groups, access.sudo_groups and access.shared_accounts`,
    cause,
  })
}

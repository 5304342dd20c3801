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

/** A kind of failure, by the names that the SDK and Node give it. */
type Kind = {
  readonly code: SourceError['code']
  readonly is: (failure: AwsFailure) => boolean
  readonly text: (
    failure: AwsFailure,
    attempt: string,
    asked: Asked,
  ) => readonly [sentence: string, hint: string]
}

const credentialErrors =
  /CredentialsProvider|TokenProvider|InvalidClientTokenId|UnrecognizedClient|ExpiredToken|SignatureDoesNotMatch|IncompleteSignature|MissingAuthentication/

/** The first that fits counts. */
const kinds: readonly Kind[] = [
  {
    code: 'source_denied',
    is: ({ name }) =>
      /^AccessDenied|^UnauthorizedOperation|NotAuthorized|^AuthorizationError/.test(name),
    text: denied,
  },
  {
    code: 'source_throttled',
    is: ({ name }) => /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(name),
    text: ({ message }, attempt, { action }) => [
      `${attempt}: AWS throttles ${action}: ${message}`,
      'raise source.refresh, or name fewer groups: IAM limits calls per account',
    ],
  },
  {
    code: 'source_clock_skew',
    is: ({ name, message }) =>
      /RequestTimeTooSkewed|RequestExpired|SignatureExpired/.test(name) ||
      /[Ss]ignature (expired|not yet)/.test(message),
    text: ({ message }, attempt) => [
      `${attempt}: the clock of this host is wrong: ${message}`,
      'set the clock: run chrony or systemd-timesyncd (169.254.169.123 is the time server of EC2)',
    ],
  },
  {
    code: 'source_no_credentials',
    is: ({ name }) => credentialErrors.test(name),
    text: ({ message }, attempt) => [
      `${attempt}: no valid credentials: ${message}`,
      'attach an instance profile with the policy of `iamlogin policy` to this host, or set source.assume_role',
    ],
  },
  {
    code: 'source_unreachable',
    is: ({ code }) => /^ENOTFOUND$|^EAI_/.test(code),
    text: unresolved,
  },
  {
    code: 'source_timeout',
    is: ({ name, code }) => /Timeout|AbortError/.test(name) || /ETIMEDOUT|ECONNABORTED/.test(code),
    text: ({ message }, attempt) => [
      `${attempt}: no answer in time: ${message}`,
      'check the route to AWS (or to source.endpoint) and the proxy settings',
    ],
  },
  {
    code: 'source_unreachable',
    is: ({ name, message, code }) =>
      /^E[A-Z]+/.test(code) || /NetworkingError|socket hang up/.test(`${name} ${message}`),
    text: ({ message }, attempt) => [
      `${attempt}: no network: ${message}`,
      'check the network, DNS, and source.endpoint',
    ],
  },
]

const anyOther: Kind = {
  code: 'source_malformed',
  is: () => true,
  text: ({ name, message }, attempt, { action }) => [
    `${attempt}: ${action} failed: ${name}: ${message}`,
    `see ${name} in the "Common Errors" of the AWS API reference; if AWS is well, report this`,
  ],
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
  const failure = describe(error)
  const { code, text } = kinds.find(({ is }) => is(failure)) ?? anyOther
  const [sentence, hint] = text(failure, attempt, asked)
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

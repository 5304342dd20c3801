// Every error class: a stable code, a sentence, a hint that the CLI prints. Codes are never reused.

type Hinted = { readonly hint: string } & ErrorOptions

/** The configuration cannot be used. `message` names file, line, key and what was found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code: 'config_unreadable' | 'config_syntax' | 'config_invalid'
  readonly hint: string

  constructor(code: ConfigError['code'], message: string, options: Hinted) {
    super(message, options)
    this.code = code
    this.hint = options.hint
  }
}

/** A source could not be read, or what it gave cannot be trusted. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code:
    | 'source_no_credentials'
    | 'source_denied'
    | 'source_throttled'
    | 'source_clock_skew'
    | 'source_unreachable'
    | 'source_timeout'
    | 'source_unknown_group'
    | 'source_unknown_user'
    | 'source_malformed'
    | 'source_foreign_answer'
    | 'source_suspicious'
    | 'source_over_budget'
  readonly hint: string

  constructor(code: SourceError['code'], message: string, options: Hinted) {
    super(message, options)
    this.code = code
    this.hint = options.hint
  }
}

/** What came over HTTP is not the answer of the AWS action that was asked: it says nothing. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly code = 'answer_foreign'
  readonly hint =
    'check what answers in place of AWS: HTTPS_PROXY, a captive portal, DNS, source.endpoint'
  /** As in "iam:GetGroup". */
  readonly action: string
  /** The SDK tries 5xx again by it, and nothing else. */
  readonly $metadata: { readonly httpStatusCode: number }

  /**
   * @param told.flaw what is wrong, as in "an empty body"
   * @param told.came HTTP status, content type and first words
   */
  constructor(
    action: string,
    told: { readonly flaw: string; readonly came: string; readonly status: number },
  ) {
    super(`no answer of ${action}: ${told.flaw} (${told.came})`)
    this.action = action
    this.$metadata = { httpStatusCode: told.status }
  }
}

/** Bytes that are not what their format says: a frame, a state file. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly code: 'format_frame' | 'format_state' | 'format_document'
  readonly hint: string

  constructor(code: FormatError['code'], message: string, options: Hinted) {
    super(message, options)
    this.code = code
    this.hint = options.hint
  }
}

/** A file of this host cannot be read or written. `message` names it and the reason. */
export class FileError extends Error {
  override readonly name = 'FileError'
  readonly code: 'file_denied' | 'file_failed'
  readonly hint: string

  constructor(code: FileError['code'], message: string, options: Hinted) {
    super(message, options)
    this.code = code
    this.hint = options.hint
  }
}

/** The command line cannot reach the resolver, or the resolver cannot serve. */
export class ResolverError extends Error {
  override readonly name = 'ResolverError'
  readonly code: 'resolver_unreachable' | 'resolver_refused' | 'resolver_socket'
  readonly hint: string

  constructor(code: ResolverError['code'], message: string, options: Hinted) {
    super(message, options)
    this.code = code
    this.hint = options.hint
  }
}

/** A command was used wrongly. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'usage'
  readonly hint: string

  constructor(message: string, options: Hinted) {
    super(message, options)
    this.hint = options.hint
  }
}

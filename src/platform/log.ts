// Where messages for administrators go; pino in the daemon, a list in the tests.

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void

export type Log = {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

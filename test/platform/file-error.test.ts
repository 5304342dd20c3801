// System calls' errors, as the command line and the daemon report them.
import { mkdir, rename } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { toFileError } from '../../src/platform/file-error.ts'

const failure = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => undefined,
    (error: unknown) => error,
  )
const denied = Object.assign(new Error('EACCES: permission denied, mkdir'), {
  errno: -13,
  code: 'EACCES',
  syscall: 'mkdir',
  path: '/etc/iamlogin/root.d',
})

describe('toFileError', () => {
  it('names the file, the reason and what to do', () => {
    expect(toFileError(denied)).toMatchObject({
      code: 'file_denied',
      message: '/etc/iamlogin/root.d: permission denied (EACCES)',
      hint: 'run it as root',
      cause: denied,
    })
  })

  it('goes by what the system really says', async () => {
    expect(toFileError(await failure(mkdir('/proc/version/x')))).toMatchObject({
      code: 'file_failed',
      message: '/proc/version/x: not a directory (ENOTDIR)',
    })
    expect(toFileError(await failure(rename('/proc/version', '/tmp/x')))?.message).toMatch(
      /^\/tmp\/x: /,
    )
  })

  it('takes the name of the file from the caller where the error has none', () => {
    const full = Object.assign(new Error('ENOSPC'), { errno: -28, code: 'ENOSPC' })
    expect(toFileError(full)).toBeUndefined()
    expect(toFileError(full, '/x')).toMatchObject({
      message: '/x: no space left on device (ENOSPC)',
      hint: 'make room on that file system',
    })
  })

  it('leaves mistakes of the program what they are', () => {
    expect(toFileError(new TypeError('x is not a function'), '/x')).toBeUndefined()
    expect(toFileError('text')).toBeUndefined()
  })
})

import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/errors.ts'
import { packageVersion } from '../../src/platform/package.ts'
import { readOptions } from '../../src/start/options.ts'

describe('the command line of iamlogind', () => {
  it('needs no option', () => {
    expect(readOptions([])).toEqual({ logLevel: 'info' })
  })

  it('names another configuration and level', () => {
    const wanted = { config: '/a.toml', logLevel: 'debug' }
    expect(readOptions(['--config', '/a.toml', '--log-level', 'debug'])).toEqual(wanted)
    expect(readOptions(['--config=/a.toml', '--log-level=debug'])).toEqual(wanted)
  })

  it('teaches by --help, with every option and an example', () => {
    for (const option of ['-h', '--help'])
      expect(readOptions([option])).toMatch(/--config <file>[\s\S]*--log-level[\s\S]*Example:/)
  })

  it('prints its version', () => {
    for (const option of ['-V', '--version'])
      expect(readOptions([option])).toBe(`${packageVersion()}\n`)
  })

  it.each([
    [['--confg', 'x'], /confg/],
    [['--config'], /config/],
    [['start'], /start/],
    [['--log-level', 'loud'], /loud: allowed are debug, info, warn and error/],
  ])('refuses %j and says what it is', (args, sentence) => {
    expect(() => readOptions(args)).toThrow(UsageError)
    expect(() => readOptions(args)).toThrow(sentence)
  })
})

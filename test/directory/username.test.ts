import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPossibleName, isReservedName, linuxName } from '../../src/directory/username.ts'

const lower = { nameCase: 'lower', stripDomains: ['example.com'] } as const

describe('linuxName', () => {
  it.each([
    ['alice', 'alice'],
    ['Alice.Smith', 'alice.smith'],
    ['jane@example.com', 'jane'],
    ['jane@EXAMPLE.com', 'jane'],
    ['jane@other.org', 'jane.at.other.org'],
    ['a+b', 'a.plus.b'],
    ['a=b', 'a.equal.b'],
    ['a,b', 'a.comma.b'],
    ['_svc-1', '_svc-1'],
  ])('maps %s to %s', (name, expected) => {
    expect(linuxName(name, lower)).toEqual({ ok: true, name: expected })
  })

  it.each([
    ['root', 'name-reserved'],
    ['ROOT', 'name-reserved'],
    ['systemd-resolve', 'name-reserved'],
    ['iamlogin', 'name-reserved'],
    ['sudo', 'name-reserved'],
    ['root@example.com', 'name-reserved'],
    ['.hidden', 'name-invalid'],
    ['-rf', 'name-invalid'],
    ['12345', 'name-invalid'],
    ['@example.com', 'name-invalid'],
    ['a-name-that-is-longer-than-linux-takes', 'name-too-long'],
  ])('refuses %s: %s', (name, code) => {
    expect(linuxName(name, lower)).toMatchObject({ ok: false, code })
  })

  it('reserves every name that the C side takes from no resolver', () => {
    const answer = readFileSync('native/common/answer.c', 'utf8')
    const names = [...answer.matchAll(/NAME\("([\w-]+)"\)/g)].flatMap(([, name]) => name ?? [])
    expect(names).toContain('wheel')
    expect(names.filter((name) => !isReservedName(name))).toEqual([])
  })

  it('keeps the case where the configuration says so', () => {
    const result = linuxName('Alice', { nameCase: 'preserve', stripDomains: [] })
    expect(result).toEqual({ ok: true, name: 'Alice' })
  })

  it('gives only possible, unreserved names, whatever IAM allows', () => {
    const iamName = fc.stringMatching(/^[\w+=,.@-]{1,64}$/)
    fc.assert(
      fc.property(iamName, (name) => {
        const result = linuxName(name, lower)
        if (result.ok) {
          expect(isPossibleName(result.name)).toBe(true)
          expect(isReservedName(result.name)).toBe(false)
        }
      }),
    )
  })
})

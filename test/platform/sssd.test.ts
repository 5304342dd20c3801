import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sssdFindings } from '../../src/platform/sssd.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  mkdirSync(join(root, 'etc/sssd/conf.d'), { recursive: true })
})
afterEach(() => {
  rmSync(root, { recursive: true })
})
const write = (name: string, text: string): void => {
  writeFileSync(join(root, 'etc/sssd', name), text)
}
const proxy = (lib: string) => `id_provider = proxy\nproxy_lib_name = ${lib}\n`

describe('sssdFindings', () => {
  it('names each domain that asks our module, with file and fix', () => {
    write('sssd.conf', `[sssd]\ndomains = iam, ldap\n[domain/iam]\n${proxy('iamlogin')}`)
    write('conf.d/10-more.conf', `[ domain/more ]\n  ${proxy('iamlogin ')}`)
    const [first = '', second = '', ...others] = sssdFindings(root)
    expect(others).toEqual([])
    expect(first).toContain(`${root}/etc/sssd/sssd.conf: the domain iam caches`)
    expect(first).toContain('sss_cache -E')
    expect(second).toContain(`${root}/etc/sssd/conf.d/10-more.conf: the domain more caches`)
  })

  it.each([
    ['another library', `[domain/a]\n${proxy('files')}`],
    ['a longer name', `[domain/a]\n${proxy('iamlogin2')}`],
    ['a comment', `[domain/a]\n# ${proxy('x')}#proxy_lib_name = iamlogin\n`],
    ['a section that is no domain', `[nss]\nproxy_lib_name = iamlogin\n`],
  ])('names none by %s', (_, text) => {
    write('sssd.conf', text)
    write('conf.d/.hidden.conf', `[domain/iam]\n${proxy('iamlogin')}`)
    write('conf.d/old.conf.bak', `[domain/iam]\n${proxy('iamlogin')}`)
    expect(sssdFindings(root)).toEqual([])
  })

  it('names none where there is no SSSD', () => {
    expect(sssdFindings(join(root, 'nowhere'))).toEqual([])
  })
})

// The edit of nsswitch.conf: iamlogin behind files, every action with the service it belongs to.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editNsswitch } from '../../src/setup/nsswitch.ts'

const base = 'passwd: files\ngroup: files\n'
/** The first line of the file, edited; the other lines are good ones. */
function edited(line: string): string {
  const { text, refused } = editNsswitch(`${line}\n${base}`)
  expect(refused).toEqual([])
  return text.split('\n')[0] ?? ''
}
function refusal(line: string): string {
  const { refused } = editNsswitch(`${base}${line}\n`)
  expect(refused).toHaveLength(1)
  return refused[0] ?? ''
}

describe('editNsswitch', () => {
  it.each([
    ['passwd: files', 'passwd: files iamlogin'],
    ['passwd:         files systemd', 'passwd:         files iamlogin systemd'],
    ['\tpasswd :\tfiles\tsystemd', '\tpasswd :\tfiles iamlogin\tsystemd'],
    ['passwd:files', 'passwd:files iamlogin'],
    ['passwd: compat systemd', 'passwd: compat iamlogin systemd'],
    ['passwd: sss files systemd', 'passwd: sss files iamlogin systemd'],
    ['group: files # local', 'group: files iamlogin # local'],
    [
      'group: files [SUCCESS=merge] systemd',
      'group: files [SUCCESS=merge] iamlogin [SUCCESS=merge] systemd',
    ],
    [
      'group: files [success=MERGE] systemd',
      'group: files [success=MERGE] iamlogin [SUCCESS=merge] systemd',
    ],
    ['group: files [SUCCESS=merge]', 'group: files [SUCCESS=merge] iamlogin'],
    ['group: files [UNAVAIL=return] db', 'group: files [UNAVAIL=return] iamlogin db'],
    ['group: files [NOTFOUND=continue] db', 'group: files [NOTFOUND=continue] iamlogin db'],
    [
      'group: files[SUCCESS=merge]systemd',
      'group: files[SUCCESS=merge] iamlogin [SUCCESS=merge]systemd',
    ],
    ['initgroups: files systemd', 'initgroups: files [SUCCESS=continue] iamlogin systemd'],
    ['initgroups: files', 'initgroups: files [SUCCESS=continue] iamlogin'],
    [
      'initgroups: files [SUCCESS=continue] systemd',
      'initgroups: files [SUCCESS=continue] iamlogin [SUCCESS=continue] systemd',
    ],
    ['initgroups: files iamlogin', 'initgroups: files [SUCCESS=continue] iamlogin'],
  ])('makes of "%s": "%s"', (line, expected) => {
    expect(edited(line)).toBe(expected)
  })

  it.each([
    'passwd: files iamlogin systemd',
    'group: files [SUCCESS=merge] iamlogin [SUCCESS=merge] systemd',
    'initgroups: files [SUCCESS=continue] iamlogin',
    'shadow: files',
    'hosts: files dns',
    '# passwd: files',
    'passwd_compat: files',
  ])('leaves "%s" alone', (line) => {
    expect(edited(line)).toBe(line)
  })

  it.each([
    ['passwd: filesystem files', 'passwd: filesystem files iamlogin'],
    ['passwd: files iamlogin2', 'passwd: files iamlogin iamlogin2'],
  ])('takes no other service for files or for its own: "%s"', (line, expected) => {
    expect(edited(line)).toBe(expected)
  })

  it.each([
    ['group: db systemd', 'line 3: group has no service files'],
    ['passwd: files [NOTFOUND=return] db', 'remove that action'],
    ['passwd: files [!SUCCESS=return] db', 'remove that action'],
    ['passwd: iamlogin files', 'move it behind files'],
    ['initgroups: files [SUCCESS=return] db', 'write files [SUCCESS=continue]'],
    ['passwd: files [SUCCES=merge] db', 'is not of nsswitch.conf(5)'],
    ['passwd: files [SUCCESS=merge db', 'is not of nsswitch.conf(5)'],
    ['passwd: [SUCCESS=merge] files', 'is not of nsswitch.conf(5)'],
  ])('refuses "%s" with its line and the fix', (line, told) => {
    expect(refusal(line)).toContain(told)
    expect(refusal(line)).toMatch(/^line 3: /)
  })

  it('edits every line of a database', () => {
    const { text } = editNsswitch('passwd: files\ngroup: files\npasswd: files systemd')
    expect(text).toBe(
      'passwd: files iamlogin\ngroup: files iamlogin\npasswd: files iamlogin systemd',
    )
  })

  it.each([
    ['', 'passwd: files iamlogin\ngroup: files iamlogin\n'],
    ['group: files', 'group: files iamlogin\npasswd: files iamlogin\n'],
  ])('adds the lines that a file does not have: "%s"', (text, expected) => {
    expect(editNsswitch(text)).toEqual({ text: expected, refused: [] })
  })

  it('changes nothing the second time, and only inserts', () => {
    const word = fc.constantFrom(
      'files',
      'systemd',
      'db',
      'iamlogin',
      '[SUCCESS=merge]',
      '[NOTFOUND=continue]',
      '[UNAVAIL=return]',
      '#',
    )
    const line = fc
      .tuple(fc.constantFrom('passwd', 'group', 'initgroups', 'hosts'), fc.array(word))
      .map(([database, words]) => `${database}: ${words.join(' ')}`)
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const before = lines.join('\n')
        const { text, refused } = editNsswitch(before)
        fc.pre(refused.length === 0)
        expect(editNsswitch(text)).toEqual({ text, refused: [] })
        let at = 0
        for (const each of text) if (each === before[at]) at += 1
        expect(at).toBe(before.length)
      }),
    )
  })
})

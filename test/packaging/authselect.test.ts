// packaging/authselect/iamlogin-authselect on hosts that are folders: profiles in the shape of the
// stock ones, and a stand-in for authselect that copies, lists and remembers as the real one does.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const script = resolve(import.meta.dirname, '../../packaging/authselect/iamlogin-authselect')

const standIn = `#!/bin/sh
set -eu
etc=$IAMLOGIN_AUTHSELECT_DIR
echo "$*" >>"$etc/calls"
case $1 in
current) cat "$etc/current" 2>/dev/null || { echo 'No existing configuration detected.'; exit 2; } ;;
create-profile)
  from=$STOCK/\${3#--base-on=}
  [ -d "$from" ] || { echo 'No such file or directory' >&2; exit 2; }
  mkdir "$etc/custom/$2"
  cp "$from"/* "$etc/custom/$2/"
  [ ! -e "$etc/meanwhile" ] || . "$etc/meanwhile"
  ;;
list-features) grep -oh 'with[a-z-]*' "$etc/\${2}"/* | sort -u ;;
select) shift; echo "$*" >"$etc/current" ;;
apply-changes) ;;
esac
`

const session = [
  'session required pam_limits.so',
  '-session optional pam_systemd.so',
  'session optional pam_oddjob_mkhomedir.so {include if "with-mkhomedir"}',
  'session [success=1 default=ignore] pam_succeed_if.so service in crond quiet',
  'session required pam_unix.so',
]
const auth = ['auth sufficient pam_unix.so', 'auth required pam_deny.so', '']
const pam = (account: readonly string[], last: readonly string[] = []) =>
  [...auth, ...account, '', ...session, ...last].join('\n') + '\n'

const unix = 'account required pam_unix.so'
const faillock = 'account required pam_faillock.so {include if "with-faillock"}'
const home = 'account sufficient pam_systemd_home.so {include if "with-systemd-homed"}'
const joined = [
  'account sufficient pam_localuser.so {exclude if "with-files-access-provider"}',
  'account sufficient pam_usertype.so issystem',
  'account [default=bad success=ok user_unknown=ignore] pam_sss.so',
  'account required pam_permit.so',
]

type Profile = Readonly<Record<string, string>>
const both = (text: string): Profile => ({ 'system-auth': text, 'password-auth': text })
const stock: Readonly<Record<string, Profile>> = {
  minimal: {
    ...both(pam([faillock, unix])),
    'fingerprint-auth': '',
    'nsswitch.conf': [
      'group:      files {if "with-altfiles":altfiles }systemd {exclude if "with-custom-group"}',
      'hosts:      files dns',
      'initgroups: files    {exclude if "with-custom-initgroups"}',
      'passwd:     files {if "with-altfiles":altfiles }systemd {exclude if "with-custom-passwd"}',
      'shadow:     files',
    ].join('\n'),
  },
  local: {
    ...both(pam([faillock, home, unix])),
    'fingerprint-auth': pam([faillock, unix, 'account required pam_permit.so']),
    'switchable-auth': 'account include system-auth\nsession include system-auth\n',
    'nsswitch.conf': [
      'passwd: files {if "with-altfiles":altfiles }systemd',
      'group: files systemd {exclude if "with-group-merging"}',
      'group: files [SUCCESS=merge] systemd [SUCCESS=merge] {include if "with-group-merging"}',
    ].join('\n'),
  },
  sssd: {
    ...both(pam([faillock, unix, ...joined], ['session optional pam_sss.so'])),
    'smartcard-auth': pam([unix, ...joined]),
    'nsswitch.conf': [
      'passwd: {if "with-files-domain":sss files|files sss} systemd',
      'group: {if "with-tlog":sss }files {if not "with-tlog":sss }systemd',
    ].join('\n'),
  },
}

let host: string
let profile: string

beforeEach(() => {
  host = mkdtempSync(join(tmpdir(), 'iamlogin-authselect-'))
  profile = join(host, 'etc/custom/iamlogin')
  mkdirSync(join(host, 'bin'))
  mkdirSync(join(host, 'etc/custom'), { recursive: true })
  writeFileSync(join(host, 'bin/authselect'), standIn, { mode: 0o755 })
  for (const [name, files] of Object.entries(stock)) addStock(name, files)
})

afterEach(() => {
  rmSync(host, { recursive: true })
})

function addStock(name: string, files: Profile): void {
  mkdirSync(join(host, 'stock', name), { recursive: true })
  for (const [file, text] of Object.entries({ README: `${name}: with-mkhomedir\n`, ...files })) {
    writeFileSync(join(host, 'stock', name, file), text)
  }
}

function write(path: string, text: string): void {
  writeFileSync(join(host, 'etc', path), text)
}

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('sh', [script, ...args], {
    encoding: 'utf8',
    env: {
      PATH: [join(host, 'bin'), process.env['PATH'] ?? ''].join(delimiter),
      IAMLOGIN_AUTHSELECT_DIR: join(host, 'etc'),
      STOCK: join(host, 'stock'),
    },
  })
  return { status, stdout, stderr }
}

const lines = (file: string): readonly string[] =>
  readFileSync(join(profile, file), 'utf8')
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '))
const account = (file: string) => lines(file).filter((line) => line.startsWith('account'))
const database = (name: string) =>
  lines('nsswitch.conf').filter((line) => line.startsWith(`${name}:`))
const customs = () => readdirSync(join(host, 'etc/custom'))
const calls = () => readFileSync(join(host, 'etc/calls'), 'utf8')
const state = () =>
  readdirSync(profile).map((file) => {
    const { ino, mtimeMs } = statSync(join(profile, file))
    return [file, ino, mtimeMs, readFileSync(join(profile, file), 'utf8')]
  })

const ours = 'account required pam_iamlogin.so'

describe('the account line', () => {
  it.each([
    ['minimal', [faillock, unix, ours]],
    ['local', [faillock, ours, home, unix]],
    ['sssd', [faillock, unix, ours, ...joined]],
  ])('of %s stands where no line before it lets anybody in', (base, expected) => {
    expect(run('--base', base)).toMatchObject({ status: 0 })
    expect(account('system-auth')).toEqual(expected)
    expect(account('password-auth')).toEqual(expected)
  })

  it.each([
    'account [success=1 default=ignore] pam_succeed_if.so user ingroup staff',
    'account [success=done default=ignore] pam_other.so',
    'account\t[default=reset]\tpam_other.so',
    'account include other',
    '-account sufficient pam_other.so',
  ])('is put before "%s"', (line) => {
    addStock('site', { ...stock['minimal'], ...both(pam([faillock, line, unix])) })
    expect(run('--base=site')).toMatchObject({ status: 0 })
    expect(lines('system-auth').filter((each) => /^-?account/.test(each))).toEqual(
      [faillock, ours, line, unix].map((each) => each.replace(/ +/g, ' ')),
    )
  })

  it('is not put between a jump and where it leads', () => {
    const jump = 'account [success=1 default=ignore] pam_succeed_if.so uid < 5'
    const rest = ['account required pam_deny.so', 'account required pam_permit.so']
    addStock('site', { ...stock['minimal'], ...both(pam([unix, jump, ...rest])) })
    run('--base', 'site')
    expect(account('system-auth')).toEqual([unix, ours, jump, ...rest])
  })

  it('is in every other way in, too, but not twice where system-auth is included', () => {
    run('--base', 'sssd')
    expect(account('smartcard-auth')).toEqual([unix, ours, ...joined])
    rmSync(profile, { recursive: true })
    run('--base', 'local')
    expect(account('fingerprint-auth')).toContain(ours)
    expect(lines('switchable-auth').join()).not.toContain('iamlogin')
  })

  it('leaves empty files empty', () => {
    run('--base', 'minimal')
    expect(lines('fingerprint-auth')).toEqual([''])
  })
})

describe('the session line', () => {
  it.each(Object.keys(stock))('of %s is the last, after pam_systemd', (base) => {
    run('--base', base)
    for (const file of ['system-auth', 'password-auth']) {
      const all = lines(file).filter((line) => /^-?session/.test(line))
      expect(all.indexOf('session optional pam_iamlogin.so')).toBe(all.length - 1)
      expect(all.length).toBeGreaterThan(session.length)
    }
  })
})

describe('nsswitch.conf', () => {
  it('has iamlogin right after files, on every line for passwd and group', () => {
    run('--base', 'local')
    expect(database('passwd')).toEqual([
      'passwd: files iamlogin {if "with-altfiles":altfiles }systemd',
    ])
    expect(database('group')).toEqual([
      'group: files iamlogin systemd {exclude if "with-group-merging"}',
      'group: files [SUCCESS=merge] iamlogin [SUCCESS=merge] systemd [SUCCESS=merge] {include if "with-group-merging"}',
    ])
  })

  it('has it inside of braces, and takes no feature for a service', () => {
    run('--base', 'sssd')
    expect(database('passwd')).toEqual([
      'passwd: {if "with-files-domain":sss files iamlogin|files iamlogin sss} systemd',
    ])
    expect(database('group')).toEqual([
      'group: {if "with-tlog":sss }files iamlogin {if not "with-tlog":sss }systemd',
    ])
  })

  it('asks for the groups of a user on the line for initgroups, also after files knew some', () => {
    run('--base', 'minimal')
    expect(database('initgroups')).toEqual([
      'initgroups: files [SUCCESS=continue] iamlogin {exclude if "with-custom-initgroups"}',
    ])
  })

  it('takes no other service for files', () => {
    const text = 'passwd: filesystem altfiles files\ngroup: {if "with-x":files}\n'
    addStock('site', { ...stock['minimal'], 'nsswitch.conf': text })
    run('--base', 'site')
    expect(database('passwd')).toEqual(['passwd: filesystem altfiles files iamlogin'])
    expect(database('group')).toEqual(['group: {if "with-x":files iamlogin}'])
  })

  it('keeps every other line', () => {
    run('--base', 'minimal')
    expect([...database('hosts'), ...database('shadow')]).toEqual([
      'hosts: files dns',
      'shadow: files',
    ])
  })
})

describe('a first run', () => {
  it('copies the profile in use and prints the command that keeps its features', () => {
    write('current', 'sssd with-tlog with-faillock\n')
    const { status, stdout } = run()
    expect(status).toBe(0)
    expect(stdout).toContain(
      '  authselect select custom/iamlogin with-mkhomedir with-tlog with-faillock\n',
    )
    expect(stdout).toContain('systemctl enable --now oddjobd')
    expect(stdout).toContain('The way back: authselect select sssd with-tlog with-faillock\n')
    expect(calls()).not.toMatch(/^(select|apply-changes)/m)
    expect(customs()).toEqual(['iamlogin'])
  })

  it('names with-mkhomedir once', () => {
    write('current', 'minimal with-faillock with-mkhomedir\n')
    expect(run().stdout).toContain(' select custom/iamlogin with-mkhomedir with-faillock\n')
  })

  it('leaves out, with a word, a feature that the other profile does not offer', () => {
    write('current', 'sssd with-tlog\n')
    const { stdout, stderr } = run('--base', 'minimal')
    expect(stdout).toContain(' select custom/iamlogin with-mkhomedir\n')
    expect(stderr).toContain('minimal does not offer with-tlog')
  })

  it('selects it with --select', () => {
    write('current', 'minimal with-faillock\n')
    expect(run('--select')).toMatchObject({ status: 0 })
    expect(calls()).toMatch(/^select custom\/iamlogin with-mkhomedir with-faillock$/m)
  })

  it('says what else decides about IAM users', () => {
    write('current', 'minimal with-custom-group\n')
    expect(run().stderr).toMatch(/with-custom-group is on: put iamlogin after files/)
    rmSync(profile, { recursive: true })
    write('user-nsswitch.conf', 'initgroups: files\n')
    const { stderr } = run('--base', 'sssd')
    expect(stderr).toMatch(/hides the groups of IAM users: remove that line/)
    expect(stderr).toMatch(/must pass the profile sssd, too/)
  })
})

describe('a further run', () => {
  it('changes nothing', () => {
    write('current', 'minimal\n')
    run()
    const before = state()
    const { status, stdout } = run()
    expect(status).toBe(0)
    expect(stdout).toContain('nothing changed')
    expect(stdout).toContain('  authselect select custom/iamlogin with-mkhomedir\n')
    expect(state()).toEqual(before)
  })

  it.each(Object.keys(stock))('finds its own lines in %s', (base) => {
    run('--base', base)
    const before = state()
    expect(run('--base', base).stdout).toContain('nothing changed')
    expect(state()).toEqual(before)
  })

  it('brings a line back to its place with the options it was given', () => {
    run('--base', 'sssd')
    const path = join(profile, 'system-auth')
    const text = readFileSync(path, 'utf8').replace(/^account.*pam_iamlogin.*\n/m, '')
    const options = 'account required pam_iamlogin.so offline=deny'
    writeFileSync(path, text.replace(/^(account.*pam_permit.*\n)/m, `$1${options}\n`))
    write('current', 'custom/iamlogin with-mkhomedir\n')
    const { stdout } = run('--select')
    expect(stdout).toContain('is brought up to date')
    expect(account('system-auth')).toEqual([faillock, unix, options, ...joined])
    expect(calls()).toMatch(/^apply-changes$/m)
  })

  it('of a profile in use says how changes take effect', () => {
    run('--base', 'minimal')
    write('current', 'custom/iamlogin with-mkhomedir\n')
    const { stdout } = run()
    expect(stdout).toMatch(/It is in use\..*takes effect with:\n {2}authselect apply-changes\n/)
    expect(stdout).not.toContain('The way back')
  })

  it('makes it anew after it was removed while in use', () => {
    write('current', 'custom/iamlogin with-mkhomedir\n')
    expect(run().stderr).toContain("can't be copied from itself: name another")
    expect(run('--base', 'minimal').stdout).toContain('  authselect apply-changes\n')
  })
})

describe('a refusal', () => {
  it('leaves a profile alone that it did not make', () => {
    mkdirSync(profile)
    write('custom/iamlogin/system-auth', 'mine\n')
    const { status, stderr } = run('--base', 'minimal')
    expect(status).toBe(1)
    expect(stderr).toMatch(/not of my making.*rename or remove it/)
    expect(readdirSync(profile)).toEqual(['system-auth'])
    expect(lines('system-auth')).toEqual(['mine', ''])
  })

  it('leaves alone what somebody else makes at the same time', () => {
    write('meanwhile', `mkdir ${profile}; echo theirs > ${profile}/README`)
    const { status, stderr } = run('--base', 'minimal')
    expect(status).toBe(1)
    expect(stderr).toMatch(/is there now/)
    expect(customs()).toEqual(['iamlogin'])
    expect(readdirSync(profile)).toEqual(['README'])
  })

  it.each([
    ['no account line of pam_unix.so', { 'password-auth': pam([faillock]) }],
    ['nsswitch.conf of the profile site', { 'nsswitch.conf': 'passwd: files\ngroup: db\n' }],
    [
      'nsswitch.conf of the profile site',
      { 'nsswitch.conf': 'passwd: files\ngroup: files\ngroup: db {if "with-x":yp}\n' },
    ],
    [
      'nsswitch.conf of the profile site',
      { 'nsswitch.conf': 'passwd: files [NOTFOUND=return] db\ngroup: files\n' },
    ],
  ])('for %s leaves no profile behind', (said, files) => {
    addStock('site', { ...stock['minimal'], ...files })
    const { status, stderr } = run('--base', 'site')
    expect(status).toBe(1)
    expect(stderr).toContain(said)
    expect(stderr).toContain('--base')
    expect(customs()).toEqual([])
  })

  it('leaves no profile behind when it is stopped half-way', () => {
    write('meanwhile', 'kill -TERM $PPID')
    expect(run('--base', 'minimal').status).not.toBe(0)
    expect(customs()).toEqual([])
  })

  it('clears what a killed run left', () => {
    write('meanwhile', 'kill -KILL $PPID')
    run('--base', 'minimal')
    expect(customs()).toEqual(['iamlogin.unfinished'])
    rmSync(join(host, 'etc/meanwhile'))
    expect(run('--base', 'minimal')).toMatchObject({ status: 0 })
    expect(customs()).toEqual(['iamlogin'])
  })

  it.each([
    [['--base', 'nosuch'], "is it one of those of 'authselect list'"],
    [[], 'no profile in use here: name the one to copy, as in: --base minimal'],
    [['--base'], 'as in: --base minimal'],
    [['--bse'], 'see iamlogin-authselect --help'],
  ])('of %j says what to do', (args, said) => {
    const { status, stderr } = run(...args)
    expect(status).toBe(1)
    expect(stderr).toContain(said)
    expect(customs()).toEqual([])
  })

  it('to make it from another profile says how', () => {
    run('--base', 'minimal')
    const { status, stderr } = run('--base', 'sssd')
    expect(status).toBe(1)
    expect(stderr).toContain(`remove ${profile}`)
    expect(existsSync(profile)).toBe(true)
  })

  it('without authselect names the package', () => {
    rmSync(join(host, 'bin/authselect'))
    expect(run('--base', 'minimal').stderr).toContain('install the package authselect')
  })
})

describe('--help', () => {
  it('has an example', () => {
    const { status, stdout } = run('--help')
    expect(status).toBe(0)
    expect(stdout).toContain('example: iamlogin-authselect --base minimal')
  })
})

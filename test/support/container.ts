// A booted Debian in systemd-nspawn: real systemd, logind, journald, sshd and sudo, with our parts in
// the places where packages put them. It shares this host's network; its sshd is on loopback.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { freePort, type Outcome } from './machine.ts'

const project = resolve(import.meta.dirname, '../..')
const booted = [
  ...['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'openssh-server', 'sudo', 'procps'],
  'passwd',
]
/** `last`: a file of the package that joined the list last; a root without it is made anew. */
const suites = {
  bookworm: {
    folder: 'container-root',
    packages: [
      ...booted,
      ...['cron', 'nscd', 'pamtester', 'rsyslog', 'rsyslog-kafka', 'rsyslog-elasticsearch'],
    ],
    last: 'usr/sbin/nscd',
  },
  // glibc 2.41, OpenSSH 10; what scripts/setup.sh installs for a build, and the other sudo.
  trixie: {
    folder: 'container-root-trixie',
    packages: [
      ...booted,
      ...['gcc', 'g++', 'make', 'cmake', 'ninja-build', 'pkg-config', 'libpam0g-dev', 'binutils'],
      'sudo-rs',
    ],
    last: 'usr/bin/sudo-rs',
  },
} as const
type Suite = keyof typeof suites

export type Container = {
  readonly root: string
  readonly sshPort: number
  /** Runs a shell command inside as root. */
  readonly run: (command: string) => Promise<Outcome>
  /** Runs it and gives what it printed. @throws when it fails */
  readonly must: (command: string) => Promise<string>
  readonly write: (path: string, text: string, mode?: number) => void
  /** An ssh client on this side; ends with the session. */
  readonly ssh: (user: string, key: string, command: string) => ChildProcess
  readonly stop: () => Promise<void>
}

/** The root that containers of a suite are made of: made once by mmdebstrap, kept in build/. */
function baseRoot(suite: Suite): string {
  const { folder, packages, last } = suites[suite]
  const path = join(project, 'build', folder)
  if (existsSync(join(path, last))) return path
  rmSync(path, { recursive: true, force: true })
  const fresh = `${path}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(dirname(path), { recursive: true })
  execFileSync(
    'mmdebstrap',
    ['--variant=minbase', `--include=${packages.join(',')}`, suite, fresh],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TMPDIR: '/var/tmp' } },
  )
  renameSync(fresh, path)
  return path
}

const script = `
set -eu
mount -t tmpfs tmpfs "$BASE"
mkdir "$BASE/upper" "$BASE/work" "$BASE/root"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$BASE/upper,workdir=$BASE/work" "$BASE/root"
cd "$BASE/root"
if [ "$BARE" = no ]; then
p=$PROJECT/packaging
b=$PROJECT/build/Release
libdir=usr/lib/$(basename "$(dirname "$(readlink -f /lib/*-linux-gnu/libc.so.6)")")
install -D -m 644 "$b/libnss_iamlogin.so.2" "$libdir/libnss_iamlogin.so.2"
install -D -m 644 "$b/pam_iamlogin.so" "$libdir/security/pam_iamlogin.so"
install -D -m 711 "$b/iamlogin-authorized-keys" usr/libexec/iamlogin/iamlogin-authorized-keys
install -D -m 755 "$b/iamlogin-terminate" usr/libexec/iamlogin/iamlogin-terminate
for each in "$p"/libexec/*; do
  sed 's|@home@|/opt/iamlogin|g' "$each" > "usr/libexec/iamlogin/\${each##*/}"
  chmod 755 "usr/libexec/iamlogin/\${each##*/}"
done
ln -s ../libexec/iamlogin/iamlogin usr/bin/iamlogin
install -m 644 "$p"/systemd/* usr/lib/systemd/system/
install -D -m 644 "$p/sshd/05-iamlogin.conf" etc/ssh/sshd_config.d/05-iamlogin.conf
install -D -m 440 "$p/sudoers/iamlogin" etc/sudoers.d/iamlogin
install -D -m 644 "$p/pam/iamlogin" usr/share/pam-configs/iamlogin
echo 'iamlogin:x:900:900:iamlogin:/nonexistent:/usr/sbin/nologin' >> etc/passwd
echo 'iamlogin:x:900:' >> etc/group
sed -i -E 's/^(passwd|group):.*/\\1: files iamlogin/; /^initgroups:/d' etc/nsswitch.conf
chroot . pam-auth-update --package --enable iamlogin mkhomedir
mkdir -p etc/systemd/system/sockets.target.wants etc/systemd/system/multi-user.target.wants
ln -s /usr/lib/systemd/system/iamlogin-terminate.socket etc/systemd/system/sockets.target.wants/
ln -s /usr/lib/systemd/system/iamlogind.service etc/systemd/system/multi-user.target.wants/
fi
echo 'docker:x:990:' >> etc/group
echo 'ec2-user:x:1000:1000::/home/ec2-user:/bin/bash' >> etc/passwd
echo 'ec2-user:*:19000::::::' >> etc/shadow
echo 'ec2-user:x:1000:' >> etc/group
mkdir -p opt/iamlogin etc/iamlogin home/ec2-user etc/systemd/system/iamlogind.service.d
chown 1000:1000 home/ec2-user
printf 'Port %s\\nListenAddress 127.0.0.1\\nPasswordAuthentication no\\nLogLevel VERBOSE\\n' "$PORT" > etc/ssh/sshd_config.d/10-test.conf
printf '[Service]\\nEnvironment=AWS_ACCESS_KEY_ID=AKIATEST AWS_SECRET_ACCESS_KEY=secret AWS_EC2_METADATA_DISABLED=true\\n' \\
  > etc/systemd/system/iamlogind.service.d/test.conf
mkdir -p var/log/journal
echo "127.0.0.1 localhost $(hostname)" > etc/hosts
for unit in systemd-networkd systemd-resolved systemd-timesyncd rsyslog nscd; do ln -sf /dev/null "etc/systemd/system/$unit.service"; done
echo ready
read -r go
exec systemd-nspawn --quiet --register=no --keep-unit --directory="$BASE/root" --bind-ro="$PROJECT:$AT" \\
  --resolv-conf=off --timezone=off --boot --capability=all '--system-call-filter=bpf @keyring perf_event_open @module'
`

function childOf(pid: number): number | undefined {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? undefined : Number(text.split(' ')[0])
}

/** Prepares a root, lets \`prepare\` write into it, boots it and waits until it is up. */
export async function startContainer(
  prepare: (container: Pick<Container, 'root' | 'write'>) => void,
  /** bare: without our parts; the project is at /src, read-only. */
  { bare = false, suite = 'bookworm' }: { readonly bare?: boolean; readonly suite?: Suite } = {},
): Promise<Container> {
  const base = mkdtempSync(join(tmpdir(), 'iamlogin-container-'))
  const sshPort = await freePort()
  const lower = baseRoot(suite)
  const nspawn = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    env: {
      ...process.env,
      BASE: base,
      PROJECT: project,
      LOWER: lower,
      PORT: String(sshPort),
      BARE: bare ? 'yes' : 'no',
      AT: bare ? '/src' : '/opt/iamlogin',
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let console_ = ''
  const ready = new Promise<void>((found, failed) => {
    nspawn.stdout.on('data', (part: Buffer) => {
      console_ += part.toString()
      if (/^ready$/m.test(console_)) found()
    })
    nspawn.once('exit', () => {
      failed(new Error(`the container ended: ${console_}`))
    })
  })
  await ready
  const pid = nspawn.pid ?? 0
  const root = join(`/proc/${pid}/root`, base, 'root')
  const write: Container['write'] = (path, text, mode = 0o644) => {
    writeFileSync(join(root, path), text, { mode })
  }
  prepare({ root, write })
  nspawn.stdin.write('go\n')

  const collect = async (args: readonly string[]): Promise<Outcome> => {
    const child = spawn('nsenter', args, {
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LANG: 'C.UTF-8',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (part: Buffer) => (stdout += part.toString()))
    child.stderr.on('data', (part: Buffer) => (stderr += part.toString()))
    await once(child, 'close')
    return { code: child.exitCode ?? 255, stdout, stderr }
  }
  let leader: number | undefined
  const run: Container['run'] = (command) =>
    collect(['-t', String(leader), '-a', 'sh', '-c', command])
  const must: Container['must'] = async (command) => {
    const { code, stdout, stderr } = await run(command)
    if (code !== 0) throw new Error(`${command}: ${code}\n${stdout}${stderr}`)
    return stdout.trim()
  }
  const until = Date.now() + 60_000
  for (;;) {
    leader = childOf(pid)
    if (leader !== undefined) {
      // Succeeds for "running" and "degraded" alike once the start-up jobs are done.
      const { stdout } = await run('systemctl is-system-running --wait')
      if (/running|degraded/.test(stdout)) break
    }
    if (Date.now() > until) throw new Error(`the container does not come up: ${console_}`)
    await new Promise((again) => setTimeout(again, 50))
  }
  return {
    root,
    sshPort,
    run,
    must,
    write,
    ssh: (user, key, command) => {
      const options = [
        ...['IdentitiesOnly=yes', 'BatchMode=yes', 'StrictHostKeyChecking=no', 'LogLevel=ERROR'],
        ...['UserKnownHostsFile=/dev/null', 'PreferredAuthentications=publickey'],
      ].flatMap((option) => ['-o', option])
      const to = ['-F', '/dev/null', '-i', key, '-p', String(sshPort), '-l', user, '127.0.0.1']
      return spawn('ssh', [...options, '-tt', ...to, command], { stdio: ['pipe', 'pipe', 'pipe'] })
    },
    stop: async () => {
      const ended = once(nspawn, 'exit')
      // As systemd-nspawn(1) says: SIGTERM powers off in an orderly manner.
      nspawn.kill('SIGTERM')
      await ended
      rmSync(base, { recursive: true, force: true })
    },
  }
}

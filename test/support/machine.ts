// A private machine: an overlay of this host's root in a mount namespace of its own, with our modules
// in place. What is written there is gone when it stops; this host's /etc is never touched.
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

const project = resolve(import.meta.dirname, '../..')

export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string }

export type Machine = {
  /** The machine's root as seen from here. */
  readonly root: string
  readonly sshPort: number
  /** Runs a shell command inside as root. */
  readonly run: (command: string, environment?: Readonly<Record<string, string>>) => Outcome
  /** As run, without holding up this process: servers in it go on answering. */
  readonly runAsync: (command: string) => Promise<Outcome>
  readonly write: (path: string, text: string, mode?: number) => void
  readonly read: (path: string) => string
  /** Starts iamlogind as the user iamlogin; resolves when it says that it is ready. */
  readonly startResolver: (environment?: Readonly<Record<string, string>>) => Promise<void>
  /** Ends it with a signal and waits for its end. */
  readonly stopResolver: (signal?: NodeJS.Signals) => Promise<void>
  /** Its process on this host; undefined before the first start. */
  readonly resolverPid: () => number | undefined
  readonly signalResolver: (signal: NodeJS.Signals) => void
  /** Everything that the resolvers wrote to stderr. */
  readonly resolverLog: () => string
  readonly startSshd: () => Promise<void>
  /** Logs in over ssh with one key and runs a command. */
  readonly ssh: (user: string, key: string, command: string) => Promise<Outcome>
  /** GET (or POST) on control.sock, decoded. */
  readonly control: (path: string, method?: 'GET' | 'POST') => Promise<unknown>
  readonly stop: () => Promise<void>
}

const script = `
set -eu
mount -t tmpfs tmpfs "$BASE"
mkdir "$BASE/upper" "$BASE/work" "$BASE/root"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$BASE/upper,workdir=$BASE/work" "$BASE/root"
cd "$BASE/root"
for each in proc sys dev; do mount --rbind "/$each" "./$each"; done
mount -t tmpfs -o mode=755 tmpfs ./run
mount -t tmpfs -o mode=1777 tmpfs ./tmp
mkdir -p opt/iamlogin run/sshd run/lock run/iamlogin var/lib/iamlogin etc/iamlogin usr/libexec/iamlogin home
mount --rbind "$PROJECT" opt/iamlogin
grep -q '^iamlogin:' etc/passwd || echo 'iamlogin:x:900:900:iamlogin:/nonexistent:/usr/sbin/nologin' >> etc/passwd
grep -q '^iamlogin:' etc/group || echo 'iamlogin:x:900:' >> etc/group
sed -i -E 's/^(passwd|group):.*/\\1: files iamlogin/' etc/nsswitch.conf
grep -q '^passwd:' etc/nsswitch.conf || echo 'passwd: files iamlogin' >> etc/nsswitch.conf
grep -q '^group:' etc/nsswitch.conf || echo 'group: files iamlogin' >> etc/nsswitch.conf
sed -i -E '/^initgroups:/d' etc/nsswitch.conf
libdir=$(dirname "$(readlink -f /lib/*-linux-gnu/libc.so.6)")
install -m 644 opt/iamlogin/build/Release/libnss_iamlogin.so.2 ".$libdir/"
[ ! -d ".$libdir/security" ] || install -m 644 opt/iamlogin/build/Release/pam_iamlogin.so ".$libdir/security/"
install -m 711 opt/iamlogin/build/Release/iamlogin-authorized-keys usr/libexec/iamlogin/
sed 's|@home@|/opt/iamlogin|g' opt/iamlogin/packaging/libexec/iamlogind > usr/libexec/iamlogin/iamlogind
chmod 755 usr/libexec/iamlogin/iamlogind
chown 900:900 run/iamlogin var/lib/iamlogin
echo ready
exec chroot . /bin/sleep infinity
`

/** A TCP port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  server.close()
  await once(server, 'close')
  return port
}

/** Resolves when a line of the stream matches; fails when the process ends before. */
function lineMatching(
  child: ChildProcess,
  stream: NodeJS.ReadableStream | null,
  wanted: RegExp,
): Promise<void> {
  return new Promise((found, failed) => {
    if (stream === null) {
      failed(new Error('no stream'))
      return
    }
    let seen = ''
    createInterface(stream).on('line', (line) => {
      seen += `${line}\n`
      if (wanted.test(line)) found()
    })
    child.once('exit', () => {
      failed(new Error(`the process ended before it said ${String(wanted)}:\n${seen}`))
    })
  })
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

/**
 * Builds and enters a private machine. Needs root, overlayfs and what `npm run build` makes.
 * @param lower the root that it is made of: this host's, or another Debian's
 */
export async function startMachine(lower = '/'): Promise<Machine> {
  const base = mkdtempSync(join(tmpdir(), 'iamlogin-machine-'))
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    env: { ...process.env, BASE: base, PROJECT: project, LOWER: lower },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await lineMatching(holder, holder.stdout, /^ready$/)
  const pid = holder.pid ?? 0
  // "ready" is said before the chroot: only then is the holder's root the machine's.
  while (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'sleep')
    await new Promise(setImmediate)
  const root = `/proc/${pid}/root`
  const enter = ['-t', String(pid), '-m', '-r', '-w']
  const environment = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
  }
  const sshPort = await freePort()
  let resolver: ChildProcess | undefined
  let sshd: ChildProcess | undefined
  let log = ''

  const collect = async (program: string, args: readonly string[]): Promise<Outcome> => {
    const child = spawn(program, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (part: Buffer) => (stdout += part.toString()))
    child.stderr.on('data', (part: Buffer) => (stderr += part.toString()))
    await once(child, 'close')
    return { code: child.exitCode ?? 255, stdout, stderr }
  }

  const machine: Machine = {
    root,
    sshPort,
    run: (command, more = {}) => {
      const result = spawnSync('nsenter', [...enter, 'sh', '-c', command], {
        env: { ...environment, ...more },
        encoding: 'utf8',
      })
      return { code: result.status ?? 255, stdout: result.stdout, stderr: result.stderr }
    },
    runAsync: (command) => collect('nsenter', [...enter, 'sh', '-c', command]),
    write: (path, content, mode = 0o644) => {
      writeFileSync(join(root, path), content, { mode })
    },
    read: (path) => readFileSync(join(root, path), 'utf8'),
    startResolver: async (more = {}) => {
      const child = spawn(
        'nsenter',
        [
          ...enter,
          ...['setpriv', '--reuid', '900', '--regid', '900', '--clear-groups'],
          // Not for nsenter and setpriv, which are root's: LD_PRELOAD may be among them.
          ...['env', ...Object.entries(more).map((each) => each.join('='))],
          '/usr/libexec/iamlogin/iamlogind',
        ],
        {
          env: {
            ...environment,
            AWS_ACCESS_KEY_ID: 'AKIATEST',
            AWS_SECRET_ACCESS_KEY: 'secret',
            AWS_EC2_METADATA_DISABLED: 'true',
          },
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      )
      resolver = child
      child.stderr.on('data', (part: Buffer) => (log += part.toString()))
      await lineMatching(child, child.stderr, /"msg":"ready"/)
    },
    stopResolver: async (signal = 'SIGTERM') => {
      await end(resolver, signal)
    },
    resolverPid: () => resolver?.pid,
    signalResolver: (signal) => {
      resolver?.kill(signal)
    },
    resolverLog: () => log,
    startSshd: async () => {
      sshd = spawn(
        'nsenter',
        [...enter, '/usr/sbin/sshd', '-D', '-e', '-f', '/etc/iamlogin/sshd_config'],
        {
          env: environment,
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      )
      sshd.stderr?.on('data', (part: Buffer) => (log += `sshd: ${part.toString()}`))
      await lineMatching(sshd, sshd.stderr, /Server listening/)
    },
    ssh: (user, key, command) => {
      const options = [
        ...[
          'IdentitiesOnly=yes',
          'BatchMode=yes',
          'StrictHostKeyChecking=no',
          'UserKnownHostsFile=/dev/null',
        ],
        ...['LogLevel=ERROR', 'PreferredAuthentications=publickey', 'ConnectTimeout=20'],
      ].flatMap((option) => ['-o', option])
      const to = [
        '-F',
        '/dev/null',
        '-i',
        key,
        '-p',
        String(sshPort),
        '-l',
        user,
        '127.0.0.1',
        command,
      ]
      return collect('ssh', [...options, ...to])
    },
    control: (path, method = 'GET') =>
      new Promise((resolved, failed) => {
        const socketPath = join(root, 'run/iamlogin/control.sock')
        const sent = request({ socketPath, path, method }, (answer) => {
          text(answer).then((body) => {
            resolved(JSON.parse(body) as unknown)
          }, failed)
        })
        sent.once('error', failed)
        sent.end()
      }),
    stop: async () => {
      await end(sshd, 'SIGTERM')
      await end(resolver, 'SIGTERM')
      await end(holder, 'SIGKILL')
      rmSync(base, { recursive: true, force: true })
    },
  }
  return machine
}

/**
 * From OpenSSH 9.8 on, an address is shut out for a while after some refused logins; all logins of the tests
 * come from one. -G tells whether sshd knows the option, and is itself newer than Debian 12's.
 */
const penalties =
  spawnSync('/usr/sbin/sshd', ['-G', '-f', '/dev/null', '-o', 'PerSourcePenalties=no']).status === 0
    ? 'PerSourcePenalties no'
    : ''

/** sshd_config of the machine: Debian's defaults, the packaged drop-in, a port on loopback. */
export function sshdConfig(machine: Machine): string {
  const dropIn = readFileSync(join(project, 'packaging/sshd/05-iamlogin.conf'), 'utf8')
  return `${dropIn}
Port ${machine.sshPort}
ListenAddress 127.0.0.1
HostKey /etc/iamlogin/ssh_host_ed25519_key
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel VERBOSE
MaxStartups 100
${penalties}
`
}

/** Makes a key pair with ssh-keygen; gives the private key's path and the public line. */
export function makeKey(
  folder: string,
  name: string,
  type: 'rsa' | 'ed25519' | 'ecdsa',
): { readonly path: string; readonly publicKey: string } {
  const path = join(folder, name)
  const bits = type === 'rsa' ? ['-b', '3072'] : []
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-C', name, '-f', path])
  return { path, publicKey: readFileSync(`${path}.pub`, 'utf8').trim() }
}

// Source name -> Linux name, or a refusal with its reason. Pure, and the same for users and groups.
import type { DirectoryRules, HostAccounts, Refusal } from './types.ts'

export type NameResult =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly code: Refusal['code']; readonly reason: string }

type NameRules = Pick<DirectoryRules, 'nameCase' | 'stripDomains'>

/** useradd(8): the longest name that utmp, ps and friends carry whole. */
const nameMax = 32

/** The four characters that IAM allows and Linux tools stumble on, as words (widdix/aws-ec2-ssh). */
const words: Readonly<Record<string, string>> = {
  '+': '.plus.',
  '=': '.equal.',
  ',': '.comma.',
  '@': '.at.',
}

/**
 * Names that systems give a meaning to even where /etc/passwd lacks them: an IAM user of such a
 * name could be taken for the system's. Debian's base-passwd, systemd's and sshd's own.
 */
export const reservedNames: ReadonlySet<string> = new Set([
  ...['root', 'toor', 'daemon', 'bin', 'sys', 'sync', 'games', 'man', 'lp', 'mail', 'news', 'uucp'],
  ...[
    'proxy',
    'www-data',
    'backup',
    'list',
    'irc',
    'gnats',
    'nobody',
    'nogroup',
    '_apt',
    'shutdown',
  ],
  ...[
    'halt',
    'operator',
    'ftp',
    'dbus',
    'messagebus',
    'polkitd',
    'sshd',
    'ntp',
    'chrony',
    'postgres',
  ],
  ...['adm', 'tty', 'disk', 'kmem', 'dialout', 'fax', 'voice', 'cdrom', 'floppy', 'tape', 'sudo'],
  ...[
    'wheel',
    'audio',
    'dip',
    'src',
    'shadow',
    'utmp',
    'video',
    'sasl',
    'plugdev',
    'staff',
    'users',
  ],
  ...['input', 'sgx', 'kvm', 'render', 'crontab', 'docker', 'lxd', 'admin', 'iamlogin'],
  // With wheel, sudo and their kind above: native/common/answer.c never takes them from a resolver.
  ...['incus', 'incus-admin', 'libvirt'],
  'iamlogin-sudo',
])

/**
 * Users that packages make when they are installed, and that images of the clouds have: a person of
 * such a name would be taken for the service, which then gets no user of its own.
 */
export const serviceNames: ReadonlySet<string> = new Set([
  // Users of machine images.
  ...['ec2-user', 'ubuntu', 'debian', 'centos', 'fedora', 'rocky', 'almalinux', 'bitnami', 'core'],
  ...['ssm-user', 'ec2-instance-connect', 'cloud-user', 'azureuser', 'vagrant'],
  // Databases, queues, search.
  ...['mysql', 'mariadb', 'postgresql', 'pgbouncer', 'redis', 'valkey', 'mongodb', 'mongod'],
  ...['memcached', 'memcache', 'rabbitmq', 'kafka', 'zookeeper', 'cassandra', 'couchdb', 'etcd'],
  ...['elasticsearch', 'opensearch', 'kibana', 'logstash', 'influxdb', 'clickhouse', 'neo4j'],
  // Web, mail, names, proxies.
  ...['nginx', 'apache', 'httpd', 'www', 'caddy', 'haproxy', 'squid', 'varnish', 'envoy', 'tomcat'],
  ...['postfix', 'postdrop', 'dovecot', 'dovenull', 'exim', 'debian-exim', 'opendkim', 'named'],
  ...['bind', 'unbound', 'dnsmasq', 'openvpn', 'strongswan', 'wireguard', 'vsftpd', 'proftpd'],
  // Building, containers, secrets.
  ...[
    'jenkins',
    'git',
    'gitea',
    'gitlab',
    'gitlab-runner',
    'gitlab-www',
    'gitlab-psql',
    'buildkite',
  ],
  ...[
    'containerd',
    'podman',
    'kube',
    'kubelet',
    'nomad',
    'consul',
    'vault',
    'libvirt-qemu',
    'qemu',
  ],
  // Watching, logging, time, devices.
  ...[
    'prometheus',
    'node_exporter',
    'alertmanager',
    'grafana',
    'loki',
    'zabbix',
    'nagios',
    'icinga',
  ],
  ...['telegraf', 'collectd', 'munin', 'netdata', 'dd-agent', 'newrelic', 'cwagent', 'fluentd'],
  ...['fluent-bit', 'td-agent', 'vector', 'syslog', 'rsyslog', 'auditd', 'ntpsec', '_chrony'],
  ...['avahi', 'saned', 'colord', 'geoclue', 'rtkit', 'usbmux', 'tss', 'uuidd', 'pulse', 'gdm'],
  ...[
    'sssd',
    'nslcd',
    'unscd',
    'nscd',
    'tcpdump',
    'statd',
    'rpc',
    'rpcuser',
    'landscape',
    'pollinate',
  ],
  ...['snapd-range-524288-root', 'snap_daemon', 'clamav', 'amavis', 'puppet', 'salt', 'rundeck'],
])

/** True for names that no source may give, whatever this host's files say. */
export function isReservedName(name: string): boolean {
  const lower = name.toLowerCase()
  return reservedNames.has(lower) || serviceNames.has(lower) || lower.startsWith('systemd-')
}

type SystemNames = Pick<DirectoryRules, 'reservedNames'> & Pick<HostAccounts, 'sysusers'>

/**
 * Why the name is the system's on this host, as a sentence without the name; undefined where it is not.
 * Built-in names are linuxName's to refuse.
 */
export function systemOwner(
  name: string,
  { reservedNames, sysusers }: SystemNames,
): string | undefined {
  const lower = name.toLowerCase()
  const path = sysusers.get(lower)
  if (path !== undefined) return `is a user or group of the system by ${path}`
  return reservedNames.some((each) => each.toLowerCase() === lower)
    ? 'is in names.reserved'
    : undefined
}

/** The shape that a name of ours has; native/common/valid.h refuses all others. */
export function isPossibleName(name: string): boolean {
  return /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}$/.test(name) && !/^\d+$/.test(name)
}

function stripDomain(name: string, domains: readonly string[]): string {
  const at = name.lastIndexOf('@')
  if (at <= 0) return name
  const domain = name.slice(at + 1).toLowerCase()
  return domains.some((each) => each.toLowerCase() === domain) ? name.slice(0, at) : name
}

/**
 * Maps a name of the source (IAM: `[\w+=,.@-]`, 64 long for users, 128 for groups) to a Linux name:
 * strips configured domains, spells `+ = , @` as words, folds the case, then checks the result.
 */
export function linuxName(sourceName: string, rules: NameRules): NameResult {
  const spelled = stripDomain(sourceName, rules.stripDomains).replace(
    /[+=,@]/g,
    (character) => words[character] ?? character,
  )
  const name = rules.nameCase === 'lower' ? spelled.toLowerCase() : spelled
  if (name.length > nameMax)
    return {
      ok: false,
      code: 'name-too-long',
      reason: `"${name}" has ${name.length} characters, Linux takes ${nameMax}: shorten the name or set names.strip_domain`,
    }
  if (!isPossibleName(name))
    return {
      ok: false,
      code: 'name-invalid',
      reason: `"${name}" is no Linux name: it must begin with a letter, a digit or _ and hold a character that is no digit`,
    }
  if (isReservedName(name))
    return {
      ok: false,
      code: 'name-reserved',
      reason: serviceNames.has(name.toLowerCase())
        ? `"${name}" is the usual name of a service or an image, whose package may need it: rename it in the source`
        : `"${name}" belongs to the system: rename it in the source`,
    }
  return { ok: true, name }
}

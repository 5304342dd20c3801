// What a valid configuration says that this host, or AWS, does not have: read by `config check` and at each
// start and reload. Pure: the facts of the host are handed in.
import { dirname } from 'node:path'
import { judgeSudoers, type SudoFacts } from '../setup/sudoers.ts'
import type { Config } from './config.ts'
import { originText, type LoadedConfig } from './load.ts'
import { nearestRegion } from './partition.ts'

export type FileFacts = { readonly mode: number; readonly uid: number; readonly gid: number }

export type HostFacts = {
  /** Names of /etc/passwd and of /etc/group. */
  readonly users: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  /** Whether the path is one of /etc/shells and is an executable file here. */
  readonly isShell: (path: string) => boolean
  /** Ids of the user iamlogin; undefined on a host that has none. */
  readonly resolver: { readonly uid: number; readonly gid: number } | undefined
  /** Of a file or folder; undefined where there is none. */
  readonly stat: (path: string) => FileFacts | undefined
  readonly sudo: SudoFacts
  /** A sentence for each domain of SSSD that caches names of iamlogin (sssd.ts). */
  readonly sssd: readonly string[]
  /** The folder of root's lists. */
  readonly rootLists: string
}

export type Finding = {
  /** error: the resolver cannot use the configuration; warning: a part of it has no effect. */
  readonly level: 'error' | 'warning'
  /** `file:line: key: what was found; how to fix it`. */
  readonly message: string
}

/** The class of permission bits that apply to the user; path_resolution(7). */
function may(facts: FileFacts, who: { readonly uid: number; readonly gid: number }): number {
  if (facts.uid === who.uid) return facts.mode >> 6
  return facts.gid === who.gid ? facts.mode >> 3 : facts.mode
}

function foldersOf(path: string): readonly string[] {
  const folder = dirname(path)
  return folder === path ? [folder] : [...foldersOf(folder), folder]
}

/** The modules read root's lists in every process: without them no uid of an IAM user has a name there. */
function unsearchable({ resolver, rootLists, stat }: HostFacts): readonly string[] {
  if (resolver === undefined) return []
  const folders = new Set(foldersOf(`${rootLists}/ids`))
  return [...folders].filter((folder) => ((stat(folder)?.mode ?? 1) & 1) === 0)
}

/** Files that the user iamlogin could not read although root, who runs the check, can. */
function unreadable(
  files: readonly string[],
  { resolver, stat }: HostFacts,
  told: ReadonlySet<string>,
): readonly string[] {
  if (resolver === undefined) return []
  const closed = (path: string, bit: number): boolean => {
    const facts = stat(path)
    return facts !== undefined && (may(facts, resolver) & bit) === 0
  }
  const found = files.flatMap((file) => [
    ...foldersOf(file)
      .filter((folder) => closed(folder, 1) && !told.has(folder))
      .map(
        (folder) =>
          `${folder}: the user iamlogin may not enter this folder: chgrp iamlogin ${folder} && chmod g+x ${folder}`,
      ),
    ...(closed(file, 4)
      ? [
          `${file}: the user iamlogin may not read this file: chgrp iamlogin ${file} && chmod g+r ${file}`,
        ]
      : []),
  ])
  return [...new Set(found)]
}

function filesOf({ config, files }: LoadedConfig): readonly string[] {
  const { source, notify } = config
  return [
    ...files,
    ...(source.kind === 'file' ? [source.path] : []),
    ...(notify.secretFile === '' ? [] : [notify.secretFile]),
  ]
}

/** Regions of the configuration with the key that names them. */
function regionsOf({
  source,
  notify,
}: LoadedConfig['config']): readonly (readonly [key: string, region: string])[] {
  const ofSource = source.kind === 'iam' ? source.region : undefined
  const ofTopic = notify.snsTopic.split(':')[3]
  return [
    ...(ofSource === undefined ? [] : [['source.region', ofSource] as const]),
    ...(ofTopic === undefined ? [] : [['notify.sns_topic', ofTopic] as const]),
  ]
}

/** Says where a key was written, as in "FILE:LINE: access.groups". */
type At = (key: string) => string

/** Accounts, groups and shells that the configuration names and this host has not. */
function missingNames({ access, accounts }: Config, host: HostFacts, at: At): readonly string[] {
  const groups = access.localGroups.filter((name) => !host.groups.has(name))
  const users = Object.keys(access.sharedAccounts).filter((name) => !host.users.has(name))
  return [
    ...groups.map(
      (name) =>
        `${at('access.local_groups')}: this host has no group "${name}": groupadd ${name}, or remove it`,
    ),
    ...users.map(
      (name) =>
        `${at('access.shared_accounts')}: this host has no user "${name}": useradd ${name}, or remove it`,
    ),
    ...(host.isShell(accounts.shell)
      ? []
      : [
          `${at('accounts.shell')}: "${accounts.shell}" is not in /etc/shells or not installed here; people get /bin/sh: install it, or choose another`,
        ]),
  ]
}

/** systemd's containers take uids from 524288 to this one; https://systemd.io/UIDS-GIDS/ */
const lastContainerId = 1_879_048_191

function sharedIds({ ids }: Config, at: At): readonly string[] {
  return ids.min > lastContainerId
    ? []
    : [
        `${at('ids.min')}: ${ids.min}..${Math.min(ids.max, lastContainerId)} is also given to containers by systemd-nspawn (524288..${lastContainerId}): a process in one could have a person's uid; choose ids.min from ${lastContainerId + 1} on, or run no such container`,
      ]
}

function unknownRegions(config: Config, at: At): readonly string[] {
  return regionsOf(config).flatMap(([key, region]) => {
    const near = nearestRegion(region)
    return near === undefined
      ? []
      : [
          `${at(key)}: this version knows no AWS region "${region}": its endpoints may not resolve; did you mean "${near}"? If AWS has "${region}" by now, all is well`,
        ]
  })
}

/** Everything that this host does not have; empty where all is there. */
export function findOnHost(loaded: LoadedConfig, host: HostFacts): readonly Finding[] {
  const { config, rows, ignored } = loaded
  const at: At = (key) => {
    const origin = rows.find((row) => row.key === key)?.origin ?? 'default'
    return `${originText(origin)}: ${key}`
  }
  const ofSudo = judgeSudoers(host.sudo)
  const warnings = [
    ...missingNames(config, host, at),
    ...sharedIds(config, at),
    ...(ofSudo === undefined ? [] : [ofSudo]),
    ...host.sssd,
    ...unknownRegions(config, at),
    ...ignored.map(
      (file) => `${file}: not read, for its name does not end in .toml: rename it, or move it away`,
    ),
  ]
  const closed = unsearchable(host)
  const errors = [
    ...closed.map(
      (folder) =>
        `${folder}: every process must be able to enter this folder, for the modules read root's lists in it: chmod o+x ${folder}`,
    ),
    ...unreadable(filesOf(loaded), host, new Set(closed)),
  ]
  return [
    ...errors.map((message) => ({ level: 'error' as const, message })),
    ...warnings.map((message) => ({ level: 'warning' as const, message })),
  ]
}

// The ratios that the benchmark's rows must keep. Pure.
import type { Growth } from './growth.ts'
import { toTarget, type Row, type Target } from './report.ts'

function find(from: readonly Row[], contender: string, op: string, processes = 1): Row | undefined {
  return from.find(
    (row) => row.contender === contender && row.op === op && row.processes === processes,
  )
}

/** None where one of the two was not measured. */
function ratio(
  text: string,
  value: number | undefined,
  base: number | undefined,
  limit: number,
): readonly Target[] {
  return value === undefined || base === undefined ? [] : [toTarget(text, value, base, limit)]
}

const cached = 'SSSD, memory cache'
const uncached = 'SSSD, no memory cache'

/** Lookups beside those of the others. */
export function lookupTargets(rows: readonly Row[]): readonly Target[] {
  const against = (
    text: string,
    [ours, op]: readonly [string, string],
    [peer, peerOp]: readonly [string, string],
    limit: number,
  ): readonly Target[] =>
    ratio(text, find(rows, ours, op)?.callUs, find(rows, peer, peerOp)?.callUs, limit)
  return [
    ...['getpwnam', 'getpwuid'].flatMap((op) => [
      ...against(`${op}: hit / SSSD memory cache`, ['iamlogin', op], [cached, op], 1 / 3),
      ...against(`${op}: hit / nslcd`, ['iamlogin', op], ['nslcd', op], 1 / 100),
      ...against(`${op}: socket / SSSD uncached`, ['iamlogin, socket', op], [uncached, op], 1),
    ]),
    ...against(
      'a miss that asks / SSSD uncached',
      ['iamlogin, miss that asks', 'getpwuid'],
      [uncached, 'getpwuid'],
      1,
    ),
    ...against('initgroups / SSSD', ['iamlogin', 'initgroups'], [cached, 'initgroups'], 1 / 2),
    ...ratio(
      'p99 of 64 processes / p50 of one',
      find(rows, 'iamlogin', 'getpwnam', 64)?.p99Us,
      find(rows, 'iamlogin', 'getpwnam')?.p50Us,
      3,
    ),
    ...ratio(
      'socket lookup / bare ping-pong, p50',
      find(rows, 'iamlogin, socket', 'getpwnam')?.p50Us,
      find(rows, 'bare ping-pong, Node', 'ping')?.p50Us,
      1.6,
    ),
  ]
}

type Sized = { readonly users: number; readonly growth: Growth }

/** What a large directory costs beside a small one, and answers while it is read and published. */
export function growthTargets(small: Sized, large: Sized): readonly Target[] {
  const { users: many, growth } = large
  return [
    ...['getpwnam', 'getpwuid'].flatMap((op) =>
      ratio(
        `${op}: ${many} users / ${small.users}`,
        find(growth.rows, 'iamlogin', op)?.callUs,
        find(small.growth.rows, 'iamlogin', op)?.callUs,
        1.3,
      ),
    ),
    toTarget(`publishing ${many} users / 1 s`, growth.publishMs, 1_000, 1),
    toTarget(
      `socket p99: publishing ${many} users / idle`,
      growth.publishingP99Us,
      growth.idleP99Us,
      5,
    ),
    toTarget(
      `socket p99: reading and publishing ${many} users / idle`,
      growth.readingP99Us,
      growth.idleP99Us,
      3,
    ),
  ]
}

/** What sshd and PAM wait for. */
export function commandTargets([ours, aws, unix, both]: readonly Row[]): readonly Target[] {
  return [
    ...ratio('key command / aws --version', ours?.p50Us, aws?.p50Us, 1 / 50),
    // Milliseconds that the module adds to a login, against the 5 that it may.
    ...ratio(
      'PAM: what pam_iamlogin adds / 5 ms',
      both === undefined || unix === undefined ? undefined : both.p50Us - unix.p50Us,
      5_000,
      1,
    ),
  ]
}

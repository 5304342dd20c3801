// Stable uids and gids: a function of the immutable source id, never a counter.
import type { DirectoryRules } from './types.ts'

type Range = DirectoryRules['ids']

const encoder = new TextEncoder()

/** FNV-1a, 32 bits, over the UTF-8 bytes. http://www.isthe.com/chongo/tech/comp/fnv/ */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  // FNV's low bits follow the last byte closely; murmur3's finalizer spreads them over the range.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** systemd's range for the files of other hosts. */
const foreign: Range = { min: 2_147_352_576, max: 2_147_418_111 }

/**
 * Ids that no person ever gets, whatever the configuration, a tag or a pin says; systemd's
 * docs/UIDS-GIDS.md: those of the system and of people (0..65535), systemd's range for files of other
 * hosts (2147352576..2147418111), and all from 2^31 on, which some programs take for negative.
 */
export function isForbiddenId(id: number): boolean {
  return id < 65_536 || (id >= foreign.min && id <= foreign.max) || id >= 2_147_483_648
}

export function inRange(id: number, range: Range): boolean {
  return Number.isInteger(id) && id >= range.min && id <= range.max && !isForbiddenId(id)
}

/** How many ids of the range may be given. */
export function countIds({ min, max }: Range): number {
  const within = (first: number, last: number): number =>
    Math.max(0, Math.min(last, max) - Math.max(first, min) + 1)
  return within(65_536, 2_147_483_647) - within(foreign.min, foreign.max)
}

/** Hands out ids that are in range, not taken and not given before. */
export type IdSpace = {
  /**
   * The id for `sourceId`: its pin where that is free, else its hash, else the next free one.
   * @throws {RangeError} when the range has no free id left.
   */
  readonly give: (sourceId: string) => number
  /**
   * Takes exactly `id` for `sourceId`; false when it is out of range, taken, or the one that another
   * record has by its pin or its hash: a tag must not open another's files.
   */
  readonly take: (id: number, sourceId: string) => boolean
}

function hashedId(sourceId: string, range: Range): number {
  return range.min + (fnv1a(sourceId) % (range.max - range.min + 1))
}

/** The id after this one, on the way over systemd's range in one step: none of those is free. */
function after(id: number): number {
  return id >= foreign.min && id < foreign.max ? foreign.max : id + 1
}

/** The first free id of the range from `start` to its end, then from its beginning on. */
function firstFree(
  start: number,
  { min, max }: Range,
  isFree: (id: number) => boolean,
): number | undefined {
  for (let id = start; id <= max; id = after(id)) if (isFree(id)) return id
  for (let id = min; id < start; id = after(id)) if (isFree(id)) return id
  return undefined
}

/**
 * @param pins what was given before, for ids that exist now: kept, and kept free for their owners.
 * @param taken ids of local accounts.
 * @param untagged the source ids that get theirs by pin or hash: take() keeps those free.
 */
export function createIdSpace(
  range: Range,
  pins: ReadonlyMap<string, number>,
  taken: ReadonlySet<number>,
  untagged: Iterable<string> = [],
): IdSpace {
  const used = new Set(taken)
  const owners = new Map<number, string>()
  for (const [sourceId, id] of pins) if (!owners.has(id)) owners.set(id, sourceId)
  const hashed = new Map<number, string>()
  for (const sourceId of untagged)
    if (!pins.has(sourceId)) hashed.set(hashedId(sourceId, range), sourceId)
  const isOwn = (id: number, sourceId: string): boolean =>
    (owners.get(id) ?? hashed.get(id) ?? sourceId) === sourceId
  const free = (id: number, sourceId: string): boolean =>
    inRange(id, range) && !used.has(id) && (owners.get(id) ?? sourceId) === sourceId
  return {
    take: (id, sourceId) => {
      if (!inRange(id, range) || used.has(id) || !isOwn(id, sourceId)) return false
      used.add(id)
      return true
    },
    give: (sourceId) => {
      const pin = pins.get(sourceId)
      if (pin !== undefined && free(pin, sourceId)) {
        used.add(pin)
        return pin
      }
      const id = firstFree(hashedId(sourceId, range), range, (each) => free(each, sourceId))
      if (id === undefined)
        throw new RangeError(`ids.min..ids.max (${range.min}..${range.max}) has no free id left`)
      used.add(id)
      return id
    },
  }
}

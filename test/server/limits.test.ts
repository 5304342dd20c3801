// Who has a place on resolver.sock when everyone wants one.
import { describe, expect, it } from 'vitest'
import {
  createLimits,
  connectionsMax,
  connectionsOfOne,
  unprivilegedConnections,
  unreadOfOne,
  type Limits,
} from '../../src/server/limits.ts'

const ownUid = 900

/** Enters until it is refused, at most all places there are; gives the ways out. */
function enterAll(places: Limits, uid: number): (() => void)[] {
  const leave: (() => void)[] = []
  while (leave.length < connectionsMax) {
    const out = places.enter(uid)
    if (out === undefined) break
    leave.push(out)
  }
  return leave
}

describe('createLimits', () => {
  it('gives a stranger so many and no more', () => {
    expect(enterAll(createLimits(ownUid), 1000)).toHaveLength(connectionsOfOne)
  })

  it('counts neither root nor its own uid', () => {
    const places = createLimits(ownUid)
    for (const uid of [0, ownUid]) expect(enterAll(places, uid)).toHaveLength(connectionsMax)
  })

  it('keeps a place for the next uid after four that take all they get', () => {
    const places = createLimits(ownUid)
    const taken = [1, 2, 3, 4].map((uid) => enterAll(places, uid).length)
    expect(taken).toEqual([256, 256, 192, 96])
    expect(places.enter(5)).toBeDefined()
  })

  it('keeps the places of root and its own uid from any number of strangers', () => {
    const places = createLimits(ownUid)
    let strangers = 0
    for (let uid = 1000; uid < 3000; uid++) strangers += enterAll(places, uid).length
    expect(strangers).toBe(unprivilegedConnections)
    expect(unprivilegedConnections).toBeLessThan(connectionsMax)
  })

  it('takes a place back', () => {
    const places = createLimits(ownUid)
    const leave = enterAll(places, 1000)
    expect(places.enter(1000)).toBeUndefined()
    leave[0]?.()
    expect(places.enter(1000)).toBeDefined()
    for (const uid of [1001, 1002]) for (const out of enterAll(places, uid)) out()
    expect(enterAll(places, 1003)).toHaveLength(connectionsOfOne)
  })

  it('keeps unread answers for a stranger up to a bound, for root without one', () => {
    const places = createLimits(ownUid)
    expect(places.keepUnread(1000, unreadOfOne + 1)).toBeUndefined()
    const giveBack = places.keepUnread(1000, unreadOfOne)
    expect(places.keepUnread(1000, 1)).toBeUndefined()
    expect(places.keepUnread(1001, 1)).toBeDefined()
    giveBack?.()
    expect(places.keepUnread(1000, 1)).toBeDefined()
    expect(places.keepUnread(0, unreadOfOne + 1)).toBeDefined()
  })
})

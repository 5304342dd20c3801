import { describe, expect, it } from 'vitest'
import { isSameSource } from '../../src/directory/diff.ts'
import { keepOverrides } from '../../src/directory/overrides.ts'
import type { SourceDirectory, SourceUser } from '../../src/directory/types.ts'
import { aSource, aUser } from '../support/builders.ts'

const keep = (fetched: SourceDirectory, before?: SourceDirectory): SourceDirectory =>
  keepOverrides(fetched, before)
const reason = { code: 'source_denied', message: 'm', hint: 'h' }
const alice = aUser({ name: 'alice', overrides: { uid: 1_900_000_000, dir: '/home/a' } })
const bare = aUser({ name: 'alice' })
const dave = aUser({ name: 'dave' })
const unread = (users: readonly SourceUser[], ...of: readonly SourceUser[]): SourceDirectory => ({
  ...aSource(users),
  unreadOverrides: { reason, keptIds: [], unknownIds: of.map(({ id }) => id) },
})

describe('keepOverrides', () => {
  it('changes nothing of a whole read', () => {
    const fetched = aSource([bare])
    expect(keep(fetched, aSource([alice]))).toBe(fetched)
  })

  it('keeps the last known overrides of the same id under the name of now', () => {
    const alicia = { ...bare, name: 'alicia' }
    const kept = keep(unread([alicia], alicia), aSource([alice]))
    expect(kept.users).toEqual([{ ...alice, name: 'alicia' }])
    expect(kept.unreadOverrides).toEqual({ reason, keptIds: [alice.id], unknownIds: [] })
  })

  it('gives nothing of them to another person of the name', () => {
    const other = aUser({ name: 'alice', id: 'AIDAother' })
    const kept = keep(unread([other], other), aSource([alice]))
    expect(kept.users).toEqual([other])
    expect(kept.unreadOverrides?.unknownIds).toEqual([other.id])
  })

  it('keeps a person who was here without any, as accounts.tags was off, as they were', () => {
    const kept = keep(unread([bare], bare), aSource([bare]))
    expect(kept.users).toEqual([bare])
    expect(kept.unreadOverrides?.unknownIds).toEqual([])
  })

  it('does not know the next time whom it did not know before', () => {
    const before = keep(unread([bare, dave], dave), undefined)
    expect(keep(unread([bare, dave], dave), before).unreadOverrides?.unknownIds).toEqual([dave.id])
    // dave is only known as a member of a group that could not be read.
    const merged = { ...aSource([bare, dave]), keptUserIds: [dave.id] }
    expect(keep(merged, before).unreadOverrides).toEqual({
      reason,
      keptIds: [],
      unknownIds: [dave.id],
    })
  })

  it('forgets what was unread once it is read', () => {
    const before = keep(unread([bare, dave], dave), undefined)
    expect(keep(aSource([bare, dave]), before)).not.toHaveProperty('unreadOverrides')
  })
})

describe('isSameSource', () => {
  const [one, two] = [unread([bare, dave], bare), unread([bare, dave], dave)]
  const other = { ...reason, code: 'source_throttled' }
  it.each([
    ['the same', one, one, true],
    ['overrides that are read again', one, aSource([bare, dave]), false],
    ['those of another person', one, two, false],
    [
      'another reason',
      one,
      { ...one, unreadOverrides: { keptIds: [], unknownIds: [bare.id], reason: other } },
      false,
    ],
  ])('tells %s', (_, a, b, same) => {
    expect(isSameSource(a, b)).toBe(same)
    expect(isSameSource(b, a)).toBe(same)
  })
})

import { describe, expect, it } from 'vitest'
import { mergeUnread } from '../../src/directory/merge.ts'
import type { SourceDirectory, UnreadGroup } from '../../src/directory/types.ts'
import { aSource, aUser } from '../support/builders.ts'

const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => aUser({ name }))
if (alice === undefined || bob === undefined || carol === undefined) throw new Error('no users')
const unread = (name: string, isAbsent = false): UnreadGroup => ({
  ...{ name, isAbsent, code: 'source_denied', message: 'm', hint: 'h' },
})
const merge = (
  fetched: SourceDirectory,
  before: SourceDirectory | undefined,
  lastReadAt: Readonly<Record<string, number>> = { dba: 5, '*': 5 },
) => mergeUnread(fetched, before, new Map(Object.entries(lastReadAt)))
const namesOf = ({ users }: SourceDirectory) => users.map(({ name }) => name).toSorted()
const before = aSource([alice, bob, carol], { developers: ['alice', 'bob'], dba: ['carol'] })

describe('mergeUnread', () => {
  it('changes nothing of a whole read', () => {
    const fetched = aSource([alice])
    expect(merge(fetched, before)).toBe(fetched)
  })

  it('takes over a group that could not be read, with its members, and marks them', () => {
    const merged = merge({ ...aSource([alice]), unread: [unread('dba')] }, before)
    expect(namesOf(merged)).toEqual(['alice', 'carol'])
    expect(merged.keptUserIds).toEqual([carol.id])
    expect(merged.groups.find(({ name }) => name === 'dba')?.memberIds).toEqual([carol.id])
    expect(merged.unread).toEqual([{ ...unread('dba'), lastReadAt: 5 }])
  })

  it.each([
    ['the source has no such group', unread('dba', true), { dba: 5 }],
    ['it was read too long ago', unread('dba'), {}],
  ])('takes over nothing when %s', (_why, group, lastReadAt) => {
    const merged = merge({ ...aSource([alice]), unread: [group] }, before, lastReadAt)
    expect(namesOf(merged)).toEqual(['alice'])
    expect(merged.groups.map(({ name }) => name)).toEqual(['developers'])
  })

  it('drops a kept member whose name IAM gave to another', () => {
    const newcomer = aUser({ name: 'Carol', id: 'AIDAnew' })
    const merged = merge({ ...aSource([alice, newcomer]), unread: [unread('dba')] }, before)
    expect(merged.users).toEqual([alice, newcomer])
    expect(merged.groups.find(({ name }) => name === 'dba')?.memberIds).toEqual([])
  })

  it('drops a kept member whom the list of every user lacks', () => {
    const fetched = { ...aSource([alice], {}), complete: true, unread: [unread('dba')] }
    expect(namesOf(merge(fetched, before))).toEqual(['alice'])
  })

  it('keeps every user when the list of every user could not be read', () => {
    const fetched = { ...aSource([bob], { dba: ['bob'] }), unread: [unread('*')] }
    const merged = merge(fetched, { ...before, complete: true })
    expect(namesOf(merged)).toEqual(['alice', 'bob', 'carol'])
    expect(merged.complete).toBe(true)
    expect(namesOf(merge(fetched, before))).toEqual(['bob'])
  })
})

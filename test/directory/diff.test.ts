import { describe, expect, it } from 'vitest'
import { isSameSource } from '../../src/directory/diff.ts'
import type { SourceDirectory, UnreadGroup } from '../../src/directory/types.ts'
import { aUser } from '../support/builders.ts'

const unread: UnreadGroup = {
  name: 'ops',
  code: 'AccessDenied',
  message: 'denied',
  hint: 'allow it',
  isAbsent: false,
  lastReadAt: 5,
}

/** Every field filled, made anew at each call: no two share an object. */
function read(): SourceDirectory {
  return {
    users: [
      aUser({ name: 'alice', overrides: { uid: 5, gecos: 'A', dir: '/home/a', shell: '/bin/sh' } }),
      aUser({ name: 'bob' }),
    ],
    groups: ['developers', 'ops'].map((name) => ({
      id: `AGPA${name}`,
      name,
      arn: `arn:aws:iam::123456789012:group/${name}`,
      createdAt: 1,
      memberIds: ['AIDAalice', 'AIDAbob'],
    })),
    complete: false,
    unread: [unread],
    keptUserIds: ['AIDAbob'],
    unreadOverrides: {
      reason: { code: 'AccessDenied', message: 'denied', hint: 'allow it' },
      keptIds: ['AIDAalice'],
      unknownIds: ['AIDAbob'],
    },
  }
}

type Path = readonly (string | number)[]

/** Paths to every leaf and list of a value. */
function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  const inside = Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]))
  return Array.isArray(value) ? [path, ...inside] : inside
}

/** The value with the leaf at the path replaced by another, or the list's last entry gone. */
function changedAt(value: unknown, [key, ...rest]: Path): unknown {
  if (key !== undefined) {
    const copy = structuredClone(value) as Record<string, unknown>
    copy[key] = changedAt(copy[key], rest)
    return copy
  }
  if (Array.isArray(value)) return value.slice(0, -1) as unknown
  if (typeof value === 'number') return value + 1
  return typeof value === 'boolean' ? !value : `${String(value)}x`
}

const isSame = (a: SourceDirectory, b: SourceDirectory): boolean => isSameSource(a, b)

describe('isSameSource', () => {
  it('takes two reads of the same records as the same', () => {
    expect(isSame(read(), read())).toBe(true)
    const bare: SourceDirectory = { users: [], groups: [], complete: true }
    expect(isSame(bare, { ...bare, unread: [], keptUserIds: [] })).toBe(true)
  })

  // How AWS words a refusal is no change of what is known.
  const words = /(message|hint)$/
  it.each(
    pathsOf(read())
      .map((path) => [path.join('.'), path] as const)
      .filter(([name]) => !words.test(name)),
  )('tells a change of %s, from either side', (_name, path) => {
    const changed = changedAt(read(), path) as SourceDirectory
    expect([isSame(read(), changed), isSame(changed, read())]).toEqual([false, false])
  })

  it('tells an entry that only one of them has', () => {
    const without = (key: keyof SourceDirectory): SourceDirectory => {
      const entries = Object.entries(read()).filter(([name]) => name !== key)
      return Object.fromEntries(entries) as SourceDirectory
    }
    const noOverrides = { ...read(), users: [aUser({ name: 'alice' }), aUser({ name: 'bob' })] }
    const others = (['unread', 'keptUserIds', 'unreadOverrides'] as const).map(without)
    for (const other of [...others, noOverrides])
      expect([isSame(read(), other), isSame(other, read())]).toEqual([false, false])
  })
})

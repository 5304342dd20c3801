// The one cell of the directory: what was replaced is freed, but for lists that are under way.
import { describe, expect, it } from 'vitest'
import { momentOf } from '../../src/platform/clock.ts'
import { createStore, type Store } from '../../src/refresh/store.ts'
import { aClock } from '../support/builders.ts'
import { aDirectory, viewOf } from '../support/view.ts'

function aStore() {
  const clock = aClock()
  const store = createStore(1, clock)
  return { clock, store }
}

function put({ store, clock }: ReturnType<typeof aStore>, ...names: readonly string[]) {
  const directory = viewOf(aDirectory(names))
  store.replace({ directory, readAt: momentOf(clock), leftOutNames: [], unreadOverrides: null })
  return directory
}

const isFreed = (directory: ReturnType<typeof put>): boolean =>
  directory.snapshot.buffer instanceof ArrayBuffer && directory.snapshot.buffer.detached

const previous = ({ store }: { readonly store: Store }) => store.previous()?.directory

describe('a directory that was replaced', () => {
  it('is freed at once', () => {
    const parts = aStore()
    const first = put(parts, 'alice')
    const second = put(parts, 'alice', 'bob')
    expect([isFreed(first), isFreed(second)]).toEqual([true, false])
    expect(previous(parts)).toBeUndefined()
  })

  it('serves a list of it for ten seconds', async () => {
    const parts = aStore()
    const first = put(parts, 'alice')
    parts.store.listed()
    put(parts, 'bob')
    expect(previous(parts)?.accountByName('alice')?.passwd.name).toBe('alice')
    await parts.clock.advance(10_000)
    expect([previous(parts), isFreed(first)]).toEqual([undefined, true])
  })

  it('is freed at once where the last page of it was given long ago', async () => {
    const parts = aStore()
    const first = put(parts, 'alice')
    parts.store.listed()
    await parts.clock.advance(10_000)
    put(parts, 'bob')
    expect(isFreed(first)).toBe(true)
  })

  it('serves a list of the last one alone', () => {
    const parts = aStore()
    const first = put(parts, 'alice')
    parts.store.listed()
    const second = put(parts, 'bob')
    put(parts, 'carol')
    expect([isFreed(first), isFreed(second)]).toEqual([true, true])
  })

  it('stays where work that waits retains it', () => {
    const parts = aStore()
    const first = put(parts, 'alice')
    const letGo = first.retain()
    put(parts, 'bob')
    expect(isFreed(first)).toBe(false)
    letGo()
    expect(isFreed(first)).toBe(true)
  })
})

// Whose home is not named after them: a person who was renamed keeps the home of before, and nobody
// else gets it, for their files are in it.
import type { Account, Pins, SourceUser } from './types.ts'

/** SourceUser.id -> the word that stands for `%u` in the home. */
export type HomeWords = Readonly<Record<string, string>>

/** Pins with the homes of those whose name in the source is another one now. */
export function keepHomes(
  pins: Pins,
  before: readonly Account[],
  users: readonly SourceUser[],
): Pins {
  const names = new Map(users.map(({ id, name }) => [id, name]))
  const kept: Record<string, string> = {}
  for (const { user, passwd } of before) {
    const name = names.get(user.id)
    if (name !== undefined && name !== user.name && pins.homes?.[user.id] === undefined)
      kept[user.id] = passwd.name
  }
  return Object.keys(kept).length === 0 ? pins : { ...pins, homes: { ...pins.homes, ...kept } }
}

/**
 * Gives each person the word of their home: the one that is kept for them, else their name, else,
 * where the home of that name is kept for somebody else (here or not) or cannot be given, the name and
 * the uid. Such a word is kept for them from then on.
 * @param isTaken whether a local user lives in the home of that word
 */
export function createHomes(
  pinned: HomeWords,
  isTaken: (word: string) => boolean = () => false,
): {
  readonly wordFor: (id: string, name: string, uid: number) => string
  /** Whether the home of that word is kept for another person than `id`. */
  readonly isKeptForAnother: (word: string, id: string) => boolean
  /** The words to keep: those that are not names. */
  readonly words: () => HomeWords
} {
  const owners = new Map<string, string>()
  for (const [id, word] of Object.entries(pinned)) if (!owners.has(word)) owners.set(word, id)
  const given: Record<string, string> = {}
  return {
    wordFor: (id, name, uid) => {
      const kept = pinned[id] ?? name
      const word = (owners.get(kept) ?? id) === id && !isTaken(kept) ? kept : `${name}-${uid}`
      if (word !== name) given[id] = word
      return word
    },
    isKeptForAnother: (word, id) => (owners.get(word) ?? id) !== id,
    words: () =>
      Object.entries(given).every(([id, word]) => pinned[id] === word)
        ? pinned
        : { ...pinned, ...given },
  }
}

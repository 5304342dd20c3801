// Whether a value of JSON has the shape of a type: for the one file that the resolver itself reads. zod would
// cost it 10 MiB for as long as it runs; processes that end use zod.

export type Is<T> = (value: unknown) => value is T

type Shape = Readonly<Record<string, Is<unknown>>>
type Shaped<S extends Shape> = { readonly [K in keyof S]: S[K] extends Is<infer T> ? T : never }

export const isText: Is<string> = (value) => typeof value === 'string'
export const isNumber: Is<number> = (value) => typeof value === 'number'
export const isBoolean: Is<boolean> = (value) => typeof value === 'boolean'

/** Whatever JSON can say. */
export const isAny: Is<unknown> = (value): value is unknown => value !== undefined

/** One of these values. */
export function isOneOf<const T extends readonly unknown[]>(...allowed: T): Is<T[number]> {
  return (value): value is T[number] => allowed.some((each) => each === value)
}

/** A list of which each entry is one. */
export function isListOf<T>(is: Is<T>): Is<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(is)
}

/** An object with all of `required`, and of `optional` nothing of another shape; other keys may be there. */
export function isObject<R extends Shape, O extends Shape>(
  required: R,
  optional: O,
): Is<Shaped<R> & Partial<Shaped<O>>> {
  const [needed, allowed] = [Object.entries(required), Object.entries(optional)]
  return (value): value is Shaped<R> & Partial<Shaped<O>> => {
    if (typeof value !== 'object' || value === null) return false
    const entry = (key: string): unknown => (value as Readonly<Record<string, unknown>>)[key]
    return (
      needed.every(([key, is]) => Object.hasOwn(value, key) && is(entry(key))) &&
      allowed.every(([key, is]) => !Object.hasOwn(value, key) || is(entry(key)))
    )
  }
}

// What a source tells of one person, compared with what it told before. Pure.
import type { SourceCredentials, SourceKey } from '../directory/types.ts'

function isSameKey(a: SourceKey, b: SourceKey): boolean {
  return a.origin === b.origin && a.id === b.id && a.body === b.body
}

/** Whether no key of `now` was there `before`. */
export function haveNothingInCommon(before: SourceCredentials, now: SourceCredentials): boolean {
  return !now.keys.some((key) => before.keys.some((each) => isSameKey(each, key)))
}

/** How many bodies had to be read for `now`: IAM never changes one, so each is read once. */
export function countNewBodies(
  before: SourceCredentials | undefined,
  now: SourceCredentials,
): number {
  return now.keys.filter(
    ({ id, origin }) => origin === 'iam' && before?.keys.some((key) => key.id === id) !== true,
  ).length
}

/** The key of this base64 blob, valid or not. */
export function keyOfBlob({ keys }: SourceCredentials, blob: string): SourceKey | undefined {
  return keys.find(({ body }) => body.trim().split(/ +/)[1] === blob)
}

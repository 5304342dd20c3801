// What tests of child processes share.
import { openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'

/** As memfd_create(2): a file of `folder` without a name. */
export function memoryFileIn(folder: string): number {
  const path = join(folder, 'memory')
  const fd = openSync(path, 'w+')
  unlinkSync(path)
  return fd
}

/** Child processes of this one, zombies too. */
export function children(): readonly number[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

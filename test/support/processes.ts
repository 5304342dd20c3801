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

/** Child processes of another one, or of this one; zombies too. */
export function children(pid: number | 'self' = 'self'): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  )
}

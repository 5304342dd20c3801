// What processes take, as /proc tells: memory, time of the processor, descriptors. proc(5)
import { readdirSync, readFileSync } from 'node:fs'
import { children } from '../support/processes.ts'

const ticksPerSecond = 100

function kib(path: string, key: string): number {
  return Number(
    new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(path, 'utf8'))?.[1] ?? 0,
  )
}

export type Memory = { readonly rssMiB: number; readonly anonMiB: number }

export function memoryOf(pid: number): Memory {
  const path = `/proc/${pid}/status`
  return { rssMiB: kib(path, 'VmRSS') / 1_024, anonMiB: kib(path, 'RssAnon') / 1_024 }
}

/** Seconds of the processor: of the process itself, and of it and its children that ended. */
export type Cpu = { readonly own: number; readonly all: number }

export function cpuOf(pid: number): Cpu {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // Behind "pid (name) ": the eleventh to the fourteenth are utime, stime, cutime, cstime.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number)
  const own = (user + system) / ticksPerSecond
  return { own, all: own + (childUser + childSystem) / ticksPerSecond }
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** The share of memory of a process; 0 for one that ended meanwhile. */
function pssMiB(pid: number): number {
  try {
    return kib(`/proc/${pid}/smaps_rollup`, 'Pss') / 1_024
  } catch {
    return 0
  }
}

/** The most that a process and its children share of memory at once, sampled until the result is called. */
export function watchPeak(pid: number, everyMs = 20): () => number {
  let peak = 0
  const timer = setInterval(() => {
    const all = [pid, ...children(pid)].map(pssMiB)
    peak = Math.max(
      peak,
      all.reduce((sum, each) => sum + each, 0),
    )
  }, everyMs)
  return () => {
    clearInterval(timer)
    return peak
  }
}

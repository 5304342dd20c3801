// Runs the C tool inside of the machine and decodes what it prints.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { Machine } from '../support/machine.ts'

const figures = z.object({
  processes: z.number().default(1),
  calls: z.number().default(0),
  wrong: z.number().default(0),
  failed: z.number().default(0),
  /** Of one call: the median of batches of a millisecond, free of the clock's own cost. */
  call_ns: z.number().optional(),
  mean_ns: z.number().optional(),
  p50_ns: z.number(),
  p99_ns: z.number(),
})

export type Measured = {
  readonly callUs: number
  readonly p50Us: number
  readonly p99Us: number
}

const us = (ns: number): number => Math.round(ns / 10) / 100

/** Compiles the tool into the machine. */
export function installTool(machine: Machine): void {
  const folder = join(import.meta.dirname, 'native')
  const sources = readdirSync(folder).filter((file) => file.endsWith('.c'))
  execFileSync('gcc', [
    ...['-std=gnu17', '-D_GNU_SOURCE', '-O2', '-o', join(machine.root, 'usr/local/bin/nss-bench')],
    ...sources.map((file) => join(folder, file)),
  ])
}

/** Runs `nss-bench ARGS`. @throws when an answer was wrong or missing */
export async function measure(machine: Machine, args: string, environment = ''): Promise<Measured> {
  const { code, stdout, stderr } = await machine.runAsync(`${environment} nss-bench ${args}`)
  if (code !== 0) throw new Error(`nss-bench ${args}: ${stderr}`)
  const found = figures.parse(JSON.parse(stdout))
  if (found.wrong + found.failed > 0)
    throw new Error(`nss-bench ${args}: ${found.wrong} wrong, ${found.failed} failed answers`)
  return {
    callUs: us(found.call_ns ?? found.mean_ns ?? found.p50_ns),
    p50Us: us(found.p50_ns),
    p99Us: us(found.p99_ns),
  }
}

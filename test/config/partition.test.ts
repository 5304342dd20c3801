// The table of regions against the SDK's own, which comes with every update of it.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { knownRegions, partitionOf } from '../../src/config/partition.ts'

const schema = z.object({
  partitions: z.array(z.object({ id: z.string(), regions: z.record(z.string(), z.unknown()) })),
})

async function ofSdk(): Promise<ReadonlyMap<string, string>> {
  const require = createRequire(createRequire(import.meta.url).resolve('@aws-sdk/client-iam'))
  const core = dirname(require.resolve('@aws-sdk/core/package.json'))
  const table = 'dist-es/submodules/client/util-endpoints/lib/aws/partitions.js'
  const loaded = (await import(join(core, table))) as { readonly partitionsInfo: unknown }
  const { partitions } = schema.parse(loaded.partitionsInfo)
  return new Map(
    partitions.flatMap(({ id, regions }) =>
      Object.keys(regions)
        .filter((region) => !region.endsWith('-global'))
        .map((region) => [region, id] as const),
    ),
  )
}

describe('the regions', () => {
  it('and their partitions are those of the SDK', async () => {
    const sdk = await ofSdk()
    expect(sdk.size).toBeGreaterThan(40)
    expect(knownRegions.toSorted()).toEqual([...sdk.keys()].toSorted())
    for (const [region, partition] of sdk) expect(partitionOf(region), region).toBe(partition)
  })
})

// What packaging/logging/ tells Elasticsearch and Kibana, decoded: the index template and the dashboard.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as z from 'zod'

const folder = resolve(import.meta.dirname, '../../packaging/logging')

type Mapping = {
  readonly type?: string | undefined
  readonly properties?: Readonly<Record<string, Mapping>> | undefined
}
const mapping: z.ZodType<Mapping> = z.lazy(() =>
  z.looseObject({
    type: z.string().optional(),
    properties: z.record(z.string(), mapping).optional(),
  }),
)
const template = z.looseObject({
  template: z.looseObject({
    mappings: z.looseObject({ properties: z.record(z.string(), mapping) }),
  }),
})

/** The index template as it is put. */
export const indexTemplate = template.parse(
  JSON.parse(readFileSync(resolve(folder, 'elasticsearch/index-template.json'), 'utf8')),
)

/** Dotted names of the fields that the template maps, with their types. */
export function mappedTypes(of: z.infer<typeof template>): ReadonlyMap<string, string> {
  const types = new Map<string, string>()
  const walk = (properties: Readonly<Record<string, Mapping>>, prefix: string) => {
    for (const [name, { type, properties: inner }] of Object.entries(properties)) {
      if (inner !== undefined) walk(inner, `${prefix}${name}.`)
      if (type !== undefined) types.set(`${prefix}${name}`, type)
    }
  }
  walk(of.template.mappings.properties, '')
  return types
}

/** Dotted names of a document's leaves, with their values; a list is one leaf. */
export function leavesOf(value: unknown, prefix = ''): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[prefix, value]]
  return Object.entries(value).flatMap(([name, inner]) =>
    leavesOf(inner, prefix === '' ? name : `${prefix}.${name}`),
  )
}

const text = <T extends z.ZodType>(schema: T) =>
  z.string().transform((json) => schema.parse(JSON.parse(json)))
const reference = z.object({ id: z.string(), name: z.string(), type: z.string() })
const aggregation = z.looseObject({
  id: z.string(),
  type: z.enum(['count', 'max', 'terms', 'date_histogram']),
  params: z.looseObject({ field: z.string().optional() }),
})
const savedObject = z.object({
  id: z.string(),
  type: z.string(),
  references: z.array(reference),
  attributes: z.looseObject({
    title: z.string(),
    columns: z.array(z.string()).optional(),
    kibanaSavedObjectMeta: z
      .object({
        searchSourceJSON: text(
          z.looseObject({
            query: z.object({ query: z.string(), language: z.literal('lucene') }),
            indexRefName: z.string().optional(),
          }),
        ),
      })
      .optional(),
    visState: text(z.looseObject({ aggs: z.array(aggregation) })).optional(),
    panelsJSON: text(z.array(z.looseObject({ panelRefName: z.string() }))).optional(),
  }),
})
export type SavedObject = z.infer<typeof savedObject>

/** The objects of the dashboard's file. */
export function savedObjects(): readonly SavedObject[] {
  const lines = readFileSync(resolve(folder, 'kibana/dashboard.ndjson'), 'utf8').trim().split('\n')
  return lines.map((line) => savedObject.parse(JSON.parse(line)))
}

/** Every field that an object shows or counts by, and those of its query. */
export function fieldsShown({ attributes }: SavedObject): readonly string[] {
  const query = attributes.kibanaSavedObjectMeta?.searchSourceJSON.query.query ?? ''
  return [
    ...(attributes.columns ?? []),
    ...(attributes.visState?.aggs ?? []).flatMap(({ params }) => params.field ?? []),
    ...[...query.matchAll(/([\w.@]+):/g)].flatMap(([, field]) => field ?? []),
  ]
}

/** What Kibana would ask for a visualization: its query, and each aggregation by itself. */
export function aggregationsOf({ attributes }: SavedObject): readonly {
  readonly query: string
  readonly aggregations: Readonly<Record<string, unknown>>
}[] {
  const query = attributes.kibanaSavedObjectMeta?.searchSourceJSON.query.query ?? ''
  if (query === '') return []
  const aggregations = (attributes.visState?.aggs ?? []).flatMap(({ id, type, params }) => {
    if (type === 'count') return []
    const interval = type === 'date_histogram' ? { fixed_interval: '1h' } : {}
    return [[id, { [type]: { field: params.field, ...interval } }] as const]
  })
  return [{ query, aggregations: Object.fromEntries(aggregations) }]
}

// Bundles src/ and the packages it uses into dist/: entries, and chunks that they share. A program then loads
// a few files that hold only what it can reach; each package as a whole costs the resolver 10 to 20 MiB.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '..')
const entries = ['daemon', 'reader', 'key-reader', 'host-reader', 'cli', 'cli/host-files']

/** The folder of the package that an input belongs to, as in "node_modules/zod". */
function packageOf(input: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]
}

/** Name, version and licence of a package, with the text of the licence where it brings one. */
function licenceOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    readonly name: string
    readonly version: string
    readonly license?: string
  }
  const file = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name))
  const text = file === undefined ? '' : readFileSync(join(root, folder, file), 'utf8')
  return `${manifest.name} ${manifest.version}: ${manifest.license ?? 'see below'}\n\n${text.trim()}\n`
}

rmSync(resolve(root, 'dist'), { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: entries.map((name) => `src/${name}.ts`),
  outdir: 'dist',
  outbase: 'src',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  metafile: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.12',
  // Modules, where a package has them: what nothing uses of them is left out.
  mainFields: ['module', 'main'],
  legalComments: 'none',
  logLevel: 'warning',
  // Packages in CommonJS call require for modules of Node's.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
})
const used = [...new Set(Object.keys(metafile.inputs).flatMap((input) => packageOf(input) ?? []))]
const licences = used.filter((folder) => existsSync(join(root, folder, 'package.json'))).sort()
const rule = `\n${'-'.repeat(80)}\n\n`
writeFileSync(join(root, 'dist/licences.txt'), licences.map(licenceOf).join(rule))

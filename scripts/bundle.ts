// Bundles src/ and the packages it uses into dist/: entries, and chunks that they share. A program then loads
// a few files that hold only what it can reach; each package as a whole costs the resolver 10 to 20 MiB.
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '..')
const entries = ['daemon', 'reader', 'key-reader', 'host-reader', 'cli', 'cli/host-files']

rmSync(resolve(root, 'dist'), { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: entries.map((name) => `src/${name}.ts`),
  outdir: 'dist',
  outbase: 'src',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.12',
  // Stack traces show names as they are written; licences of packages stay with their code.
  minifyWhitespace: false,
  legalComments: 'inline',
  logLevel: 'warning',
  // Packages in CommonJS call require for modules of Node's.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
})

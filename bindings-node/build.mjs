// Builds the native half with cargo and puts it beside the loader. Arguments go to cargo: `node build.mjs --release`.
//
// No package from npm: what a build tool would add (a loader, type definitions) is written by hand here and in
// native.cjs, index.d.ts.
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const { fileName } = createRequire(import.meta.url)('./platform.cjs')

const cargo = spawnSync(
  process.env.CARGO ?? 'cargo',
  ['build', '--locked', '-p', 'keywheel-node', '--lib', '--message-format', 'json-render-diagnostics', ...process.argv.slice(2)],
  { cwd: here, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
)
if (cargo.error) throw cargo.error
if (cargo.status !== 0) process.exit(cargo.status ?? 1)

const libraries = cargo.stdout
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'keywheel_node')
  .flatMap((message) => message.filenames)
  .filter((name) => /\.(so|dylib|dll)$/.test(name))
if (libraries.length !== 1) throw new Error(`cargo built ${libraries.length} libraries, not one: ${libraries}`)

// Removed first: a running process keeps the old file, which must not change under it.
rmSync(here + fileName, { force: true })
copyFileSync(libraries[0], here + fileName)
console.log(`built ${fileName}`)

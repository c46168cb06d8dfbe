'use strict'
// Puts the native library beside this file. A package brings it along; a checkout compiles it with cargo.
// KINETIK_PROFILE chooses the cargo profile (default: release), KINETIK_NODE_LIBRARY names a library that was built
// elsewhere and is taken as it is, KINETIK_FEATURES adds cargo features.

const { spawnSync } = require('node:child_process')
const { copyFileSync, existsSync, renameSync } = require('node:fs')
const { join } = require('node:path')

const target = join(__dirname, `kinetik.${process.platform}-${process.arch}.node`)
const manifest = join(__dirname, 'Cargo.toml')
const profile = process.env.KINETIK_PROFILE || 'release'
const features = process.env.KINETIK_FEATURES

function fail(text) {
  console.error(`kinetik: ${text}`)
  process.exit(1)
}

/** Compiles the library and answers with its path. */
function compile() {
  const args = ['build', '--package', 'kinetik-node', '--profile', profile]
  if (features) args.push('--features', features)
  console.error(`kinetik: cargo ${args.join(' ')} (the first time takes a few minutes)`)
  args.push('--message-format', 'json-render-diagnostics')
  const cargo = spawnSync('cargo', args, { cwd: __dirname, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 })
  if (cargo.error?.code === 'ENOENT') fail('cargo is needed to compile the library; install Rust from https://rustup.rs')
  if (cargo.error) fail(cargo.error.message)
  if (cargo.status !== 0) fail(`cargo ended with status ${cargo.status}`)
  const library = String(cargo.stdout).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
    .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'kinetik_node')
    .flatMap((message) => message.filenames)
    .find((file) => /\.(so|dylib|dll)$/.test(file))
  return library ?? fail('cargo made no library')
}

/** Copies beside the target and renames, so that a process that has the old one open keeps it. */
function place(library) {
  const fresh = `${target}.${process.pid}`
  copyFileSync(library, fresh)
  renameSync(fresh, target)
}

if (process.env.KINETIK_NODE_LIBRARY) place(process.env.KINETIK_NODE_LIBRARY)
else if (existsSync(manifest)) place(compile())
else if (!existsSync(target)) fail(`this package holds no library for ${process.platform}-${process.arch}`)

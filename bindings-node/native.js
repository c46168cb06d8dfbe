'use strict'
// The native library; everything in it is private to this package.

const { join } = require('node:path')

const name = `./kinetik.${process.platform}-${process.arch}.node`

/** Where a realm keeps it, for a package that is loaded again: napi-rs knows the classes of its last load alone. */
const KEPT = Symbol.for(`kinetik.native ${join(__dirname, name)}`)

function load() {
  try {
    return require(name)
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error
    throw new Error(`kinetik: ${name} is missing; run "npm rebuild kinetik", or "npm run build" in a checkout`, { cause: error })
  }
}

if (globalThis[KEPT] === undefined) Object.defineProperty(globalThis, KEPT, { value: load() })

module.exports = globalThis[KEPT]

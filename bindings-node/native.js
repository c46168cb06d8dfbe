'use strict'
// The native library; everything in it is private to this package.

const file = `./kinetik.${process.platform}-${process.arch}.node`

try {
  module.exports = require(file)
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error
  throw new Error(`kinetik: ${file} is missing; run "npm rebuild kinetik", or "npm run build" in a checkout`, { cause: error })
}

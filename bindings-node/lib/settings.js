'use strict'
// Options as the core's settings by name: `lingerMs: 5` is `linger_ms = 5`.

const native = require('../native.js')
const check = require('./check.js')

/** Where an object of this package keeps its native half. */
const NATIVE = Symbol('kinetik.native')

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

function text(name, value) {
  switch (typeof value) {
    case 'string':
      return value
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'number':
      if (!Number.isFinite(value)) throw check.invalid(name, 'expected a finite number')
      return String(value)
    default:
      throw check.wrongType(name, 'a string, a number or a boolean', value)
  }
}

/** Pairs of name and value; absent options are left out. */
function settings(options) {
  return Object.entries(options).filter(([, value]) => value !== undefined).map(([name, value]) => [snake(name), text(name, value)])
}

/** An endpoint: a URL, or an Engine or Server of this process. */
function endpoint(value) {
  if (value === undefined) return undefined
  if (typeof value === 'string') return native.endpoint(value)
  const found = value?.[NATIVE]?.endpoint?.()
  if (found === undefined) throw check.wrongType('endpoint', 'a URL, an Engine or a Server', value)
  return found
}

module.exports = { NATIVE, settings, endpoint }

'use strict'
// Checks of what callers pass, with errors that name the argument and what was expected of it.

const { InvalidArgumentError, InvalidTypeError } = require('../errors.js')

/** What a value is, in an error text; never the value itself. */
function kind(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? `a ${value.constructor?.name ?? 'bare object'}` : `a ${typeof value}`.replace('a undefined', 'undefined').replace('a object', 'an object')
}

function wrongType(name, expected, value) {
  return new InvalidTypeError(`InvalidType: ${name}: expected ${expected}, got ${kind(value)}`)
}

function invalid(name, problem) {
  return new InvalidArgumentError(`InvalidArgument: ${name}: ${problem}`)
}

function string(name, value) {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value)
  return value
}

/** An object of options; absent is empty. What is iterated, as a Map, holds none by name. */
function options(value, name = 'options') {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) throw wrongType(name, 'an object', value)
  return value
}

/** How many letters must be changed, added or taken away to make one name of the other. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const letter of a.slice(0, 64)) {
    const next = [row[0] + 1]
    for (let at = 0; at < b.length; at += 1) {
      next.push(Math.min(row[at] + (letter === b[at] ? 0 : 1), row[at + 1] + 1, next[at] + 1))
    }
    row = next
  }
  return row[b.length]
}

/** An object of options that have these names; absent is empty. Another name is refused as the core refuses a setting. */
function known(value, names) {
  const given = options(value)
  for (const name of Object.keys(given)) {
    if (given[name] === undefined || names.includes(name)) continue
    const [far, nearest] = names.map((one) => [distance(name, one), one]).sort(([a], [b]) => a - b)[0]
    const shown = name.slice(0, 64).replace(/[^!-~]/g, '')
    const hint = far <= nearest.length / 2 ? `; did you mean ${nearest}?` : `; there are ${names.join(', ')}`
    throw invalid('setting', `there is none named ${shown}${hint}`)
  }
  return given
}

/** true or false; absent is `absent`. */
function flag(name, value, absent) {
  if (value === undefined) return absent
  if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value)
  return value
}

/** A string; absent is `undefined`. */
function optionalString(name, value) {
  return value === undefined ? undefined : string(name, value)
}

/** A whole number of at least `least` that a double tells exactly; absent is `absent`. */
function count(name, value, absent, least = 0) {
  if (value === undefined) return absent
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!Number.isSafeInteger(value) || value < least) throw invalid(name, `expected a whole number of at least ${least}`)
  return value
}

/** The same of at most 32 bits, which is what the core has for numbers of shards and times. */
function small(name, value, absent, least = 0) {
  const counted = count(name, value, absent, least)
  if (counted >= 2 ** 32) throw invalid(name, `expected a whole number from ${least} to ${2 ** 32 - 1}`)
  return counted
}

/** Milliseconds, 0 or more; absent is `undefined`. */
function millis(name, value) {
  if (value === undefined) return undefined
  if (typeof value !== 'number') throw wrongType(name, 'a number of milliseconds', value)
  if (!(value >= 0)) throw invalid(name, 'expected a number of milliseconds, 0 or more')
  return value
}

/** A function; absent is `undefined`. */
function callback(name, value) {
  if (value !== undefined && typeof value !== 'function') throw wrongType(name, 'a function', value)
  return value
}

/** An AbortSignal; absent is `undefined`. */
function signal(value) {
  if (value !== undefined && !(value instanceof AbortSignal)) throw wrongType('signal', 'an AbortSignal', value)
  return value
}

module.exports = { string, optionalString, flag, options, known, count, small, millis, callback, signal, wrongType, invalid }

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import * as kinetik from '../index.mjs'

const require = createRequire(import.meta.url)
const native = require('../native.js')
const HOME = fileURLToPath(new URL('..', import.meta.url))
const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8')

const className = (code) => (code === 'DeliveryFailed' ? 'DeliveryError' : `${code}Error`)

test('every kind of the core has one class of its own, exported and typed', () => {
  const kinds = native.errorKinds()
  assert.ok(kinds.length >= 30)
  const classes = new Set()
  for (const { code, number, retry } of kinds) {
    const name = className(code)
    const Kind = kinetik[name]
    assert.equal(typeof Kind, 'function', `index.mjs exports ${name}`)
    assert.equal(kinetik.default[name], Kind)
    assert.match(types, new RegExp(`export class ${name} extends KinetikError`), `index.d.ts declares ${name}`)
    const error = new Kind('text')
    assert.ok(error instanceof kinetik.KinetikError && error instanceof Error)
    assert.deepEqual([error.name, error.code, error.number, error.retry, error.attempts], [name, code, number, retry, 0])
    classes.add(Kind)
  }
  assert.equal(classes.size, kinds.length)
})

test('no class is exported or typed for a kind that the core lacks', () => {
  const known = new Set(native.errorKinds().map(({ code }) => className(code)))
  for (const name of Object.keys(kinetik).filter((name) => name.endsWith('Error') && name !== 'KinetikError')) {
    assert.ok(known.has(name), name)
  }
  for (const [, name] of types.matchAll(/export class (\w+) extends KinetikError/g)) assert.ok(known.has(name), name)
})

test('an error that the core raises arrives as its class, with number and text', () => {
  assert.throws(() => native.endpoint('ftp://example.com'), (error) => {
    assert.ok(error instanceof kinetik.InvalidArgumentError)
    assert.equal(error.number, 1001)
    assert.match(error.message, /endpoint: unknown scheme/)
    return true
  })
})

test('a package that is loaded again has the same classes', () => {
  const first = new kinetik.Engine()
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(HOME)) delete require.cache[file]
  }
  const again = require('../index.js')
  assert.notEqual(again.Engine, kinetik.Engine)
  for (const engine of [first, new again.Engine()]) {
    assert.throws(() => engine.records('nowhere'), (error) => error instanceof kinetik.NotFoundError && error instanceof again.KinetikError)
  }
})

test('an error that a program makes of the base class has code, number and advice', () => {
  class Own extends kinetik.KinetikError {}
  for (const error of [new kinetik.KinetikError('text'), new Own('text', { operation: 'PutRecord' })]) {
    const { code, number, retry } = new kinetik.InternalError()
    assert.deepEqual([error.name, error.code, error.number, error.retry, error.attempts], ['KinetikError', code, number, retry, 0])
  }
})

test('the ESM and CommonJS faces are the same', () => {
  const names = Object.keys(require('../index.js')).sort()
  assert.deepEqual(Object.keys(kinetik).filter((name) => name !== 'default').sort(), names)
})

'use strict'
// One class for each kind of error, made from the list that the native library holds.

const native = require('./native.js')
const { version } = require('./package.json')

/** Where a realm keeps them, so that a package that is loaded again has the same classes. */
const KEPT = Symbol.for(`kinetik.errors ${version}`)

/** The classes whose name does not follow from the kind's. */
const NAMES = { DeliveryFailed: 'DeliveryError' }

const className = (code) => NAMES[code] ?? `${code}Error`

function make() {
  /** What every failure of kinetik is. `code`, `number` and `retry` are the contract; the text is for people. */
  class KinetikError extends Error {
    constructor(message, { cause, ...fields } = {}) {
      super(message, cause === undefined ? undefined : { cause })
      Object.assign(this, new.target.kind, { attempts: 0 }, fields)
    }
  }
  const classes = { KinetikError }
  for (const { code, number, retry, meaning } of native.errorKinds()) {
    const name = className(code)
    const Kind = { [name]: class extends KinetikError {} }[name]
    Object.defineProperty(Kind, 'kind', { value: Object.freeze({ code, number, retry }) })
    Object.defineProperty(Kind, 'meaning', { value: meaning })
    Object.defineProperty(Kind.prototype, 'name', { value: name, configurable: true })
    classes[name] = Kind
  }
  // One that a program makes by itself is of no kind that the core tells.
  Object.defineProperty(KinetikError, 'kind', { value: classes.InternalError.kind })
  Object.defineProperty(KinetikError.prototype, 'name', { value: 'KinetikError', configurable: true })
  return classes
}

if (globalThis[KEPT] === undefined) Object.defineProperty(globalThis, KEPT, { value: make() })
const classes = globalThis[KEPT]
const byNumber = new Map(native.errorKinds().map(({ code, number }) => [number, classes[className(code)]]))

native.setErrorFactory((number, message, fields) => new (byNumber.get(number) ?? classes.InternalError)(message, fields))

module.exports = classes

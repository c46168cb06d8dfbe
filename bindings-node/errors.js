'use strict'
// One class for each kind of error, made from the list that the native library holds.

const native = require('./native.js')

/** What every failure of kinetik is. `code`, `number` and `retry` are the contract; the text is for people. */
class KinetikError extends Error {
  constructor(message, { cause, ...fields } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    Object.assign(this, new.target.kind, { attempts: 0 }, fields)
  }
}

/** The classes whose name does not follow from the kind's. */
const NAMES = { DeliveryFailed: 'DeliveryError' }

const classes = { KinetikError }
const byNumber = new Map()

for (const { code, number, retry, meaning } of native.errorKinds()) {
  const name = NAMES[code] ?? `${code}Error`
  const Kind = { [name]: class extends KinetikError {} }[name]
  Object.defineProperty(Kind, 'kind', { value: Object.freeze({ code, number, retry }) })
  Object.defineProperty(Kind, 'meaning', { value: meaning })
  Object.defineProperty(Kind.prototype, 'name', { value: name, configurable: true })
  classes[name] = Kind
  byNumber.set(number, Kind)
}

native.setErrorFactory((number, message, fields) => new (byNumber.get(number) ?? classes.InternalError)(message, fields))

module.exports = classes

'use strict'
// The client: one method for each operation of the service, with the SDK's shapes.

const native = require('../native.js')
const { cancellable } = require('./cancel.js')
const check = require('./check.js')
const { endpoint, settings } = require('./settings.js')

class Client {
  #native

  constructor(options) {
    const { endpoint: where, ...rest } = check.options(options)
    this.#native = native.openClient(settings(rest), endpoint(where))
  }

  /** Calls an operation by the service's name for it, for example `PutRecord`. */
  async call(operation, input, options) {
    check.string('operation', operation)
    check.options(input, 'input')
    return cancellable(check.options(options).signal, (cancel) => this.#native.call(operation, input ?? {}, cancel))
  }
}

for (const operation of native.operations()) {
  const method = operation[0].toLowerCase() + operation.slice(1)
  const body = { [method](input, options) { return this.call(operation, input, options) } }[method]
  Object.defineProperty(Client.prototype, method, { value: body, writable: true, configurable: true })
}

const client = (options) => new Client(options)

module.exports = { Client, client }

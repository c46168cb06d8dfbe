'use strict'
// The client: one method for each operation of the service, with the SDK's shapes.

const native = require('../native.js')
const { cancellable } = require('./cancel.js')
const check = require('./check.js')
const { endpoint, settings } = require('./settings.js')

const OPTIONS = [...native.optionNames().client, 'endpoint']

/** The events of a subscription, as the SDK's EventStream gives them. */
class EventStream {
  #events

  constructor(events) {
    this.#events = events
  }

  async * [Symbol.asyncIterator]() {
    try {
      for (let event; (event = await this.#events.next());) yield { SubscribeToShardEvent: event }
    } finally {
      this.#events.close()
    }
  }
}

class Client {
  #native

  constructor(options) {
    const { endpoint: where, ...rest } = check.known(options, OPTIONS)
    this.#native = native.openClient(settings(rest), endpoint(where))
  }

  /** Calls an operation by the service's name for it, for example `PutRecord`. */
  async call(operation, input, options) {
    check.string('operation', operation)
    check.options(input, 'input')
    const answer = await cancellable(check.known(options, ['signal']).signal, (cancel) => this.#native.call(operation, input ?? {}, cancel))
    return answer instanceof native.NativeEvents ? { EventStream: new EventStream(answer) } : answer
  }
}

for (const operation of native.operations()) {
  const method = operation[0].toLowerCase() + operation.slice(1)
  const body = { [method](input, options) { return this.call(operation, input, options) } }[method]
  Object.defineProperty(Client.prototype, method, { value: body, writable: true, configurable: true })
}

const client = (options) => new Client(options)

module.exports = { Client, client }

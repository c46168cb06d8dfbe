'use strict'
// How the AWS SDK for JavaScript reaches a server that speaks HTTP/1.1: its Kinesis client would use HTTP/2.

const { Agent, request } = require('node:http')

/** A request handler as the SDK's `requestHandler` setting takes it. */
class Http1Handler {
  #agent = new Agent({ keepAlive: true })
  metadata = { handlerProtocol: 'http/1.1' }

  handle({ method, hostname, port, path, query = {}, headers, body }, { abortSignal } = {}) {
    const search = new URLSearchParams(query).toString()
    return new Promise((resolve, reject) => {
      const sent = request({ agent: this.#agent, method, hostname, port, path: search ? `${path}?${search}` : path, headers, signal: abortSignal })
      sent.on('error', reject)
      sent.on('response', (response) => {
        resolve({ response: { statusCode: response.statusCode, reason: response.statusMessage, headers: response.headers, body: response } })
      })
      sent.end(body)
    })
  }

  updateHttpClientConfig() {}

  httpHandlerConfigs() {
    return {}
  }

  destroy() {
    this.#agent.destroy()
  }
}

module.exports = { Http1Handler }

'use strict'
// The service in memory, and a server in front of it for any SDK.

const native = require('../native.js')
const check = require('./check.js')
const { NATIVE } = require('./settings.js')

const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

/** What goes wrong next, for whoever reaches an engine by an endpoint. */
class Faults {
  constructor(engine) {
    Object.defineProperty(this, NATIVE, { value: engine })
  }

  fail(operation, options) {
    const { error, message, afterCommit, ...rest } = check.options(options)
    this.#push(operation, rest, { error: check.string('error', error), message, after_commit: afterCommit })
  }

  loseAnswer(operation, options) {
    this.#push(operation, check.options(options), { lose_answer: true })
  }

  delay(operation, ms, options) {
    this.#push(operation, check.options(options), { delay_ms: check.count('ms', ms, undefined, 0) })
  }

  roundTrip(ms) {
    this[NATIVE].roundTrip(check.count('ms', ms, undefined, 0))
  }

  get waiting() {
    return this[NATIVE].waitingFaults()
  }

  clear() {
    this[NATIVE].clearFaults()
  }

  #push(operation, { stream, shard, times, ...unknown }, trouble) {
    const fault = { operation: check.string('operation', operation), stream, shard, times, ...unknown, ...trouble }
    this[NATIVE].pushFault(JSON.stringify(fault))
  }
}

/** The time that an engine goes by. */
class Clock {
  constructor(engine) {
    Object.defineProperty(this, NATIVE, { value: engine })
  }

  get now() {
    return new Date(this[NATIVE].clockNow())
  }

  get frozen() {
    return this[NATIVE].clockIsFrozen()
  }

  freeze() {
    this[NATIVE].freezeClock()
  }

  advance(ms) {
    this[NATIVE].advanceClock(check.count('ms', ms, undefined, 0))
  }

  resume() {
    this[NATIVE].resumeClock()
  }
}

class Engine {
  constructor(options) {
    const { quotas, region, [NATIVE]: made } = check.options(options)
    const value = made ?? native.newEngine(check.flag('quotas', quotas, true), check.optionalString('region', region))
    Object.defineProperty(this, NATIVE, { value })
    this.faults = new Faults(value)
    this.clock = new Clock(value)
  }

  createStream(name, shards = 1) {
    this[NATIVE].createStream(check.string('name', name), check.count('shards', shards, 1, 1))
  }

  /** Every record that a stream holds, de-aggregated, shard by shard. */
  records(stream) {
    return this[NATIVE].records(check.string('stream', stream))
  }

  /** What a stream, or one of its shards, has seen since it was made. */
  metrics(stream, shard) {
    const only = shard === undefined ? undefined : check.count('shard', shard, undefined, 0)
    return this[NATIVE].metrics(check.string('stream', stream), only)
  }

  /** All metrics of all streams and shards, as Prometheus reads them. */
  metricsText() {
    return this[NATIVE].metricsText()
  }

  reset() {
    this[NATIVE].reset()
  }
}

class Server {
  /** Use `Server.start`. */
  constructor(started) {
    if (!(started instanceof native.NativeServer)) throw check.wrongType('Server', 'a call of Server.start', started)
    Object.defineProperty(this, NATIVE, { value: started })
    this.engine = new Engine({ [NATIVE]: started.engine() })
    this.faults = this.engine.faults
    this.clock = this.engine.clock
    this.endpoint = started.url()
  }

  static async start(options) {
    const { streams = {}, host, port, quotas, region } = check.options(options)
    check.options(streams, 'streams')
    const server = new Server(native.startServer(
      check.optionalString('host', host), check.count('port', port), check.flag('quotas', quotas, true), check.optionalString('region', region)))
    try {
      for (const [name, shards] of Object.entries(streams)) server.engine.createStream(name, shards)
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  /** What `new KinesisClient(…)` of @aws-sdk/client-kinesis needs to reach this server. */
  clientConfig() {
    return {
      endpoint: this.endpoint,
      region: this[NATIVE].region(),
      credentials: { accessKeyId: 'kinetik', secretAccessKey: 'kinetik' },
    }
  }

  records(stream) {
    return this.engine.records(stream)
  }

  async reset() {
    this.engine.reset()
  }

  async stop() {
    this[NATIVE].stop()
  }

  async [asyncDispose]() {
    await this.stop()
  }
}

module.exports = { Engine, Server }

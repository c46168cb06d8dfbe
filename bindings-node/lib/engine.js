'use strict'
// The service in memory, and a server in front of it for any SDK.

const { isMap } = require('node:util/types')

const native = require('../native.js')
const check = require('./check.js')
const { NATIVE, settings } = require('./settings.js')

const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

const SETTINGS = native.optionNames().engine

/** Whole milliseconds, which must be said. */
function milliseconds(value) {
  if (value === undefined) throw check.wrongType('ms', 'a number', value)
  return check.count('ms', value)
}

/** Which calls a fault strikes. */
const STRUCK = ['stream', 'shard', 'times']

/** What goes wrong next, for whoever reaches an engine by an endpoint. */
class Faults {
  constructor(engine) {
    Object.defineProperty(this, NATIVE, { value: engine })
  }

  fail(operation, options) {
    const { error, message, afterCommit, ...struck } = check.known(options, [...STRUCK, 'error', 'message', 'afterCommit'])
    this.#push(operation, struck, {
      error: check.string('error', error),
      message: check.optionalString('message', message),
      after_commit: check.flag('afterCommit', afterCommit),
    })
  }

  loseAnswer(operation, options) {
    this.#push(operation, check.known(options, STRUCK), { lose_answer: true })
  }

  delay(operation, ms, options) {
    this.#push(operation, check.known(options, STRUCK), { delay_ms: milliseconds(ms) })
  }

  roundTrip(ms) {
    this[NATIVE].roundTrip(milliseconds(ms))
  }

  get waiting() {
    return this[NATIVE].waitingFaults()
  }

  clear() {
    this[NATIVE].clearFaults()
  }

  #push(operation, { stream, shard, times }, trouble) {
    this[NATIVE].pushFault(JSON.stringify({
      operation: check.string('operation', operation),
      stream: check.optionalString('stream', stream),
      shard: check.small('shard', shard),
      times: check.small('times', times),
      ...trouble,
    }))
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
    this[NATIVE].advanceClock(milliseconds(ms))
  }

  resume() {
    this[NATIVE].resumeClock()
  }
}

class Engine {
  constructor(options) {
    const given = check.known(options, SETTINGS)
    const value = given[NATIVE] ?? native.newEngine(settings(given))
    Object.defineProperty(this, NATIVE, { value })
    this.faults = new Faults(value)
    this.clock = new Clock(value)
  }

  /** The engine that the endpoint `memory://NAME` means in this process. */
  static named(name = 'default') {
    return new Engine({ [NATIVE]: native.namedEngine(check.string('name', name)) })
  }

  get quotas() {
    return this[NATIVE].quotas()
  }

  set quotas(on) {
    if (on === undefined) throw check.wrongType('quotas', 'true or false', on)
    this[NATIVE].setQuotas(check.flag('quotas', on))
  }

  get memoryUsed() {
    return this[NATIVE].memoryUsed()
  }

  createStream(name, shards = 1) {
    this[NATIVE].createStream(check.string('name', name), check.small('shards', shards, 1, 1))
  }

  /** Every record that a stream holds, de-aggregated, shard by shard. */
  records(stream) {
    return this[NATIVE].records(check.string('stream', stream))
  }

  /** What a stream, or one of its shards, has seen since it was made. */
  metrics(stream, shard) {
    return this[NATIVE].metrics(check.string('stream', stream), check.small('shard', shard))
  }

  /** All metrics of all streams and shards, as Prometheus reads them. */
  metricsText() {
    return this[NATIVE].metricsText()
  }

  reset() {
    this[NATIVE].reset()
  }
}

/** The engine that a server is to be in front of. */
function behind(engine, rest) {
  if (engine === undefined) return new Engine(rest)[NATIVE]
  if (!(engine instanceof Engine)) throw check.wrongType('engine', 'an Engine', engine)
  const extra = SETTINGS.find((name) => rest[name] !== undefined)
  if (extra !== undefined) throw check.invalid('engine', `it has its settings already; expected no ${extra} with it`)
  return engine[NATIVE]
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
    const { streams = {}, host, port, engine, ...rest } = check.known(options, ['streams', 'host', 'port', 'engine', ...SETTINGS])
    const toMake = isMap(streams) ? [...streams] : Object.entries(check.options(streams, 'streams'))
    const server = new Server(native.startServer(check.optionalString('host', host), check.count('port', port), behind(engine, rest)))
    try {
      for (const [name, shards] of toMake) server.engine.createStream(name, shards)
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

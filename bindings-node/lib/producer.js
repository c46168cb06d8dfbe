'use strict'
// The producer: hot calls are native functions, everything else is a promise.

const { Writable } = require('node:stream')

const { BufferFullError, DeliveryError, FlushTimeoutError } = require('../errors.js')
const native = require('../native.js')
const { abandonable, cancellable, cancelled } = require('./cancel.js')
const check = require('./check.js')
const { endpoint, settings } = require('./settings.js')
require('./exit.js')

const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

/** Milliseconds; the core's default of this setting. */
const FLUSH_TIMEOUT = 30_000

const PUT_NEVER_WAITS = 'put never waits in Node: await ready() where it answers false'

/** Settings of the core that mean nothing here, and what there is instead. */
const ELSEWHERE = {
  reports: 'Node has no reports to choose: outcomes are the promises of putAndWait, failures come to onFailure or with the error of flush and close',
  pollMode: 'Node sends beside its event loop; there is no call of poll to do it in',
  putTimeout: PUT_NEVER_WAITS,
  putTimeoutMs: PUT_NEVER_WAITS,
}

const OPTIONS = [...native.optionNames().producer.filter((name) => ELSEWHERE[name] === undefined), 'onFailure', 'signal']

class Producer {
  #native
  #putAndWait
  #failures
  #flushTimeout

  /** Use `Producer.open`. */
  constructor(opened, failures, flushTimeout) {
    if (!(opened instanceof native.NativeProducer)) throw check.wrongType('Producer', 'a call of Producer.open', opened)
    this.#native = opened
    this.#failures = failures
    failures.producer = opened
    this.#flushTimeout = flushTimeout
    const { put, putMany, putAndWait } = opened.functions()
    this.#putAndWait = putAndWait
    Object.defineProperties(this, { put: { value: put, enumerable: true }, putMany: { value: putMany, enumerable: true } })
  }

  static async open(stream, options) {
    const elsewhere = Object.keys(ELSEWHERE).find((name) => check.options(options)[name] !== undefined)
    if (elsewhere !== undefined) throw check.invalid(elsewhere, ELSEWHERE[elsewhere])
    const { endpoint: where, onFailure, signal, ...rest } = check.known(options, OPTIONS)
    check.string('stream', stream)
    // Null says as little as nothing.
    if (rest.aggregate === null) delete rest.aggregate
    const failures = new Failures(check.callback('onFailure', onFailure))
    return cancellable(signal, async (cancel) =>
      new Producer(await native.openProducer(stream, settings(rest), endpoint(where), failures.taker, cancel), failures, Number(rest.flushTimeoutMs ?? FLUSH_TIMEOUT)))
  }

  async putAndWait(key, data, options) {
    const { signal, explicitHashKey } = check.known(options, ['signal', 'explicitHashKey'])
    if (check.signal(signal) === undefined) return this.#putAndWait(key, data, options)
    if (signal.aborted) throw cancelled(signal)
    // Nothing of the caller's runs between these two: the hash key was read above.
    const waiting = this.#putAndWait(key, data, explicitHashKey === undefined ? undefined : { explicitHashKey })
    const number = this.#native.lastWait()
    return abandonable(signal, waiting, () => this.#native.abandon(number))
  }

  async ready(options) {
    return cancellable(check.known(options, ['signal']).signal, (cancel) => this.#native.ready(cancel))
  }

  writable() {
    return new Writable({
      objectMode: true,
      write: (record, _encoding, done) => this.#write(record).then(() => done(), done),
      writev: (chunks, done) => this.#writeAll(chunks).then(() => done(), done),
      final: (done) => this.flush().then(() => done(), done),
    })
  }

  async #writeAll(chunks) {
    for (const { chunk } of chunks) await this.#write(chunk)
  }

  /** Puts one `{ key, data, explicitHashKey }`, waiting for room before and after it. */
  async #write(record) {
    const { key, data, explicitHashKey } = check.options(record, 'record')
    const options = explicitHashKey === undefined ? undefined : { explicitHashKey }
    for (;;) {
      try {
        if (!this.put(key, data, options)) await this.ready()
        return
      } catch (error) {
        if (!(error instanceof BufferFullError)) throw error
        await this.ready()
      }
    }
  }

  async flush(options) {
    return this.#ending(options, (timeout) => this.#native.flush(timeout))
  }

  async resume(key) {
    if (key !== undefined) check.string('key', key)
    return this.#native.resume(key)
  }

  async close(options) {
    await this.#ending(options, (timeout) => this.#native.close(timeout), () => this.#native.takeLeftover())
    return this.ledger
  }

  /** Flushes or closes, and gives an error the records that it is about: `leftover` takes those that close left behind, whatever kept it. */
  async #ending(options, end, leftover) {
    const { timeoutMs } = check.known(options, ['timeoutMs'])
    const limit = check.millis('timeoutMs', timeoutMs) ?? this.#flushTimeout
    const began = performance.now()
    let error = await reasonOf(end(timeoutMs))
    if (this.#native.handedOver()) {
      // The failures of aborted waits came meanwhile. A flush waits for onFailure, even that of a closed producer.
      const late = await reasonOf(this.#native.flush(Math.max(limit - (performance.now() - began), 0)))
      if (late instanceof FlushTimeoutError) error ??= late
    }
    if (error instanceof FlushTimeoutError && this.#failures.isAtWork && this.ledger.pending.records === 0) {
      error = new FlushTimeoutError(`FlushTimeout: after ${limit / 1e3} s onFailure has not ended`)
    }
    if (leftover) this.#failures.close()
    // An earlier flush counted them, when the callback was still at work.
    if (this.#failures.cameBack) error ??= new DeliveryError('DeliveryFailed: records failed before the last flush, and nobody took their failures')
    if (error === undefined) return
    if (leftover || error instanceof DeliveryError || error instanceof FlushTimeoutError) {
      error.ledger = this.ledger
      error.pending = error.ledger.pending.records
      error.failures = this.takeFailures()
      error.leftover = leftover?.() ?? []
    }
    throw error
  }

  takeFailures() {
    this.#failures.cameBack = false
    return this.#native.takeFailures()
  }

  get ledger() {
    return this.#native.ledger()
  }

  /** What was counted since it was opened, by KPL's names. */
  get metrics() {
    return JSON.parse(this.#native.metricsText('json'))
  }

  metricsText(format) {
    return this.#native.metricsText(check.string('format', format))
  }

  /** How evenly the records spread. */
  get skew() {
    return JSON.parse(this.#native.skew())
  }

  async [asyncDispose]() {
    await this.close()
  }
}

/** The caller's onFailure. Where it throws, or its promise rejects, that is a warning, and the producer has its batch again. */
class Failures {
  /** The native producer, once there is one. */
  producer
  /** Whether a batch came back since failures were taken. */
  cameBack = false
  /** Whether a call has not ended, by its promise if it answered with one. */
  isAtWork = false
  #isClosed = false

  constructor(callback) {
    this.taker = callback && ((failures) => this.#hand(callback, failures))
  }

  #hand(callback, failures) {
    this.isAtWork = true
    const refused = (error) => {
      this.#end(false)
      this.cameBack = true
      process.emitWarning(`kinetik: onFailure threw: ${shown(error)}`, 'KinetikWarning')
    }
    try {
      const answer = callback(failures)
      if (typeof answer?.then === 'function') Promise.resolve(answer).then(() => this.#end(true), refused)
      else this.#end(true)
    } catch (error) {
      refused(error)
    }
  }

  #end(isTaken) {
    this.isAtWork = false
    this.producer.offerEnded(isTaken)
    if (this.#isClosed) this.close()
  }

  /** Lets go of the callback, which may hold the producer, once it is not at work. */
  close() {
    this.#isClosed = true
    if (!this.isAtWork) this.producer.endOffers()
  }
}

/** What a promise rejects with; `undefined` where it does not. */
function reasonOf(promise) {
  return promise.then(() => undefined, (reason) => reason)
}

/** What was thrown, which may be anything. */
function shown(error) {
  try {
    return String(error?.stack ?? error)
  } catch {
    return 'a value that cannot be shown'
  }
}

module.exports = { Producer }

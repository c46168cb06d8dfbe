'use strict'
// The producer: hot calls are native functions, everything else is a promise.

const { Writable } = require('node:stream')

const { BufferFullError, DeliveryError, FlushTimeoutError } = require('../errors.js')
const native = require('../native.js')
const { abandonable, cancellable } = require('./cancel.js')
const check = require('./check.js')
const { endpoint, settings } = require('./settings.js')

const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

process.once('exit', () => {
  const left = native.flushAtExit()
  if (left > 0) console.error(`kinetik: ${left} records were not delivered before the program ended; await close() to be sure`)
})

class Producer {
  #native
  #putAndWait
  /** Failures whose callback threw. */
  #kept

  /** Use `Producer.open`. */
  constructor(opened, kept) {
    if (!(opened instanceof native.NativeProducer)) throw check.wrongType('Producer', 'a call of Producer.open', opened)
    this.#native = opened
    this.#kept = kept
    const { put, putMany, putAndWait } = opened.functions()
    this.#putAndWait = putAndWait
    Object.defineProperties(this, { put: { value: put, enumerable: true }, putMany: { value: putMany, enumerable: true } })
  }

  static async open(stream, options) {
    const { endpoint: where, onFailure, signal, ...rest } = check.options(options)
    check.string('stream', stream)
    const failed = check.callback('onFailure', onFailure)
    const kept = []
    return cancellable(signal, async (cancel) =>
      new Producer(await native.openProducer(stream, settings(rest), endpoint(where), failed && guarded(failed, kept), cancel), kept))
  }

  async putAndWait(key, data, options) {
    const { signal } = check.options(options)
    if (check.signal(signal)?.aborted) return abandonable(signal, new Promise(() => {}))
    return abandonable(signal, this.#putAndWait(key, data, options))
  }

  async ready(options) {
    return cancellable(check.options(options).signal, (cancel) => this.#native.ready(cancel))
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
    const timeout = check.millis('timeoutMs', check.options(options).timeoutMs)
    return this.#ending(this.#native.flush(timeout))
  }

  async resume(key) {
    if (key !== undefined) check.string('key', key)
    return this.#native.resume(key)
  }

  async close(options) {
    const timeout = check.millis('timeoutMs', check.options(options).timeoutMs)
    await this.#ending(this.#native.close(timeout))
    return this.ledger
  }

  /** Gives an error of flush or close the records that it is about. */
  async #ending(promise) {
    try {
      await promise
    } catch (error) {
      if (error instanceof DeliveryError || error instanceof FlushTimeoutError) {
        error.ledger = this.ledger
        error.pending = error.ledger.pending.records
        error.failures = [...this.#kept.splice(0), ...this.#native.takeFailures()]
        if (error instanceof FlushTimeoutError) error.leftover = this.#native.takeLeftover()
      }
      throw error
    }
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

/** A callback that may throw: its exception becomes a warning, and what it was given is kept. */
function guarded(callback, kept) {
  return (failures) => {
    try {
      callback(failures)
    } catch (error) {
      kept.push(...failures)
      process.emitWarning(`kinetik: onFailure threw: ${error?.stack ?? error}`, 'KinetikWarning')
    }
  }
}

module.exports = { Producer }

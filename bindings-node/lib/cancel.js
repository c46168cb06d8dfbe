'use strict'
// How an AbortSignal reaches work that runs outside of JavaScript.

const { CancelledError } = require('../errors.js')
const native = require('../native.js')
const check = require('./check.js')

/** What an aborted call rejects with; the signal's reason is its cause. */
function cancelled(signal) {
  return new CancelledError('Cancelled: the signal was aborted', { cause: signal.reason })
}

/** Runs `start(cancel)` and cancels it when the signal is aborted. */
async function cancellable(signal, start) {
  if (check.signal(signal) === undefined) return start(undefined)
  if (signal.aborted) throw cancelled(signal)
  const cancel = new native.Cancel()
  const abort = () => cancel.fire()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await start(cancel)
  } catch (error) {
    throw error instanceof CancelledError && signal.aborted ? cancelled(signal) : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Stops waiting for a promise when the signal is aborted, unless `abandon` says that it has its outcome; what it stands for goes on. */
function abandonable(signal, promise, abandon) {
  return new Promise((resolve, reject) => {
    const abort = () => { if (abandon()) reject(cancelled(signal)) }
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

module.exports = { cancellable, abandonable, cancelled }

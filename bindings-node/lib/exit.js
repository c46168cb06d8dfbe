'use strict'
// The end of the program: what was only put is flushed, and what is left is told.

const native = require('../native.js')

/** Marks the listener of 'exit' that goes last, by the folder of its package: it makes way for no other copy's. */
const LAST = Symbol.for('kinetik.exit')

let told = 0

function flush(isLast) {
  const left = native.flushAtExit(isLast)
  if (left > told) console.error(`kinetik: ${left} records were not delivered before the program ended; await close() to be sure`)
  told = left
}

const first = () => flush(false)
const last = Object.assign(() => flush(true), { [LAST]: __dirname })

/** Flushes twice: first, because a listener of the program may end it at once; and behind all listeners, which may put. */
function watch() {
  process.once('exit', first)
  process.once('exit', last)
  let isMoving = false
  process.on('newListener', (event, listener) => {
    if (event !== 'exit' || listener[LAST] !== undefined || isMoving) return
    isMoving = true
    // The new one is added after this call.
    queueMicrotask(() => {
      isMoving = false
      process.removeListener('exit', last)
      process.once('exit', last)
    })
  })
}

// The package may be loaded again, as Jest does; the native library is the same.
if (!process.listeners('exit').some((listener) => listener[LAST] === __dirname)) watch()

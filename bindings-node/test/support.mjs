// What several tests share.

import { Engine, Producer } from '../index.mjs'

/** Gives a resource that is disposed of when the test ends. */
export function disposed(t, resource) {
  t.after(() => resource[Symbol.asyncDispose]())
  return resource
}

/** An engine without quotas that has a stream. */
export function engineWith(stream = 'orders', shards = 2) {
  const engine = new Engine({ quotas: false })
  engine.createStream(stream, shards)
  return engine
}

/** A producer of that stream, which aggregates. */
export const open = (engine, options) => Producer.open('orders', { aggregate: true, endpoint: engine, ...options })

/** Resolves when the event loop has turned once. */
export const turn = () => new Promise(setImmediate)

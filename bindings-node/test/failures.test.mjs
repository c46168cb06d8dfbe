// What becomes of records that were not delivered: onFailure, takeFailures, and the errors of waits, flush and close.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import {
  BufferFullError, CancelledError, DeliveryError, FlushTimeoutError, InternalError, KinetikError,
} from '../index.mjs'
import { engineWith, open, turn } from './support.mjs'

test('records that cannot be delivered come to onFailure in batches, with their payloads', async () => {
  const engine = engineWith()
  const failed = []
  let all
  const told = new Promise((resolve) => { all = resolve })
  const onFailure = (failures) => { if (failed.push(...failures) === 100) all() }
  const producer = await open(engine, { deadlineMs: 300, lingerMs: 1, onFailure })
  engine.reset()
  for (let index = 0; index < 100; index += 1) producer.put(`k${index}`, Buffer.from(String(index)))
  await producer.flush().catch(() => {})
  await producer.close().catch(() => {})
  await told
  assert.deepEqual(failed.map(({ key }) => key).sort(), Array.from({ length: 100 }, (_, index) => `k${index}`).sort())
  for (const { key, data, error, persisted } of failed) {
    assert.equal(`k${data}`, key)
    assert.ok(error instanceof KinetikError)
    assert.match(persisted, /^(no|maybe)$/)
  }
  const { accepted, delivered, failed: lost, pending } = producer.ledger
  assert.deepEqual([accepted.records, delivered.records, lost.records, pending.records], [100, 0, 100, 0])
})

const keysOf = (failures) => failures.map(({ key }) => key).sort()

/** A producer whose records fail, and the calls of its onFailure, each with its batch and the ends of its promise. */
async function failing(options = {}) {
  const engine = engineWith()
  const calls = []
  const onFailure = (failures) => new Promise((resolve, reject) => { calls.push({ failures, resolve, reject }) })
  const producer = await open(engine, { deadlineMs: 100, lingerMs: 1, onFailure, ...options })
  engine.reset()
  return { producer, calls }
}

/** Ends the calls of onFailure as they come, until `promise` has settled; what it comes to. */
async function ending(calls, promise, end) {
  let isSettled = false
  const outcome = promise.catch((error) => error).finally(() => { isSettled = true })
  for (let next = 0; !isSettled; await turn()) {
    for (; next < calls.length; next += 1) end(calls[next])
  }
  return outcome
}

/** Puts a record when there is room for it. */
async function putWhenItFits(producer, key) {
  for (;;) {
    try {
      return producer.put(key, Buffer.from('x'))
    } catch (error) {
      if (!(error instanceof BufferFullError)) throw error
      await turn()
    }
  }
}

test('the failure of an aborted wait goes to onFailure, which flush and close wait for', async () => {
  for (const end of ['flush', 'close']) {
    const { producer, calls } = await failing({ deadlineMs: 200 })
    const controller = new AbortController()
    const waits = ['a', 'b'].map((key) => producer.putAndWait(key, Buffer.from(`of ${key}`), { signal: controller.signal }))
    const other = new AbortController()
    const awaited = producer.putAndWait('c', Buffer.from('of c'), { signal: other.signal })
    awaited.catch(() => {})
    controller.abort()
    await Promise.all(waits.map((wait) => assert.rejects(wait, CancelledError)))
    let isEnded = false
    const ended = producer[end]().finally(() => { isEnded = true })
    ended.catch(() => {})
    while (calls.length === 0) await turn()
    for (let turns = 0; turns < 20; turns += 1) await turn()
    assert.equal(isEnded, false)
    const error = await ending(calls, ended, ({ resolve }) => resolve())
    assert.ok(error instanceof DeliveryError, `${error}`)
    assert.deepEqual(error.failures, [])
    const failures = calls.flatMap((call) => call.failures)
    assert.deepEqual(failures.map(({ key, data }) => `${key} ${data}`).sort(), ['a of a', 'b of b'])
    assert.ok(failures.every(({ attempts, persisted }) => attempts > 0 && persisted === 'no'))
    await assert.rejects(awaited, (reason) => reason instanceof KinetikError && !(reason instanceof CancelledError))
    await producer.close()
  }
})

test('the failure of an aborted wait that onFailure does not take holds room until it is taken', async () => {
  const refuse = () => { throw new Error('no') }
  for (const onFailure of [undefined, refuse]) {
    const { producer } = await failing({ onFailure, bufferRecords: 1 })
    const controller = new AbortController()
    const wait = producer.putAndWait('a', Buffer.from('x'), { signal: controller.signal, explicitHashKey: 7n })
    controller.abort()
    await assert.rejects(wait, CancelledError)
    while (producer.ledger.pending.records > 0) await turn()
    await turn()
    assert.throws(() => producer.put('b', Buffer.from('y')), BufferFullError)
    await assert.rejects(producer.close(), (error) => {
      assert.ok(error instanceof DeliveryError, `${error?.stack}`)
      assert.deepEqual(error.failures.map(({ key, data, explicitHashKey }) => [key, `${data}`, explicitHashKey]), [['a', 'x', 7n]])
      return true
    })
    await producer.close()
  }
})

test('a wait that is aborted when its outcome is there has that outcome', async () => {
  const controller = new AbortController()
  const failed = []
  // It is called on the event loop between the failure of the wait and those who wait for it.
  const onFailure = (failures) => { failed.push(...failures); controller.abort() }
  const { producer } = await failing({ onFailure })
  const abandoned = new AbortController()
  const waits = [producer.putAndWait('a', Buffer.from('x'), { signal: controller.signal }), producer.putAndWait('b', Buffer.from('y'), { signal: abandoned.signal })]
  abandoned.abort()
  const [a, b] = await Promise.all(waits.map((wait) => wait.catch((error) => error)))
  assert.ok(b instanceof CancelledError)
  await producer.close().catch(() => {})
  // Each failure is told once: to the one who waits, or to onFailure.
  assert.deepEqual(keysOf(failed), a instanceof CancelledError ? ['a', 'b'] : ['b'])
  if (!(a instanceof CancelledError)) assert.equal(a.failure.key, 'a')
})

test('a failed wait says whether the record may be stored', async () => {
  for (const [fault, persisted] of [[{ error: 'InternalFailure', afterCommit: true }, 'maybe'], [{ error: 'ProvisionedThroughputExceededException' }, 'no']]) {
    const engine = engineWith()
    engine.faults.fail('PutRecords', { ...fault, times: 1_000 })
    const producer = await open(engine, { deadlineMs: 300, lingerMs: 1 })
    await assert.rejects(producer.putAndWait('k', Buffer.from('x'), { explicitHashKey: 7n }), (error) => {
      const { failure } = error
      assert.deepEqual([failure.key, `${failure.data}`, failure.explicitHashKey, failure.persisted], ['k', 'x', 7n, persisted])
      assert.equal(failure.error, error)
      assert.ok(failure.attempts >= 1 && failure.failedAttempts.length >= 1)
      assert.ok(failure.failedAttempts.every(({ sentAt, tookMs, error: { code } }) => sentAt instanceof Date && tookMs >= 0 && code))
      return true
    })
    engine.faults.clear()
    // What was not taken has none.
    await assert.rejects(producer.putAndWait('', Buffer.from('x')), (error) => error.failure === undefined)
    await producer.close().catch(() => {})
  }
})

test('a wait whose record close left behind says whether it may be stored', async () => {
  const engine = engineWith()
  engine.faults.delay('PutRecords', 60_000, { times: 10 })
  const taken = []
  const producer = await open(engine, { lingerMs: 0, onFailure: (failures) => taken.push(...failures) })
  const controller = new AbortController()
  const waits = ['a', 'b'].map((key) => producer.putAndWait(key, Buffer.from('x'), { signal: new AbortController().signal }))
  const aborted = producer.putAndWait('c', Buffer.from('x'), { signal: controller.signal })
  controller.abort()
  const closed = producer.close({ timeoutMs: 200 })
  const [error, ...reasons] = await Promise.all([closed, ...waits, aborted].map((one) => one.catch((reason) => reason)))
  assert.ok(error instanceof FlushTimeoutError && reasons[2] instanceof CancelledError)
  assert.deepEqual(keysOf(error.leftover), ['a', 'b', 'c'])
  assert.deepEqual(reasons.slice(0, 2).map(({ failure }) => `${failure.key} ${failure.persisted}`), ['a maybe', 'b maybe'])
  // Given back once.
  assert.deepEqual([taken, error.failures], [[], []])
})

test('whatever close fails with carries what is left', async (t) => {
  const { NativeProducer } = createRequire(import.meta.url)('../native.js')
  const { close } = NativeProducer.prototype
  t.after(() => { NativeProducer.prototype.close = close })
  // As when the sender has died.
  NativeProducer.prototype.close = function () {
    return close.call(this, 0).catch(() => { throw new InternalError('the sender ended') })
  }
  const engine = engineWith()
  engine.faults.delay('PutRecords', 60_000, { times: 10 })
  const producer = await open(engine)
  producer.put('a', Buffer.from('x'))
  await assert.rejects(producer.close(), (error) => {
    assert.ok(error instanceof InternalError, `${error?.stack}`)
    assert.deepEqual(error.leftover.map(({ key, data }) => `${key} ${data}`), ['a x'])
    assert.deepEqual([error.failures, error.pending, error.ledger.accepted.records], [[], 1, 1])
    return true
  })
})

test('records of an onFailure whose promise rejects come with the error of flush, and nothing is unhandled', async (t) => {
  const unhandled = []
  const note = (reason) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const warned = once(process, 'warning')
  const { producer, calls } = await failing()
  for (const key of ['a', 'b']) producer.put(key, Buffer.from(`of ${key}`))
  // What it does to its batch is its own affair.
  const error = await ending(calls, producer.flush(), ({ failures, reject }) => { failures.length = 0; reject(new Error('in the promise')) })
  assert.ok(error instanceof DeliveryError, `${error}`)
  assert.deepEqual(error.failures.map(({ key, data }) => `${key} ${data}`).sort(), ['a of a', 'b of b'])
  assert.match((await warned)[0].message, /onFailure threw: Error: in the promise/)
  await producer.close()
  await turn()
  assert.deepEqual(unhandled, [])
})

test('flush and close wait for the promise of onFailure, which then counts as taken', async () => {
  const { producer, calls } = await failing()
  producer.put('a', Buffer.from('x'))
  let ended = false
  const flushed = producer.flush().catch((error) => error).finally(() => { ended = true })
  while (calls.length === 0) await turn()
  for (let turns = 0; turns < 20; turns += 1) await turn()
  assert.equal(ended, false)
  calls[0].resolve()
  const error = await flushed
  assert.ok(error instanceof DeliveryError)
  assert.deepEqual(error.failures, [])
  await producer.close()
})

test('a rejection that comes after a flush gave up waiting is told by the next flush or close', async () => {
  const { producer, calls } = await failing({ flushTimeoutMs: 1_500 })
  producer.put('a', Buffer.from('x'))
  for (const options of [undefined, { timeoutMs: 20 }]) {
    await assert.rejects(producer.flush(options), (error) => {
      assert.ok(error instanceof FlushTimeoutError && /onFailure has not ended/.test(error.message), `${error?.stack}`)
      assert.deepEqual([error.pending, error.failures], [0, []])
      return true
    })
  }
  calls[0].reject(undefined)
  await assert.rejects(producer.close(), (error) => {
    assert.ok(error instanceof DeliveryError, `${error?.stack}`)
    assert.deepEqual([keysOf(error.failures), error.pending], [['a'], 0])
    return true
  })
  await producer.close()
})

test('a batch holds its room until the promise of onFailure settles', async () => {
  const { producer, calls } = await failing({ bufferRecords: 1 })
  producer.put('a', Buffer.from('x'))
  while (calls.length === 0) await turn()
  for (let turns = 0; turns < 20; turns += 1) await turn()
  assert.throws(() => producer.put('b', Buffer.from('y')), BufferFullError)
  calls[0].resolve()
  await putWhenItFits(producer, 'b')
  await ending(calls, producer.close(), ({ resolve }) => resolve())
  assert.deepEqual(calls.map(({ failures }) => keysOf(failures)), [['a'], ['b']])
})

test('a batch holds its room while onFailure is called', async () => {
  const errors = []
  const { producer } = await failing({
    bufferRecords: 1,
    onFailure([{ key }]) {
      try { producer.put('b', Buffer.from('y')) } catch (error) { errors.push(error) }
      assert.equal(key, 'a')
    },
  })
  producer.put('a', Buffer.from('x'))
  await assert.rejects(producer.flush(), DeliveryError)
  assert.deepEqual(errors.map(({ code }) => code), ['BufferFull'])
  await putWhenItFits(producer, 'a')
  await assert.rejects(producer.close(), DeliveryError)
})

test('the failure of an aborted wait holds its room until the promise of onFailure settles', async () => {
  const { producer, calls } = await failing({ bufferRecords: 1 })
  const controller = new AbortController()
  const wait = producer.putAndWait('a', Buffer.from('x'), { signal: controller.signal })
  controller.abort()
  await assert.rejects(wait, CancelledError)
  while (calls.length === 0) await turn()
  assert.throws(() => producer.put('b', Buffer.from('y')), BufferFullError)
  calls[0].resolve()
  await putWhenItFits(producer, 'b')
  await ending(calls, producer.close(), ({ resolve }) => resolve())
})

test('onFailure has one batch at a time, and those that wait can be taken', async () => {
  const { producer, calls } = await failing()
  producer.put('a', Buffer.from('x'))
  while (calls.length === 0) await turn()
  producer.put('b', Buffer.from('x'))
  while (producer.ledger.failed.records < 2) await turn()
  for (let turns = 0; turns < 20; turns += 1) await turn()
  assert.equal(calls.length, 1)
  assert.deepEqual(keysOf(producer.takeFailures()), ['b'])
  producer.put('c', Buffer.from('x'))
  await ending(calls, producer.close(), ({ resolve }) => resolve())
  assert.deepEqual(calls.flatMap(({ failures }) => keysOf(failures)), ['a', 'c'])
})

test('what onFailure is at when close gives up it may finish, and what it refuses then is kept', async () => {
  const { producer, calls } = await failing()
  producer.put('a', Buffer.from('x'))
  while (calls.length === 0) await turn()
  producer.put('b', Buffer.from('x'))
  while (producer.ledger.failed.records < 2) await turn()
  await assert.rejects(producer.close({ timeoutMs: 20 }), (error) => {
    assert.ok(error instanceof FlushTimeoutError, `${error?.stack}`)
    assert.deepEqual([keysOf(error.failures), error.leftover], [['b'], []])
    return true
  })
  calls[0].reject(new Error('too late'))
  await assert.rejects(producer.close(), (error) => error instanceof DeliveryError && keysOf(error.failures).join() === 'a')
  await producer.close()
  assert.equal(calls.length, 1)
})

test('what onFailure refused holds its room until it is taken', async () => {
  let isCalled = false
  const { producer } = await failing({ bufferRecords: 1, onFailure() { isCalled = true; throw new Error('no') } })
  producer.put('a', Buffer.from('x'))
  while (!isCalled) await turn()
  assert.throws(() => producer.put('b', Buffer.from('y')), BufferFullError)
  const [{ key, data, error, attempts }, ...rest] = producer.takeFailures()
  assert.deepEqual([key, `${data}`, rest], ['a', 'x', []])
  assert.ok(error instanceof KinetikError && attempts > 0)
  assert.deepEqual(producer.takeFailures(), [])
  await putWhenItFits(producer, 'b')
  await assert.rejects(producer.close(), (error) => error instanceof DeliveryError && keysOf(error.failures).join() === 'b')
})

test('whatever onFailure throws or answers, its records are not lost', async () => {
  const bare = Object.create(null)
  const wrong = [
    () => { throw Symbol('s') }, () => { throw undefined }, () => { throw bare }, async () => { throw bare },
    () => ({ then() { throw new Error('then') } }), () => ({ get then() { throw new Error('getter') } }),
  ]
  for (const onFailure of wrong) {
    const { producer } = await failing({ onFailure })
    producer.put('a', Buffer.from('x'))
    await assert.rejects(producer.close(), (error) => error instanceof DeliveryError && keysOf(error.failures).join() === 'a', `${onFailure}`)
  }
  for (const onFailure of [() => 7, () => ({ then: 7 }), async () => 7]) {
    const { producer } = await failing({ onFailure })
    producer.put('a', Buffer.from('x'))
    await assert.rejects(producer.close(), (error) => error instanceof DeliveryError && error.failures.length === 0)
  }
})

test('flush tells of failures that nobody took and gives the records back', async () => {
  const engine = engineWith()
  const producer = await open(engine, { deadlineMs: 300, lingerMs: 1 })
  engine.reset()
  producer.put('k', Buffer.from('lost'))
  await assert.rejects(producer.flush(), (error) => {
    assert.ok(error instanceof DeliveryError, `${error.stack}`)
    assert.deepEqual(error.failures.map(({ key, data }) => [key, String(data)]), [['k', 'lost']])
    assert.equal(error.ledger.failed.records, 1)
    assert.equal(error.pending, 0)
    return true
  })
  await producer.close().catch(() => {})
})

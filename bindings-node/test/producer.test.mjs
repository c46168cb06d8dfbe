import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import {
  AccessDeniedError, BufferFullError, CancelledError, ClosedError, DeliveryError, Engine, FlushTimeoutError, InternalError, InvalidArgumentError, InvalidTypeError,
  KinetikError,
  NotFoundError, OrderBrokenError, Producer, RecordTooLargeError, ShardMap, hashKey,
} from '../index.mjs'
import { disposed } from './support.mjs'

const KEY_LIMIT = /partition_key.*1 to 256/

function engineWith(stream = 'orders', shards = 2) {
  const engine = new Engine({ quotas: false })
  engine.createStream(stream, shards)
  return engine
}

const open = (engine, options) => Producer.open('orders', { aggregate: true, endpoint: engine, ...options })

/** Runs `body` and checks that it throws this class with a text that names field and limit. */
const refuses = (body, Kind, text) =>
  assert.throws(body, (error) => {
    assert.ok(error instanceof Kind && error instanceof KinetikError, `${error?.stack}`)
    assert.match(error.message, text)
    return true
  })

for (const aggregate of [true, false]) {
  test(`every record arrives once, unchanged and on its shard (aggregate: ${aggregate})`, async () => {
    const engine = engineWith()
    const producer = await open(engine, { aggregate })
    const sent = Array.from({ length: 1000 }, (_, index) => [`key-${index % 50}`, Buffer.from(`payload ${index}`)])
    for (const [key, data] of sent) assert.equal(producer.put(key, data), true)
    await producer.flush()
    const ledger = await producer.close()
    assert.deepEqual(ledger.accepted, ledger.delivered)
    assert.equal(ledger.accepted.records, 1000)
    assert.deepEqual([ledger.failed.records, ledger.pending.records], [0, 0])
    const found = engine.records('orders')
    const map = ShardMap.even(2)
    assert.ok(found.every((record) => record.shardId === map.routeKey(record.key)))
    const text = ({ key, data }) => `${key} ${data}`
    assert.deepEqual(found.map(text).sort(), sent.map(([key, data]) => `${key} ${data}`).sort())
  })
}

test('the payload is copied: changing it after put changes nothing', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine))
  const data = Buffer.from('before')
  producer.put('k', data)
  data.fill('x')
  await producer.flush()
  assert.equal(String(engine.records('orders')[0].data), 'before')
})

test('views, empty payloads and every kind of key are sent as they are', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine))
  const view = new Uint8Array(new TextEncoder().encode('..view..').buffer, 2, 4)
  const keys = ['a', 'é'.repeat(256), '😀'.repeat(256), '\u{fffd}', 'nul\0inside']
  for (const key of keys) producer.put(key, view)
  producer.put('empty', new Uint8Array(0))
  await producer.flush()
  const found = engine.records('orders')
  assert.deepEqual(found.map(({ key }) => key).sort(), [...keys, 'empty'].sort())
  for (const { key, data } of found) assert.equal(String(data), key === 'empty' ? '' : 'view')
})

test('an explicit hash key routes the record, as bigint and as text', async (t) => {
  const engine = engineWith('orders', 4)
  const producer = disposed(t, await open(engine))
  const last = 2n ** 128n - 1n
  producer.put('a', Buffer.from('1'), { explicitHashKey: last })
  producer.put('a', Buffer.from('2'), { explicitHashKey: String(last) })
  producer.put('a', Buffer.from('3'), { explicitHashKey: undefined })
  producer.put('a', Buffer.from('4'), {})
  await producer.flush()
  const shards = Object.fromEntries(engine.records('orders').map(({ data, shardId }) => [String(data), shardId]))
  const own = ShardMap.even(4).route(hashKey('a'))
  assert.deepEqual(shards, { 1: 'shardId-000000000003', 2: 'shardId-000000000003', 3: own, 4: own })
})

test('putAndWait answers with the receipt of its record', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine))
  const receipts = await Promise.all(Array.from({ length: 500 }, (_, index) => producer.putAndWait(`k${index}`, Buffer.from(String(index)))))
  const stored = new Map(engine.records('orders').map((record) => [String(record.data), record]))
  receipts.forEach((receipt, index) => {
    const record = stored.get(String(index))
    assert.equal(receipt.shardId, record.shardId)
    assert.equal(receipt.sequenceNumber, record.sequenceNumber)
    assert.equal(receipt.subSequenceNumber, record.subSequenceNumber)
    assert.ok(receipt.attempts >= 1)
    assert.equal(receipt.mayBeDuplicate, false)
  })
})

test('putMany takes records in order and stops at a bad one, telling both numbers', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine))
  const data = Buffer.from('x')
  assert.equal(producer.putMany(['a', 'b', 'c'], [data, data, data]), 3)
  assert.equal(producer.putMany([], []), 0)
  assert.throws(() => producer.putMany(['d', '', 'e'], [data, data, data]), (error) => {
    assert.ok(error instanceof InvalidArgumentError)
    assert.deepEqual([error.index, error.accepted], [1, 1])
    return true
  })
  assert.throws(() => producer.putMany(['f', 'g'], [data, 'text']), InvalidTypeError)
  refuses(() => producer.putMany(['h'], []), InvalidArgumentError, /data: expected as many elements as keys/)
  refuses(() => producer.putMany('keys', [data]), InvalidTypeError, /keys: expected an array/)
  const getter = Object.defineProperty([], 0, { get() { throw new Error('from a getter') } })
  getter.length = 1
  assert.throws(() => producer.putMany(getter, [data]), InvalidTypeError)
  await producer.flush()
  assert.deepEqual(engine.records('orders').map(({ key }) => key).sort(), ['a', 'b', 'c', 'd', 'f'])
})

test('bad keys are refused with field and limit, and nothing is taken', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  const data = Buffer.from('x')
  for (const key of ['', 'x'.repeat(257), 'é'.repeat(257), '😀'.repeat(257), 'x'.repeat(10_000_000)]) {
    refuses(() => producer.put(key, data), InvalidArgumentError, KEY_LIMIT)
  }
  for (const key of ['\ud83d', 'a\udc00b', '\u{fffd}\ud800']) refuses(() => producer.put(key, data), InvalidArgumentError, /partition_key.*lone surrogate/)
  for (const key of [undefined, null, 7, 7n, {}, [], Buffer.from('k'), Symbol('k'), () => {}]) {
    refuses(() => producer.put(key, data), InvalidTypeError, /partition_key: expected a string/)
  }
  refuses(() => producer.put(), InvalidTypeError, /partition_key/)
  assert.equal(producer.ledger.accepted.records, 0)
})

test('data that is no Uint8Array is refused by name', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  refuses(() => producer.put('k', 'text'), InvalidTypeError, /data: expected a Uint8Array, got a string/)
  const others = [undefined, null, 7, {}, [1, 2], new ArrayBuffer(4), new DataView(new ArrayBuffer(4)), new Float64Array(2), new Uint16Array(2), () => {}]
  for (const data of others) refuses(() => producer.put('k', data), InvalidTypeError, /data: expected a Uint8Array/)
  assert.equal(producer.ledger.accepted.records, 0)
})

test('explicit hash keys out of range, malformed or of another type are refused', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  const put = (explicitHashKey) => () => producer.put('k', Buffer.from('x'), { explicitHashKey })
  for (const hash of [-1n, 2n ** 128n, 2n ** 200n, '-1', '01', '', '1e3', String(2n ** 128n), 'abc', '٣']) {
    refuses(put(hash), InvalidArgumentError, /explicit_hash_key.*2\^128 - 1/)
  }
  for (const hash of [7, true, null, {}, Buffer.from('7')]) refuses(put(hash), InvalidTypeError, /explicit_hash_key/)
  refuses(() => producer.put('k', Buffer.from('x'), 7), InvalidTypeError, /options: expected an object/)
  const trap = { get explicitHashKey() { throw new Error('from a getter') } }
  refuses(() => producer.put('k', Buffer.from('x'), trap), InvalidTypeError, /explicit_hash_key/)
  assert.equal(producer.ledger.accepted.records, 0)
})

test('a record over the limit is refused before it is buffered', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  refuses(() => producer.put('k', Buffer.alloc(10 << 20)), RecordTooLargeError, /data: 10485760 bytes/)
  assert.equal(producer.ledger.accepted.records, 0)
})

test('an unknown stream fails at open', async () => {
  await assert.rejects(Producer.open('nowhere', { aggregate: true, endpoint: new Engine() }), (error) => {
    assert.ok(error instanceof NotFoundError, `${error.stack}`)
    assert.equal(error.awsCode, 'ResourceNotFoundException')
    return true
  })
})

test('a closed producer refuses every call', async () => {
  const producer = await open(engineWith())
  await producer.close()
  const data = Buffer.from('x')
  refuses(() => producer.put('k', data), ClosedError, /closed/)
  refuses(() => producer.putMany(['k'], [data]), ClosedError, /closed/)
  await assert.rejects(producer.putAndWait('k', data), ClosedError)
  assert.equal(producer.ledger.accepted.records, 0)
})

test('producers of a buffer group share one budget', async (t) => {
  const engine = engineWith()
  const group = { lingerMs: 60_000, bufferGroup: 'ingest', bufferRecords: 4 }
  const [one, other] = [disposed(t, await open(engine, group)), disposed(t, await open(engine, group))]
  const data = Buffer.from('x')
  for (let n = 0; n < 3; n++) one.put('k', data)
  other.put('k', data)
  assert.throws(() => other.put('k', data), BufferFullError)
  await one.flush()
  other.put('k', data)
  await assert.rejects(open(engine, { ...group, bufferRecords: 5 }), /buffer_records=4/)
})

test('options of the wrong type and unknown names are refused, the nearest name told', async () => {
  const engine = engineWith()
  await assert.rejects(Producer.open('orders', { endpoint: engine }), (error) => error instanceof InvalidArgumentError && /aggregate: must be said/.test(error.message))
  await assert.rejects(Producer.open('orders'), InvalidArgumentError)
  await assert.rejects(open(engine, { lingre: 1 }), /did you mean linger/)
  await assert.rejects(open(engine, { lingerMs: 'soon' }), InvalidArgumentError)
  await assert.rejects(open(engine, { lingerMs: NaN }), InvalidArgumentError)
  await assert.rejects(open(engine, { lingerMs: {} }), InvalidTypeError)
  await assert.rejects(open(engine, { onFailure: 'log' }), InvalidTypeError)
  await assert.rejects(open(engine, { signal: {} }), InvalidTypeError)
  for (const endpoint of [7, null, {}, [], () => {}]) await assert.rejects(open(endpoint), InvalidTypeError)
  await assert.rejects(open('kinesis.eu-west-1.amazonaws.com'), InvalidArgumentError)
  for (const stream of [undefined, 7, null, {}]) await assert.rejects(Producer.open(stream, { aggregate: true, endpoint: engine }), InvalidTypeError)
  await assert.rejects(Producer.open('no/stream', { aggregate: true, endpoint: engine }), InvalidArgumentError)
  assert.throws(() => new Producer(), InvalidTypeError)
})

test('settings that mean nothing in Node are refused with what there is instead', async () => {
  const engine = engineWith()
  for (const [options, words] of [[{ reports: 'none' }, /reports: .*putAndWait.*onFailure/], [{ reports: 'all' }, /reports/], [{ putTimeoutMs: 1 }, /put_timeout_ms: .*ready/], [{ putTimeout: 1 }, /put_timeout: .*ready/]]) {
    await assert.rejects(open(engine, options), (error) => error instanceof InvalidArgumentError && words.test(error.message))
  }
})

test('options of calls that do not exist are refused', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  const isUnknown = (near) => (error) => error instanceof InvalidArgumentError && error.message.includes(`did you mean ${near}?`)
  for (const call of ['flush', 'close']) await assert.rejects(producer[call]({ timeout: 1 }), isUnknown('timeoutMs'))
  await assert.rejects(producer.ready({ signals: 1 }), isUnknown('signal'))
  await assert.rejects(producer.putAndWait('k', Buffer.from('x'), { explicitHashkey: 1n }), isUnknown('explicitHashKey'))
})

test('methods on foreign objects throw and the process lives', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  assert.throws(() => Producer.prototype.flush.call({}).catch(() => {}) && Reflect.get(Producer.prototype, 'ledger', {}), TypeError)
  // A raw function carries its producer with it, whatever it is called on.
  const { put } = producer
  assert.equal(put.call({}, 'k', Buffer.from('x')), true)
})

test('a full buffer throws BufferFullError, ready waits for room, and nothing is lost', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine, { bufferBytes: 1 << 20, lingerMs: 5 }))
  const data = Buffer.alloc(1000, 1)
  let [taken, full, low] = [0, 0, 0]
  while (full < 3) {
    try {
      if (!producer.put(`k${taken}`, data)) low += 1
      taken += 1
    } catch (error) {
      assert.ok(error instanceof BufferFullError && error.retry === 'after')
      full += 1
      await producer.ready()
    }
  }
  assert.ok(low > 0, 'put answers false before the buffer is full')
  await producer.flush()
  assert.equal(engine.records('orders').length, taken)
})

test('putMany at a full buffer tells how many were taken', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine, { bufferBytes: 1 << 20 }))
  const keys = Array.from({ length: 5000 }, (_, index) => `k${index}`)
  const data = keys.map(() => Buffer.alloc(1000))
  const taken = producer.putMany(keys, data)
  assert.ok(taken > 0 && taken < 5000, `${taken}`)
  await producer.flush()
  assert.equal(engine.records('orders').length, taken)
})

test('a writable takes objects with backpressure and flushes at its end', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine, { bufferBytes: 1 << 20, lingerMs: 1 }))
  const writable = producer.writable()
  for (let index = 0; index < 5000; index += 1) {
    if (!writable.write({ key: `k${index}`, data: Buffer.alloc(1000) })) await once(writable, 'drain')
  }
  writable.end()
  await once(writable, 'finish')
  assert.equal(engine.records('orders').length, 5000)
})

test('a writable fails with the typed error of a bad record', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  const writable = producer.writable()
  writable.write({ key: '', data: Buffer.from('x') })
  const [error] = await once(writable, 'error')
  assert.ok(error instanceof InvalidArgumentError)
})

test('an aborted signal ends a wait, with its reason as the cause', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  const reason = new Error('enough')
  for (const signal of [AbortSignal.abort(reason)]) {
    for (const call of [producer.putAndWait('k', Buffer.from('x'), { signal }), producer.ready({ signal }), open(engineWith(), { signal })]) {
      await assert.rejects(call, (error) => error instanceof CancelledError && error.cause === reason)
    }
  }
  const controller = new AbortController()
  const slow = disposed(t, await open(engineWith(), { lingerMs: 60_000 }))
  const waiting = slow.putAndWait('k', Buffer.from('x'), { signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(waiting, (error) => error instanceof CancelledError && error.cause === reason)
  await assert.rejects(producer.ready({ signal: 'no' }), InvalidTypeError)
})

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

/** A producer whose records fail, and the calls of its onFailure, each with its batch and the ends of its promise. */
async function failing(options = {}) {
  const engine = engineWith()
  const calls = []
  const onFailure = (failures) => new Promise((resolve, reject) => { calls.push({ failures, resolve, reject }) })
  const producer = await open(engine, { deadlineMs: 100, lingerMs: 1, onFailure, ...options })
  engine.reset()
  return { producer, calls }
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
    for (const wait of waits) await assert.rejects(wait, CancelledError)
    let isEnded = false
    const ended = producer[end]().catch((error) => error).finally(() => { isEnded = true })
    const failuresOf = () => calls.flatMap((call) => call.failures)
    while (failuresOf().length < 2) await new Promise(setImmediate)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    assert.equal(isEnded, false)
    for (const { resolve } of calls) resolve()
    const error = await ended
    assert.ok(error instanceof DeliveryError, `${error}`)
    assert.deepEqual(error.failures, [])
    const failures = failuresOf()
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
    while (producer.ledger.pending.records > 0) await new Promise(setImmediate)
    await new Promise(setImmediate)
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

const keysOf = (failures) => failures.map(({ key }) => key).sort()

test('records of an onFailure whose promise rejects come with the error of flush, and nothing is unhandled', async (t) => {
  const unhandled = []
  const note = (reason) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const warned = once(process, 'warning')
  const { producer, calls } = await failing()
  for (const key of ['a', 'b']) producer.put(key, Buffer.from(`of ${key}`))
  const flushed = producer.flush().catch((error) => error)
  while (keysOf(calls.flatMap(({ failures }) => failures)).length < 2) await new Promise(setImmediate)
  // What it does to its batch is its own affair.
  for (const { failures, reject } of calls) { failures.length = 0; reject(new Error('in the promise')) }
  const error = await flushed
  assert.ok(error instanceof DeliveryError, `${error}`)
  assert.deepEqual(error.failures.map(({ key, data }) => `${key} ${data}`).sort(), ['a of a', 'b of b'])
  assert.match((await warned)[0].message, /onFailure threw: Error: in the promise/)
  await producer.close()
  await new Promise(setImmediate)
  assert.deepEqual(unhandled, [])
})

test('flush and close wait for the promise of onFailure, which then counts as taken', async () => {
  const { producer, calls } = await failing()
  producer.put('a', Buffer.from('x'))
  let ended = false
  const flushed = producer.flush().catch((error) => error).finally(() => { ended = true })
  while (calls.length === 0) await new Promise(setImmediate)
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
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
  const first = await producer.flush().catch((error) => error)
  assert.ok(first instanceof DeliveryError)
  assert.deepEqual(first.failures, [])
  await assert.rejects(producer.flush({ timeoutMs: 20 }), (error) => error instanceof FlushTimeoutError && error.pending === 0 && /onFailure/.test(error.message))
  calls[0].reject(undefined)
  await assert.rejects(producer.close(), (error) => {
    assert.ok(error instanceof DeliveryError, `${error?.stack}`)
    assert.deepEqual([keysOf(error.failures), error.pending], [['a'], 0])
    return true
  })
  await producer.close()
})

test('what onFailure refused holds its room until it is taken', async () => {
  let isCalled = false
  const { producer } = await failing({ bufferRecords: 1, onFailure() { isCalled = true; throw new Error('no') } })
  producer.put('a', Buffer.from('x'))
  while (!isCalled) await new Promise(setImmediate)
  assert.throws(() => producer.put('b', Buffer.from('y')), BufferFullError)
  const [{ key, data, error, attempts }, ...rest] = producer.takeFailures()
  assert.deepEqual([key, `${data}`, rest], ['a', 'x', []])
  assert.ok(error instanceof KinetikError && attempts > 0)
  assert.deepEqual(producer.takeFailures(), [])
  producer.put('b', Buffer.from('y'))
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

test('errors show neither keys nor payloads', async () => {
  const engine = engineWith()
  const producer = await open(engine, { deadlineMs: 300, lingerMs: 1 })
  engine.reset()
  const waiting = producer.putAndWait('secret key', Buffer.from('secret data'))
  await assert.rejects(waiting, (error) => !/secret/.test(`${error.stack} ${JSON.stringify(error)}`))
  await producer.close().catch(() => {})
})

test('after a failed record its key is broken until it is resumed', async () => {
  const engine = engineWith()
  engine.faults.fail('PutRecords', { error: 'AccessDeniedException', times: 1 })
  const producer = await open(engine, { ordered: true })
  await assert.rejects(producer.putAndWait('user-1', Buffer.from('first')), AccessDeniedError)
  await assert.rejects(producer.putAndWait('user-1', Buffer.from('second')), OrderBrokenError)
  await producer.putAndWait('user-2', Buffer.from('of another key'))
  assert.equal(await producer.resume('user-1'), true)
  assert.equal(await producer.resume(), false)
  for (const text of ['first', 'second']) await producer.putAndWait('user-1', Buffer.from(text))
  const ofKey = engine.records('orders').filter(({ key }) => key === 'user-1').map(({ data }) => String(data))
  assert.deepEqual(ofKey, ['first', 'second'])
  await assert.rejects(producer.resume(7), InvalidTypeError)
  await producer.close().catch(() => {})
})

test('a receipt tells of the attempts that failed', async (t) => {
  const engine = engineWith()
  engine.faults.fail('PutRecords', { error: 'ProvisionedThroughputExceededException', times: 1 })
  const producer = disposed(t, await open(engine))
  const { attempts, failedAttempts } = await producer.putAndWait('user-1', Buffer.from('x'))
  assert.equal(attempts, 2)
  const [first] = failedAttempts
  assert.equal(failedAttempts.length, 1)
  assert.ok(first.sentAt instanceof Date && first.tookMs >= 0)
  assert.equal(first.error.code, 'Throttled')
})

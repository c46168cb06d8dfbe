// The producer: what it takes and refuses, and how it waits.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'

import {
  AccessDeniedError, BufferFullError, CancelledError, ClosedError, Engine, InvalidArgumentError, InvalidTypeError, KinetikError, NotFoundError, OrderBrokenError, Producer, RecordTooLargeError, ShardMap, client, hashKey,
} from '../index.mjs'
import { disposed, engineWith, open } from './support.mjs'

const KEY_LIMIT = /partition_key.*1 to 256/

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

test('bytes whose memory was transferred away are refused, and empty ones are not', async (t) => {
  const engine = engineWith()
  const producer = disposed(t, await open(engine))
  const data = new Uint8Array(4)
  structuredClone(data, { transfer: [data.buffer] })
  refuses(() => producer.put('k', data), InvalidTypeError, /data: .*detached/)
  await assert.rejects(producer.putAndWait('k', data), InvalidTypeError)
  await assert.rejects(client({ endpoint: engine }).putRecord({ StreamName: 'orders', PartitionKey: 'k', Data: data }), InvalidTypeError)
  assert.equal(producer.ledger.accepted.records, 0)
  for (const empty of [new Uint8Array(0), Buffer.alloc(0), new Uint8Array(new SharedArrayBuffer(0))]) assert.equal(producer.put('k', empty), true)
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

test('a closed producer refuses puts, flush and resume, and is closed again', async () => {
  const producer = await open(engineWith())
  await producer.close()
  const data = Buffer.from('x')
  refuses(() => producer.put('k', data), ClosedError, /closed/)
  refuses(() => producer.putMany(['k'], [data]), ClosedError, /closed/)
  for (const call of [() => producer.putAndWait('k', data), () => producer.flush(), () => producer.resume()]) await assert.rejects(call, ClosedError)
  assert.equal((await producer.close()).accepted.records, 0)
  assert.equal(producer.metrics.UserRecordsReceived, 0)
  assert.deepEqual(producer.takeFailures(), [])
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
  await assert.rejects(open(engine, { ...group, bufferRecords: 5 }), /bufferGroup: .*bufferRecords=4/)
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
  for (const [options, words] of [[{ reports: 'none' }, /reports: .*putAndWait.*onFailure/], [{ reports: 'all' }, /reports/], [{ putTimeoutMs: 1 }, /putTimeoutMs: .*ready/], [{ putTimeout: 1 }, /putTimeout: .*ready/]]) {
    await assert.rejects(open(engine, options), (error) => error instanceof InvalidArgumentError && words.test(error.message))
  }
})

test('options of calls that do not exist are refused', async (t) => {
  const producer = disposed(t, await open(engineWith()))
  const isUnknown = (near) => (error) => error instanceof InvalidArgumentError && error.message.includes(`did you mean ${near}?`)
  for (const call of ['flush', 'close']) await assert.rejects(producer[call]({ timeout: 1 }), isUnknown('timeoutMs'))
  await assert.rejects(producer.ready({ signals: 1 }), isUnknown('signal'))
  await assert.rejects(producer.putAndWait('k', Buffer.from('x'), { explicitHashkey: 1n }), isUnknown('explicitHashKey'))
  for (const options of [{ explicithashkey: 5n }, { explicitHashKey: undefined, explicitHashKeys: 1n }]) {
    assert.throws(() => producer.put('k', Buffer.from('x'), options), isUnknown('explicitHashKey'))
  }
  assert.equal(producer.ledger.accepted.records, 0)
  producer.put('k', Buffer.from('x'), { explicitHashKey: 5n, signal: undefined })
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
  const signal = AbortSignal.abort(reason)
  for (const call of [() => producer.putAndWait('k', Buffer.from('x'), { signal }), () => producer.ready({ signal }), () => open(engineWith(), { signal })]) {
    await assert.rejects(call, (error) => error instanceof CancelledError && error.cause === reason)
  }
  const controller = new AbortController()
  const slow = disposed(t, await open(engineWith(), { lingerMs: 60_000 }))
  const waiting = slow.putAndWait('k', Buffer.from('x'), { signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(waiting, (error) => error instanceof CancelledError && error.cause === reason)
  await assert.rejects(producer.ready({ signal: 'no' }), InvalidTypeError)
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

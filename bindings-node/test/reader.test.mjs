import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'

import { aggregate, CancelledError, client, Engine, InvalidArgumentError, InvalidTypeError, NotFoundError, Producer, Reader } from '../index.mjs'
import { disposed } from './support.mjs'

async function filled(count, options = {}) {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 3)
  await put(engine, 0, count, options)
  return engine
}

async function put(engine, from, to, options = {}) {
  const producer = await Producer.open('orders', { aggregate: true, endpoint: engine, ...options })
  for (let index = from; index < to; index += 1) producer.put(`key-${index}-é`, Buffer.from(`payload ${index}`))
  await producer.close()
}

const open = (engine, options) => Reader.open('orders', { start: 'TRIM_HORIZON', until: 'now', endpoint: engine, ...options })

for (const aggregate of [true, false]) {
  test(`every record is read once, with its key, payload and place (aggregate: ${aggregate})`, async (t) => {
    const engine = await filled(2000, { aggregate })
    const before = Date.now()
    const reader = disposed(t, await open(engine))
    const found = new Map()
    for await (const batch of reader) {
      assert.ok(batch.length > 0)
      assert.ok(batch.millisBehindLatest >= 0)
      assert.equal(batch.at(-1).sequenceNumber, [...batch].at(-1).sequenceNumber)
      assert.equal(batch.at(batch.length), undefined)
      for (const record of batch) {
        assert.equal(record.shardId, batch.shardId)
        assert.ok(record.inRange)
        assert.match(record.sequenceNumber, /^\d{56}$/)
        // A record that found no company is sent as it is.
        assert.ok(record.subSequenceNumber === undefined || aggregate)
        assert.ok(Math.abs(record.arrivedAt.getTime() - before) < 60_000)
        assert.ok(Buffer.isBuffer(record.data) && record.data === record.data)
        found.set(record.key, String(record.data))
      }
    }
    assert.equal(found.size, 2000)
    for (let index = 0; index < 2000; index += 1) assert.equal(found.get(`key-${index}-é`), `payload ${index}`)
  })
}

test('a place in a batch is taken as an array takes it', async (t) => {
  const reader = disposed(t, await open(await filled(100)))
  const batch = await reader.nextBatch()
  const records = [...batch]
  for (const index of [0, 1.5, -1.5, -0.5, NaN, '1', undefined, Infinity, -Infinity, batch.length - 0.5, -batch.length, -batch.length - 1]) {
    assert.equal(batch.at(index)?.key, records.at(index)?.key, String(index))
  }
})

test('records() flattens batches', async (t) => {
  const reader = disposed(t, await open(await filled(100)))
  let count = 0
  for await (const record of reader.records()) count += record.data.length > 0 ? 1 : 0
  assert.equal(count, 100)
})

/** One shard with records 0 to 9: alone, in one aggregate, or in aggregates of three. */
async function ten(of) {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 1)
  const records = Array.from({ length: 10 }, (_, index) => ({ key: 'k', data: Buffer.from(String(index)) }))
  const kinesis = client({ endpoint: engine })
  while (records.length > 0) {
    const some = records.splice(0, of)
    await kinesis.putRecord({ StreamName: 'orders', PartitionKey: 'k', Data: of === 1 ? some[0].data : aggregate(some) })
  }
  return engine
}

/** Reads records until there are `count`, then leaves the loop. */
async function some(reader, count) {
  let text = ''
  if (count > 0) for await (const record of reader.records()) if ((text += record.data).length === count) break
  return text
}

for (const of of [1, 3, 10]) {
  test(`a loop over records that is left goes on behind its last record, here or in a new reader (${of} in a Kinesis record)`, async (t) => {
    const engine = await ten(of)
    const all = '0123456789'
    for (let count = 0; count <= all.length; count += 1) {
      const reader = disposed(t, await open(engine))
      assert.equal(await some(reader, count), all.slice(0, count))
      const saved = JSON.stringify(reader.positions)
      const resumed = disposed(t, await open(engine, { start: JSON.parse(saved) }))
      assert.equal(await some(resumed, Infinity), all.slice(count), saved)
      // The next loop leaves after one record more, a batch is what remains of it.
      assert.equal(await some(reader, Math.min(1, all.length - count)), all.slice(count, count + 1))
      const rest = await reader.nextBatch()
      assert.equal(rest === undefined ? '' : [...rest].map(({ data }) => data).join(''), all.slice(count + 1))
      if (rest !== undefined) assert.deepEqual([rest.length, `${rest.at(0).data}${rest.at(-1).data}`, rest.at(rest.length)], [all.length - count - 1, `${count + 1}9`, undefined])
      assert.deepEqual(reader.positions, resumed.positions)
      assert.equal(await some(reader, Infinity), '')
    }
  })
}

test('positions stand behind each record of a loop, and a closed reader keeps them', async (t) => {
  const reader = await open(await ten(10))
  const read = []
  await assert.rejects(async () => {
    for await (const { sequenceNumber, subSequenceNumber } of reader.records()) {
      const whole = { sequence_number: sequenceNumber }
      const expected = subSequenceNumber === 9 ? whole : { ...whole, sub_sequence_number: subSequenceNumber }
      assert.deepEqual(reader.positions.shards, { 'shardId-000000000000': expected })
      if (read.push(subSequenceNumber) === 4) await reader.close()
    }
  }, { name: 'ClosedError' })
  assert.deepEqual(read, [0, 1, 2, 3])
  assert.equal(reader.positions.shards['shardId-000000000000'].sub_sequence_number, 3)
  assert.throws(() => reader.metricsText('json'), { name: 'ClosedError' })
})

test('loops over records that run at once share them, and positions wait for the slowest', async (t) => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 2)
  for (let index = 0; index < 40; index += 1) {
    const ExplicitHashKey = String(index % 2 === 0 ? 1n : 2n ** 128n - 1n)
    await client({ endpoint: engine }).putRecord({ StreamName: 'orders', PartitionKey: `key-${index}`, ExplicitHashKey, Data: Buffer.from('x') })
  }
  const expected = Array.from({ length: 40 }, (_, index) => `key-${index}`).sort()
  for (const most of [[1, 1, 1, 1], [1, 5, 2], [0, 9, 1], [12, 13]]) {
    const reader = disposed(t, await open(engine, { maxRecords: 4 }))
    const taken = []
    // So that no shard stands where it began.
    for (let turn = 0; turn < 3; turn += 1) taken.push(...[...await reader.nextBatch()].map(({ key }) => key))
    const loop = async (count, from, into) => {
      if (count > 0) for await (const record of from.records()) if (into.push(record.key) && (count -= 1) === 0) break
    }
    await Promise.all(most.map((count) => loop(count, reader, taken)))
    const resumed = disposed(t, await open(engine, { start: JSON.parse(JSON.stringify(reader.positions)) }))
    for (const from of [reader, resumed]) {
      const rest = []
      await loop(Infinity, from, rest)
      const seen = [...taken, ...rest].sort()
      // What was read ahead of an earlier batch of its shard is read again by the new reader; nothing is left out.
      assert.deepEqual(from === reader ? seen : [...new Set(seen)], expected)
      if (most.length === 4) assert.deepEqual(seen, expected)
    }
  }
})

test('a batch that nobody has yet is not behind the positions', async (t) => {
  const engine = await ten(10)
  const reader = disposed(t, await open(engine, { until: undefined }))
  const before = reader.positions
  const waiting = reader.nextBatch()
  // It is fetched meanwhile, and cannot come here: the event loop is held up.
  const end = Date.now() + 200
  while (Date.now() < end) assert.deepEqual(reader.positions, before)
  assert.equal((await waiting).length, 10)
  assert.notDeepEqual(reader.positions, before)
})

test('an empty stream ends at once', async (t) => {
  const reader = disposed(t, await open(await filled(0)))
  assert.equal(await reader.nextBatch(), undefined)
})

test('saved positions are plain JSON and reading goes on behind them', async (t) => {
  const engine = await filled(50)
  const first = await open(engine)
  let count = 0
  for await (const batch of first) count += batch.length
  assert.equal(count, 50)
  const saved = JSON.parse(JSON.stringify(first.positions))
  await first.close()
  await put(engine, 50, 80)
  const second = disposed(t, await open(engine, { start: saved }))
  const keys = []
  for await (const record of second.records()) keys.push(record.key)
  assert.deepEqual(keys.sort(), Array.from({ length: 30 }, (_, index) => `key-${50 + index}-é`).sort())
})

test('LATEST sees what comes after opening, and an aborted signal ends the wait', async (t) => {
  const engine = await filled(10)
  const controller = new AbortController()
  const reader = disposed(t, await open(engine, { start: 'LATEST', until: undefined, signal: controller.signal }))
  await put(engine, 10, 12)
  const keys = []
  await assert.rejects(async () => {
    for await (const record of reader.records()) {
      keys.push(record.key)
      if (keys.length === 2) controller.abort(new Error('enough'))
    }
  }, (error) => error instanceof CancelledError && error.cause.message === 'enough')
  assert.deepEqual(keys.sort(), ['key-10-é', 'key-11-é'])
})

test('a time as the start is taken', async (t) => {
  const engine = await filled(10)
  const reader = disposed(t, await open(engine, { start: new Date(Date.now() - 60_000) }))
  let count = 0
  for await (const batch of reader) count += batch.length
  assert.equal(count, 10)
})

test('what is shown of batches and records holds neither keys nor payloads', async (t) => {
  const reader = disposed(t, await open(await filled(1)))
  const batch = await reader.nextBatch()
  const shown = inspect(batch, { depth: 9 }) + inspect(batch.at(0), { depth: 9 }) + inspect([batch.at(0)]) + JSON.stringify(batch.at(0))
  assert.doesNotMatch(shown, /payload|key-/)
})

test('bad options are refused by name', async () => {
  const engine = await filled(0)
  await assert.rejects(open(engine, { start: undefined }), (error) => error instanceof InvalidArgumentError && /start/.test(error.message))
  await assert.rejects(open(engine, { start: 'OLDEST' }), (error) => error instanceof InvalidArgumentError && /start.*TRIM_HORIZON/.test(error.message))
  await assert.rejects(open(engine, { start: { stream: 'others', shards: {} } }), /another stream/)
  await assert.rejects((await open(engine)).nextBatch({ maxWaitMs: -1 }), InvalidArgumentError)
  await assert.rejects((await open(engine)).nextBatch({ maxWait: 1 }), /did you mean maxWaitMs/)
  await assert.rejects(open(engine, { start: 7 }), InvalidTypeError)
  await assert.rejects(open(engine, { start: new Date(NaN) }), InvalidArgumentError)
  await assert.rejects(open(engine, { start: { nonsense: true } }), InvalidArgumentError)
  await assert.rejects(open(engine, { until: 'later' }), (error) => error instanceof InvalidArgumentError && /until/.test(error.message))
  await assert.rejects(open(engine, { until: {} }), InvalidTypeError)
  await assert.rejects(open(engine, { nonsense: 1 }), InvalidArgumentError)
  await assert.rejects(Reader.open(7, { start: 'LATEST', endpoint: engine }), InvalidTypeError)
  await assert.rejects(Reader.open('nowhere', { start: 'LATEST', endpoint: engine }), NotFoundError)
  assert.throws(() => new Reader(), InvalidTypeError)
})

test('fan-out of a stream that is named by its ARN pushes records, counts, and closing deregisters the reader\'s own consumer', async (t) => {
  const engine = await filled(0)
  const kinesis = client({ endpoint: engine })
  const { StreamDescriptionSummary: { StreamARN } } = await kinesis.describeStreamSummary({ StreamName: 'orders' })
  const consumers = async () => (await kinesis.listStreamConsumers({ StreamARN })).Consumers.map((one) => one.ConsumerName)
  const reader = disposed(t, await Reader.open(StreamARN, { start: 'LATEST', mode: 'fan_out', endpoint: engine, silenceMs: 20_000 }))
  assert.equal((await consumers()).length, 1)
  await put(engine, 0, 300)
  let seen = 0
  while (seen < 300) seen += (await reader.nextBatch()).length
  assert.equal(reader.stats.subscriptions, 3)
  assert.equal(reader.stats.reads, 0)
  assert.deepEqual(Object.keys(reader.lagMs), [0, 1, 2].map((id) => `shardId-00000000000${id}`))
  const refused = assert.rejects(reader.nextBatch(), { name: 'ClosedError' })
  await reader.close()
  await refused
  assert.deepEqual(await consumers(), [])
  assert.equal(reader.stats.records, 300)
  const named = await Reader.open('orders', { start: 'LATEST', mode: 'auto', consumer: 'billing', endpoint: engine })
  await named.close()
  assert.deepEqual(await consumers(), ['billing'])
})

test('every setting of the core is taken by its name', async (t) => {
  const engine = await filled(500)
  const whole = disposed(t, await open(engine, { deaggregate: false, rangeFilter: 'drop', stripGlue: true, concurrency: 2, bufferBytes: 1 << 20, giveUpAfterMs: 500 }))
  let records = 0
  for await (const batch of whole) records += batch.length
  assert.ok(records < 500)
  await assert.rejects(open(engine, { mode: 'push' }), InvalidArgumentError)
  await assert.rejects(open(engine, { rangeFiltre: 'drop' }), /did you mean rangeFilter\?/)
})

/** Two shards; in the lower one an aggregate whose second record belongs to the upper, and one with Glue's header. */
async function misplaced() {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 2)
  const [low, high] = [1n, 2n ** 128n - 1n]
  const record = (text, explicitHashKey) => ({ key: 'k', data: Buffer.from(text), explicitHashKey })
  const whole = aggregate([record('1', low), record('2', high), record('3', low)])
  for (const Data of [whole, Buffer.from([3, 0, ...Array(16).fill(7), 0x67])]) {
    await client({ endpoint: engine }).putRecord({ StreamName: 'orders', PartitionKey: 'a', ExplicitHashKey: '1', Data })
  }
  return engine
}

for (const [rangeFilter, expected, dropped] of [['report', '123', 0], ['drop', '13', 1], ['kcl', '', 3], [undefined, '123', 0]]) {
  test(`records of another range: rangeFilter ${rangeFilter}`, async (t) => {
    const reader = disposed(t, await open(await misplaced(), { rangeFilter, stripGlue: true }))
    let seen = ''
    for await (const record of reader.records()) {
      assert.equal(record.inRange, String(record.data) !== '2')
      seen += String(record.data)
    }
    assert.equal(seen, `${expected}g`)
    const { out_of_range_records, dropped_records, glue_headers } = reader.stats
    assert.deepEqual([out_of_range_records, dropped_records, glue_headers], [1, dropped, 1])
  })
}

test('the backlog tells what was fetched and not handed out, and a wait ends after maxWaitMs or by its own signal', async (t) => {
  const reader = disposed(t, await open(await misplaced(), { until: undefined, maxRecords: 1 }))
  const left = []
  for (let turn = 0; turn < 4; turn += 1) {
    assert.equal((await reader.nextBatch({ maxWaitMs: 30_000 })).length, 1)
    left.push(reader.backlog['shardId-000000000000'].records)
  }
  assert.deepEqual(left, [3, 2, 1, 0])
  const none = await reader.nextBatch({ maxWaitMs: 1 })
  assert.deepEqual([none.length, none.shardId, [...none]], [0, undefined, []])
  const controller = new AbortController()
  const waiting = reader.nextBatch({ signal: controller.signal })
  controller.abort()
  await assert.rejects(waiting, CancelledError)
  assert.equal((await reader.nextBatch({ maxWaitMs: 0 })).length, 0)
})

test('a time is a Date or text', async (t) => {
  const engine = await filled(10)
  for (const start of [new Date('2020-01-01T00:00:00Z'), '2020-01-01T00:00:00Z']) {
    const reader = disposed(t, await open(engine, { start, until: new Date(Date.now() + 86_400_000) }))
    let count = 0
    while (count < 10) count += (await reader.nextBatch()).length
  }
})

test('copies that lost answers left are handed out once', async (t) => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 3)
  engine.faults.loseAnswer('PutRecords', { times: 1 })
  await put(engine, 0, 100, { stamp: true })
  assert.ok(engine.records('orders').length > 100)
  const reader = disposed(t, await open(engine, { dropDuplicates: true, duplicateWindow: 1000 }))
  let read = 0
  for await (const batch of reader) read += batch.length
  assert.equal(read, 100)
  assert.ok(reader.stats.duplicates > 0 && reader.stats.beyond_window === 0)
  await assert.rejects(open(engine, { dropDuplicates: true, deaggregate: false }), InvalidArgumentError)
})

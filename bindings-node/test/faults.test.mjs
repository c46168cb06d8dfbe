// Faults that a test asks for.
import assert from 'node:assert/strict'
import test from 'node:test'
import { client, Engine, ExpiredIteratorError, InvalidArgumentError, InvalidTypeError, NotFoundError, Producer, Server } from '../index.mjs'

const THROTTLED = 'ProvisionedThroughputExceededException'

test('a producer delivers through the faults that were asked for', async () => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 2)
  engine.faults.fail('PutRecords', { error: THROTTLED, stream: 'orders', shard: 0, times: 2 })
  engine.faults.loseAnswer('PutRecords')
  const producer = await Producer.open('orders', { aggregate: false, endpoint: engine, lingerMs: 0 })
  for (let n = 0; n < 100; n += 1) producer.put(`key-${n}`, Buffer.from(`${n}`))
  await producer.close()
  assert.equal(engine.faults.waiting, 0)
  assert.equal(new Set(engine.records('orders').map(({ data }) => `${data}`)).size, 100)
})

test('a server takes faults and forgets them', async () => {
  const server = await Server.start({ streams: { orders: 1 } })
  server.faults.fail('PutRecords', { error: 'InternalFailure', times: 2, afterCommit: true, message: 'no' })
  server.faults.delay('PutRecord', 3_600_000)
  server.faults.roundTrip(5)
  assert.equal(server.faults.waiting, 3)
  await server.reset()
  assert.equal(server.faults.waiting, 0)
  await server.stop()
})

test('a name that does not exist is answered with the nearest', () => {
  const { faults } = new Engine()
  assert.throws(() => faults.fail('PutRecrods', { error: THROTTLED }), /did you mean PutRecords\?/)
  assert.throws(() => faults.fail('PutRecords', { error: THROTTLED, shrad: 1 }), /did you mean shard\?/)
  assert.throws(() => faults.fail('PutRecords', {}), /error/)
  assert.throws(() => faults.loseAnswer('PutRecords', { times: -1 }), /times/)
})

test('options of faults that would be passed over are refused', () => {
  const { clock, faults } = new Engine()
  const error = 'InternalFailure'
  assert.throws(() => faults.fail('PutRecords', { error, after_commit: true }), /did you mean afterCommit\?/)
  assert.throws(() => faults.fail('PutRecords', { error, afterCommit: 'yes' }), InvalidTypeError)
  for (const wrong of [{ stream: 7 }, { message: 7 }]) assert.throws(() => faults.fail('PutRecords', { error, ...wrong }), InvalidTypeError)
  for (const wrong of [{ shard: NaN }, { times: Infinity }]) assert.throws(() => faults.loseAnswer('PutRecords', wrong), InvalidArgumentError)
  assert.throws(() => faults.delay('PutRecords', 1, { message: 'no' }), InvalidArgumentError)
  for (const call of [() => faults.delay('PutRecords'), () => faults.roundTrip(), () => clock.advance()]) assert.throws(call, InvalidTypeError)
  assert.equal(faults.waiting, 0)
})

test('the clock stands and is moved, and iterators expire by it', async () => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders')
  const kinesis = client({ endpoint: engine })
  const { ShardIterator } = await kinesis.getShardIterator({
    StreamName: 'orders', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON'
  })
  engine.clock.freeze()
  const before = engine.clock.now
  engine.clock.advance(301_000)
  assert.equal(engine.clock.frozen, true)
  assert.equal(engine.clock.now - before, 301_000)
  await assert.rejects(kinesis.getRecords({ ShardIterator }), ExpiredIteratorError)
  engine.clock.resume()
  assert.equal(engine.clock.frozen, false)
  assert.throws(() => engine.clock.advance(-1), /ms/)
})

test('metrics have the names of CloudWatch', async () => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 2)
  const kinesis = client({ endpoint: engine })
  for (let n = 0; n < 10; n += 1) {
    await kinesis.putRecord({ StreamName: 'orders', PartitionKey: `key-${n}`, Data: Buffer.from('x') })
  }
  const { IncomingRecords, 'PutRecord.Success': calls } = engine.metrics('orders')
  assert.deepEqual([IncomingRecords, calls], [10, 10])
  const shards = [0, 1].map((shard) => engine.metrics('orders', shard).IncomingRecords)
  assert.equal(shards[0] + shards[1], 10)
  assert.match(engine.metricsText(), /kinetik_IncomingRecords\{StreamName="orders"/)
  assert.throws(() => engine.metrics('orders', 2), NotFoundError)
})

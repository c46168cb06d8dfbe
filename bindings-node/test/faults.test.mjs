// Faults that a test asks for.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Engine, Producer, Server } from '../index.js'

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

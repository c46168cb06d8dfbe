import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Server } from 'kinetik'
import { Orders } from '../orders.js'

const THROTTLED = 'ProvisionedThroughputExceededException'
let server
before(async () => { server = await Server.start({ streams: { orders: 2 } }) })
afterEach(() => { server.faults.clear() })
after(() => server.stop())

test('orders that are refused once are sent again', async () => {
  server.faults.fail('PutRecords', { error: THROTTLED, shard: 0, times: 2 })
  const orders = Array.from({ length: 20 }, (_, n) => ({ user: `user-${n}`, item: `item-${n}` }))
  await new Orders(server.clientConfig()).send(orders)
  assert.deepEqual(server.records('orders').map(({ data }) => `${data}`).sort(), orders.map(({ item }) => item).sort())
})

test('orders that are never taken are an error', async () => {
  server.faults.fail('PutRecords', { error: THROTTLED, shard: 0, times: 3 })
  server.faults.fail('PutRecords', { error: THROTTLED, shard: 1, times: 3 })
  await assert.rejects(new Orders(server.clientConfig()).send([{ user: 'user-1', item: 'book' }]), /1 orders were not taken/)
})

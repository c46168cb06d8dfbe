import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Server } from 'kinetik'
import { Orders } from '../orders.js'

const THROTTLED = 'ProvisionedThroughputExceededException'
let server
beforeAll(async () => { server = await Server.start({ streams: { orders: 2 } }) })
afterEach(() => { server.faults.clear() })
afterAll(() => server.stop())

test('orders that are refused once are sent again', async () => {
  server.faults.fail('PutRecords', { error: THROTTLED, shard: 0, times: 2 })
  const orders = Array.from({ length: 20 }, (_, n) => ({ user: `user-${n}`, item: `item-${n}` }))
  await new Orders(server.clientConfig()).send(orders)
  expect(server.records('orders').map(({ data }) => `${data}`).sort()).toEqual(orders.map(({ item }) => item).sort())
})

test('orders that are never taken are an error', async () => {
  server.faults.fail('PutRecords', { error: THROTTLED, shard: 0, times: 3 })
  server.faults.fail('PutRecords', { error: THROTTLED, shard: 1, times: 3 })
  await expect(new Orders(server.clientConfig()).send([{ user: 'user-1', item: 'book' }])).rejects.toThrow(/1 orders were not taken/)
})

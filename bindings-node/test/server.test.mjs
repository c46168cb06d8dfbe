import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { Client, Engine, InvalidArgumentError, InvalidTypeError, KinetikError, NotFoundError, Producer, Reader, ResourceInUseError, Server, client } from '../index.mjs'
import { disposed } from './support.mjs'

test('a server answers over HTTP what was put over HTTP', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 2 }, quotas: false }))
  assert.match(server.endpoint, /^http:\/\/127\.0\.0\.1:\d+$/)
  const producer = await Producer.open('orders', { aggregate: true, endpoint: server.endpoint })
  for (let index = 0; index < 300; index += 1) producer.put(`k${index}`, Buffer.from(String(index)))
  assert.equal((await producer.close()).delivered.records, 300)
  const reader = disposed(t, await Reader.open('orders', { start: 'TRIM_HORIZON', until: 'now', endpoint: server.endpoint }))
  const found = []
  for await (const record of reader.records()) found.push(Number(record.data))
  assert.deepEqual(found.sort((a, b) => a - b), Array.from({ length: 300 }, (_, index) => index))
  assert.equal(server.records('orders').length, 300)
})

test('reset empties a server, and its config fits the SDK', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 1 }, region: 'eu-west-1' }))
  const { endpoint, region, credentials } = server.clientConfig()
  assert.deepEqual([endpoint, region], [server.endpoint, 'eu-west-1'])
  assert.ok(credentials.accessKeyId && credentials.secretAccessKey)
  await server.reset()
  await assert.rejects(client({ endpoint: server }).describeStreamSummary({ StreamName: 'orders' }), NotFoundError)
})

test('bad options of servers and engines are refused by name', async () => {
  await assert.rejects(Server.start({ streams: { 'no/name': 1 } }), InvalidArgumentError)
  await assert.rejects(Server.start({ streams: { orders: 0 } }), InvalidArgumentError)
  await assert.rejects(Server.start({ streams: { orders: 'two' } }), InvalidTypeError)
  await assert.rejects(Server.start({ streams: 7 }), InvalidTypeError)
  await assert.rejects(Server.start({ streams: new Map([[7, 1]]) }), InvalidTypeError)
  await assert.rejects(Server.start({ port: '80' }), InvalidTypeError)
  await assert.rejects(Server.start({ port: 70_000 }), InvalidArgumentError)
  await assert.rejects(Server.start({ host: 7 }), InvalidTypeError)
  assert.throws(() => new Engine({ quotas: {} }), InvalidTypeError)
  assert.throws(() => new Engine(7), InvalidTypeError)
  assert.throws(() => new Server(), InvalidTypeError)
  const engine = new Engine()
  engine.createStream('orders')
  assert.throws(() => engine.createStream('orders'), ResourceInUseError)
  assert.throws(() => engine.createStream(''), InvalidArgumentError)
  assert.throws(() => engine.createStream(7), InvalidTypeError)
  assert.throws(() => engine.records('nowhere'), NotFoundError)
})

test('streams may be told as a Map', async (t) => {
  const server = disposed(t, await Server.start({ streams: new Map([['orders', 1], ['clicks', 2]]) }))
  assert.deepEqual((await client({ endpoint: server }).listStreams()).StreamNames, ['clicks', 'orders'])
})

test('quotas are on unless they are lifted', async () => {
  const engine = new Engine()
  engine.createStream('orders')
  const kinesis = client({ endpoint: engine })
  const Records = Array.from({ length: 500 }, (_, index) => ({ Data: Buffer.alloc(10), PartitionKey: `k${index}` }))
  let failed = 0
  for (let round = 0; round < 3; round += 1) failed += (await kinesis.putRecords({ StreamName: 'orders', Records })).FailedRecordCount
  assert.ok(failed > 0)
})

test('the client takes and gives the shapes of the SDK', async () => {
  const engine = new Engine()
  const kinesis = client({ endpoint: engine })
  await kinesis.createStream({ StreamName: 'orders', ShardCount: 1 })
  const put = await kinesis.putRecord({ StreamName: 'orders', Data: Buffer.from('Hello, Kinesis!'), PartitionKey: 'partitionkey' })
  assert.match(put.SequenceNumber, /^\d{56}$/)
  assert.equal(put.ShardId, 'shardId-000000000000')
  const { Shards } = await kinesis.listShards({ StreamName: 'orders' })
  assert.equal(Shards[0].HashKeyRange.EndingHashKey, String(2n ** 128n - 1n))
  const { ShardIterator } = await kinesis.getShardIterator({ StreamName: 'orders', ShardId: put.ShardId, ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(Date.now() - 1000) })
  const { Records, MillisBehindLatest } = await kinesis.getRecords({ ShardIterator, Limit: 10 })
  assert.equal(MillisBehindLatest, 0)
  assert.equal(String(Records[0].Data), 'Hello, Kinesis!')
  assert.ok(Buffer.isBuffer(Records[0].Data))
  assert.ok(Records[0].ApproximateArrivalTimestamp instanceof Date)
  assert.equal(Records[0].PartitionKey, 'partitionkey')
  assert.deepEqual((await kinesis.listStreams()).StreamNames, ['orders'])
  assert.equal((await kinesis.call('DescribeStreamSummary', { StreamName: 'orders' })).StreamDescriptionSummary.OpenShardCount, 1)
})

test('every operation of the service is a typed method', () => {
  const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8')
  const operations = createRequire(import.meta.url)('../native.js').operations()
  assert.ok(operations.length > 50)
  for (const operation of operations) {
    const method = operation[0].toLowerCase() + operation.slice(1)
    assert.equal(typeof Client.prototype[method], 'function', method)
    assert.match(types, new RegExp(`^  ${method}: Operation`, 'm'))
  }
})

test('the client refuses wrong types by name and passes service errors on', async () => {
  const engine = new Engine()
  engine.createStream('orders')
  const kinesis = client({ endpoint: engine })
  const put = (input) => kinesis.putRecord({ StreamName: 'orders', Data: Buffer.from('x'), PartitionKey: 'k', ...input })
  await assert.rejects(put({ Data: 'text' }), (error) => error instanceof InvalidTypeError && /Data: expected a Uint8Array/.test(error.message))
  await assert.rejects(put({ Data: new Float64Array(1) }), InvalidTypeError)
  await assert.rejects(put({ PartitionKey: '\ud800' }), (error) => error instanceof InvalidArgumentError && /PartitionKey/.test(error.message))
  await assert.rejects(put({ PartitionKey: () => {} }), InvalidTypeError)
  await assert.rejects(put({ PartitionKey: '' }), (error) => error instanceof InvalidArgumentError && error.awsCode === 'ValidationException')
  await assert.rejects(put({ StreamName: 'nowhere' }), (error) => error instanceof NotFoundError && error.awsCode === 'ResourceNotFoundException' && error.operation === 'PutRecord')
  await assert.rejects(put({ ExplicitHashKey: String(2n ** 128n) }), InvalidArgumentError)
  const nested = {}
  nested.self = nested
  await assert.rejects(put({ Tags: nested }), InvalidTypeError)
  await assert.rejects(kinesis.putRecord(Object.defineProperty({}, 'StreamARN', { enumerable: true, get() { throw new Error('trap') } })), InvalidTypeError)
  await assert.rejects(kinesis.putRecord(7), InvalidTypeError)
  await assert.rejects(kinesis.call('NoSuchOperation', {}), KinetikError)
  await assert.rejects(kinesis.call(7), InvalidTypeError)
  assert.throws(() => client({ endpoint: 7 }), InvalidTypeError)
  assert.throws(() => client({ nonsense: 7 }), InvalidArgumentError)
  assert.throws(() => client(7), InvalidTypeError)
})

test('text is refused as the data of a record alone: a tag may have that name', async () => {
  const engine = new Engine()
  engine.createStream('orders')
  const kinesis = client({ endpoint: engine })
  await kinesis.addTagsToStream({ StreamName: 'orders', Tags: { Data: 'text' } })
  assert.deepEqual((await kinesis.listTagsForStream({ StreamName: 'orders' })).Tags, [{ Key: 'Data', Value: 'text' }])
  const isRefused = (error) => error instanceof InvalidTypeError && /Data: expected a Uint8Array, got a string/.test(error.message)
  const record = { PartitionKey: 'k', Data: 'text' }
  await assert.rejects(kinesis.putRecord({ StreamName: 'orders', ...record }), isRefused)
  await assert.rejects(kinesis.putRecords({ StreamName: 'orders', Records: [{ ...record, Data: Buffer.from('x') }, record] }), isRefused)
})

test('what is no time and no whole number is refused by its member', async () => {
  const engine = new Engine()
  engine.createStream('orders')
  const kinesis = client({ endpoint: engine })
  const refuses = (answer, name) => assert.rejects(answer, (error) => error instanceof InvalidArgumentError && error.message.includes(`${name}: expected a`))
  const from = (Timestamp) => kinesis.getShardIterator({ StreamName: 'orders', ShardId: 'shardId-000000000000', ShardIteratorType: 'AT_TIMESTAMP', Timestamp })
  for (const time of [new Date(NaN), NaN, Infinity]) await refuses(from(time), 'Timestamp')
  for (const limit of [NaN, Infinity, -Infinity, 1.5, 1e30]) await refuses(kinesis.listStreams({ Limit: limit }), 'Limit')
  assert.deepEqual((await kinesis.listStreams({ Limit: 1 })).StreamNames, ['orders'])
  await from(new Date())
})

for (const where of ['memory', 'HTTP']) {
  test(`a subscription over ${where} is iterated as with the SDK, and ends with its loop`, async (t) => {
    const server = disposed(t, await Server.start({ streams: { orders: 1 }, quotas: false }))
    const kinesis = client({ endpoint: where === 'memory' ? server.engine : server })
    const { StreamDescriptionSummary: { StreamARN } } = await kinesis.describeStreamSummary({ StreamName: 'orders' })
    const { Consumer: { ConsumerARN } } = await kinesis.registerStreamConsumer({ StreamARN, ConsumerName: 'reports' })
    const put = (text) => kinesis.putRecord({ StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from(text) })
    await put('first')
    const subscribe = (Type) => kinesis.subscribeToShard({ ConsumerARN, ShardId: 'shardId-000000000000', StartingPosition: { Type } })
    const seen = []
    const { EventStream } = await subscribe('TRIM_HORIZON')
    for await (const { SubscribeToShardEvent: { Records } } of EventStream) {
      seen.push(...Records.map(({ Data }) => `${Data}`))
      if (seen.length === 2) break
      await put('second')
    }
    assert.deepEqual(seen, ['first', 'second'])
    for await (const event of EventStream) assert.fail(`an ended subscription gave ${event}`)
  })
}

const connection = {
  region: 'eu-west-1',
  profile: 'default',
  accessKeyId: 'AKID',
  secretAccessKey: 'canary',
  sessionToken: 'token',
  wire: 'cbor',
  proxy: 'none',
  caBundle: '/nowhere.pem',
  useFipsEndpoint: false,
  useDualstackEndpoint: false,
  accountIdEndpointMode: 'disabled',
  connectTimeoutMs: 1500,
  requestTimeoutMs: 5000,
}

test('the settings of a connection are those of client, producer and reader', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 1 } }))
  const options = { ...connection, endpoint: server }
  const answer = await client({ ...options, timeoutMs: 20_000, maxAttempts: 1 }).listStreams()
  assert.deepEqual(answer.StreamNames, ['orders'])
  const producer = await Producer.open('orders', { ...options, aggregate: false })
  producer.put('k', Buffer.from('x'))
  await producer.close()
  const reader = disposed(t, await Reader.open('orders', { ...options, start: 'TRIM_HORIZON', until: 'now' }))
  for await (const record of reader.records()) assert.equal(String(record.data), 'x')
})

test('wrong settings of a connection are refused by name, and secrets never shown', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 1 } }))
  for (const [wrong, word] of [
    [{ proxy: 'socks5://canary@host' }, /proxy/],
    [{ wire: 'xml' }, /auto, json or cbor/],
    [{ secretAccessKey: 'canary' }, /accessKeyId: is missing/],
    [{ proxi: 'none' }, /did you mean proxy/],
  ]) {
    const isRefused = (error) => error instanceof InvalidArgumentError && word.test(error.message) && !error.message.includes('canary')
    const options = { ...wrong, endpoint: server }
    assert.throws(() => client(options), isRefused)
    await assert.rejects(Producer.open('orders', { ...options, aggregate: true }), isRefused)
    await assert.rejects(Reader.open('orders', { ...options, start: 'LATEST' }), isRefused)
  }
})

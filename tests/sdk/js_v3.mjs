// The AWS SDK for JavaScript v3 as it is, over HTTP/2 with prior knowledge: what it does to every plain endpoint.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../peers/', import.meta.url))
const sdk = require('@aws-sdk/client-kinesis')

const [endpoint] = process.argv.slice(2)
const kinesis = new sdk.KinesisClient({
  endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
})
const call = (name, input = {}) => kinesis.send(new sdk[`${name}Command`](input))
const StreamName = 'from-js'
const shards = async () => (await call('ListShards', { StreamName })).Shards
const read = async (ShardId) => {
  const { ShardIterator } = await call('GetShardIterator', { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' })
  const { Records } = await call('GetRecords', { ShardIterator })
  return Records.map(({ Data }) => Buffer.from(Data).toString())
}

await call('CreateStream', { StreamName, ShardCount: 2 })
const { StreamDescriptionSummary: { StreamARN, StreamStatus } } = await call('DescribeStreamSummary', { StreamName })
assert.equal(StreamStatus, 'ACTIVE')

const put = await call('PutRecord', { StreamName, PartitionKey: 'a', Data: Buffer.from('one') })
assert.equal(put.ShardId, 'shardId-000000000000')
const Records = Array.from({ length: 500 }, (_, n) => ({ PartitionKey: `key-${n}`, Data: Buffer.from(`${n}`) }))
const { FailedRecordCount } = await call('PutRecords', { StreamName, Records })
assert.equal(FailedRecordCount, 0)
const all = (await Promise.all((await shards()).map(({ ShardId }) => read(ShardId)))).flat()
assert.deepEqual(all.sort(), ['one', ...Records.map((_, n) => `${n}`)].sort())

// Many at once on one connection.
const answers = await Promise.all(Array.from({ length: 100 }, (_, n) =>
  call('PutRecord', { StreamName, PartitionKey: 'b', Data: Buffer.from(`${n}`) })))
assert.equal(new Set(answers.map(({ SequenceNumber }) => SequenceNumber)).size, 100)

await call('SplitShard', {
  StreamName, ShardToSplit: 'shardId-000000000000', NewStartingHashKey: `${2n ** 126n}`,
})
assert.equal((await shards()).length, 4)
await assert.rejects(call('DescribeStream', { StreamName: 'none' }), (error) =>
  error.name === 'ResourceNotFoundException' && error.message === 'Stream none under account 000000000000 not found.')

const { Consumer: { ConsumerARN } } = await call('RegisterStreamConsumer', { StreamARN, ConsumerName: 'app' })
const { EventStream } = await call('SubscribeToShard', {
  ConsumerARN, ShardId: 'shardId-000000000000', StartingPosition: { Type: 'TRIM_HORIZON' },
})
const events = []
for await (const { SubscribeToShardEvent } of EventStream) events.push(SubscribeToShardEvent)
const pushed = events.flatMap((event) => event.Records.map(({ Data }) => Buffer.from(Data).toString()))
assert.deepEqual(pushed, await read('shardId-000000000000'))
assert.equal(events.at(-1).ChildShards.length, 2)

await call('DeleteStream', { StreamName, EnforceConsumerDeletion: true })
kinesis.destroy()

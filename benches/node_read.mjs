// What reading records of 1 KiB over HTTP costs in Node, beside the AWS SDK v3 on the same server: CPU time of the whole
// process, in turns, the median of the rounds; the server is a process of its own. Build first: `cd bindings-node && npm run
// build` (release), and `make peers`.
//
//   node benches/node_read.mjs

import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

import { Producer, Reader, Server } from '../bindings-node/index.mjs'

const RECORDS = 80_000
const SIZE = 1024
const ROUNDS = 7

/** Serves a full stream until the parent goes away. */
async function serve() {
  const server = await Server.start({ quotas: false, streams: { orders: 4 } })
  const producer = await Producer.open('orders', { aggregate: false, endpoint: server, shardLimit: false })
  for (let index = 0; index < RECORDS; index += 1) {
    if (!producer.put(`key-${index}`, randomBytes(SIZE))) await producer.ready()
  }
  await producer.close()
  process.on('disconnect', () => process.exit(0))
  process.send(server.endpoint)
}

async function byBatches(endpoint) {
  const reader = await Reader.open('orders', { start: 'TRIM_HORIZON', until: 'now', endpoint })
  let size = 0
  for await (const batch of reader) for (const record of batch) if (record.key) size += record.data.length
  await reader.close()
  return size
}

async function bySdk(endpoint) {
  const { KinesisClient, ListShardsCommand, GetShardIteratorCommand, GetRecordsCommand } = sdk
  const kinesis = new KinesisClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })
  let size = 0
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName: 'orders' }))
  for (const { ShardId } of Shards) {
    const place = { StreamName: 'orders', ShardId, ShardIteratorType: 'TRIM_HORIZON' }
    let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(place))
    for (let behind = 1; behind > 0; ) {
      const answer = await kinesis.send(new GetRecordsCommand({ ShardIterator }))
      for (const record of answer.Records) if (record.PartitionKey) size += record.Data.length
      ShardIterator = answer.NextShardIterator
      behind = answer.MillisBehindLatest
    }
  }
  kinesis.destroy()
  return size
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

const sdk = process.send ? undefined : createRequire(new URL('../tests/peers/', import.meta.url))('@aws-sdk/client-kinesis')

if (process.send) {
  await serve()
} else {
  const server = fork(fileURLToPath(import.meta.url))
  const endpoint = await new Promise((resolve) => server.once('message', resolve))
  const cases = { 'kinetik, batches': byBatches, 'AWS SDK v3, GetRecords': bySdk }
  const micros = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, read] of Object.entries(cases)) {
      const before = process.cpuUsage()
      if (await read(endpoint) !== RECORDS * SIZE) throw new Error(`${name} did not read everything`)
      const { user, system } = process.cpuUsage(before)
      micros[name].push((user + system) / RECORDS)
    }
  }
  server.disconnect()
  const peer = median(micros['AWS SDK v3, GetRecords'])
  for (const [name, rounds] of Object.entries(micros)) {
    const each = median(rounds)
    console.log(`${name.padEnd(24)} ${each.toFixed(2)} us a record, ${(peer / each).toFixed(1)} times the peer's rate`)
  }
}

// What reading records of 1 KiB over HTTP costs in Node, beside the AWS SDK v3 on the same server: CPU time of the whole
// process, in turns, the median of the rounds. The server and each client are processes of their own, so that neither's
// garbage is collected at the other's expense. Build first: `cd bindings-node && npm run build` (release), and `make peers`.
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
/** The most that a record should cost, in microseconds. */
const GOAL = 1.7

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

/** Reads once for each message, and answers with the microseconds that a record cost. */
function work(read) {
  process.on('disconnect', () => process.exit(0))
  process.on('message', async (endpoint) => {
    const before = process.cpuUsage()
    if (await read(endpoint) !== RECORDS * SIZE) throw new Error(`${role} did not read everything`)
    const { user, system } = process.cpuUsage(before)
    process.send((user + system) / RECORDS)
  })
}

function start(role) {
  return fork(fileURLToPath(import.meta.url), [role])
}

function answer(child) {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`a process of its own ended with ${code}`)))
  })
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

const SERVER = 'server'
const PEER = 'AWS SDK v3, GetRecords'
const CLIENTS = { 'kinetik, batches': byBatches, [PEER]: bySdk }
const role = process.send && process.argv[2]
const sdk = role === PEER ? createRequire(new URL('../tests/peers/', import.meta.url))('@aws-sdk/client-kinesis') : undefined

if (role === SERVER) {
  await serve()
} else if (role) {
  work(CLIENTS[role])
} else {
  const server = start(SERVER)
  const endpoint = await answer(server)
  const clients = Object.keys(CLIENTS).map((name) => ({ name, process: start(name), micros: [] }))
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const client of clients) {
      client.process.send(endpoint)
      client.micros.push(await answer(client.process))
    }
  }
  for (const child of [server, ...clients.map((client) => client.process)]) child.disconnect()
  const peer = median(clients.find((client) => client.name === PEER).micros)
  for (const { name, micros } of clients) {
    const each = median(micros)
    const goal = name === PEER ? '' : `, goal ${GOAL}`
    console.log(`${name.padEnd(24)} ${each.toFixed(2)} us a record, ${(peer / each).toFixed(1)} times the peer's rate${goal}`)
  }
}

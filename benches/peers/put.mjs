// A client of Node as a worker of benches/put: put.mjs CLIENT ENDPOINT STREAM BYTES. Says `ready`; then puts as many records
// as each line of its input says, waits until all are acknowledged, and answers with the seconds of CPU time of this
// process and of wall time.

import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const KEYS = Array.from({ length: 256 }, (_, n) => `user-${String(n).padStart(11, '0')}`)
// The most records and bytes that a request takes.
const ENTRIES = 500
const BYTES = 5_000_000

const [client, endpoint, stream, size] = process.argv.slice(2)
const data = Buffer.alloc(Number(size), 'x')
const account = { accessKeyId: 'test', secretAccessKey: 'test' }
const region = 'us-east-1'

async function byKinetik(aggregate) {
  const { Producer } = await import('../../bindings-node/index.mjs')
  const producer = await Producer.open(stream, { aggregate, endpoint, region, shardLimit: false, ...account })
  return async (count) => {
    for (let n = 0; n < count; n += 1) {
      if (!producer.put(KEYS[n % 256], data)) await producer.ready()
    }
    await producer.flush()
  }
}

function bySdk() {
  const require = createRequire(new URL('../../tests/peers/', import.meta.url))
  const { KinesisClient, PutRecordsCommand } = require('@aws-sdk/client-kinesis')
  const { NodeHttpHandler } = require('@smithy/node-http-handler')
  // HTTP/1.1: what it speaks by itself, HTTP/2, costs it more.
  const kinesis = new KinesisClient({ endpoint, region, credentials: account, requestHandler: new NodeHttpHandler() })
  const entries = Math.min(ENTRIES, Math.floor(BYTES / (data.length + 100)))
  return async (count) => {
    for (let first = 0; first < count; first += entries) {
      const Records = []
      for (let n = first; n < Math.min(first + entries, count); n += 1) Records.push({ PartitionKey: KEYS[n % 256], Data: data })
      const answer = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }))
      if (answer.FailedRecordCount > 0) throw new Error('the server refused a record')
    }
  }
}

const clients = { kinetik: () => byKinetik(true), 'kinetik-plain': () => byKinetik(false), sdk: bySdk }
const put = await clients[client]()
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [wall, cpu] = [process.hrtime.bigint(), process.cpuUsage()]
  await put(Number(line))
  const { user, system } = process.cpuUsage(cpu)
  console.log((user + system) / 1e6, Number(process.hrtime.bigint() - wall) / 1e9)
}
process.exit(0)

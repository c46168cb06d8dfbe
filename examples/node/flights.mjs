// Sends a file of records through a producer, reads the stream back and compares.
//
//   node flights.mjs --file RECORDS.tsv [--endpoint URL] [--stream NAME] [--shards N]
//
// The file holds a record a line: key, tab, JSON. Prints one JSON line with the figures; exits with 1 when a record is
// missing, changed, out of its shard's order or on a shard that does not hold its key's hash.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { Producer, Reader, ShardMap, client, hashKey } from '../../bindings-node/index.mjs'

const { values: options } = parseArgs({
  options: {
    endpoint: { type: 'string', default: 'memory://' },
    stream: { type: 'string', default: 'flights' },
    file: { type: 'string' },
    shards: { type: 'string', default: '4' },
  },
})
if (options.file === undefined) {
  console.error('usage: node flights.mjs --file RECORDS.tsv [--endpoint URL] [--stream NAME] [--shards N]')
  process.exit(2)
}
const { endpoint, stream } = options

/** A digest that does not depend on order: the sums of the words of every payload's SHA-256. */
class Digest {
  #sums = new Uint32Array(8)

  add(payload) {
    const hash = createHash('sha256').update(payload).digest()
    for (let word = 0; word < 8; word += 1) this.#sums[word] += hash.readUInt32BE(word * 4)
  }

  get hex() {
    return Buffer.from(this.#sums.buffer).toString('hex')
  }
}

/** Keys and payloads of the file's lines. */
function load(path) {
  const file = readFileSync(path)
  const records = []
  for (let line = 0; line < file.length; ) {
    const end = file.indexOf('\n', line) < 0 ? file.length : file.indexOf('\n', line)
    const tab = file.indexOf('\t', line)
    records.push({ key: file.toString('utf8', line, tab), data: file.subarray(tab + 1, end) })
    line = end + 1
  }
  return records
}

async function send(records) {
  const producer = await Producer.open(stream, { aggregate: true, endpoint, shardLimit: false })
  for (const { key, data } of records) {
    if (!producer.put(key, data)) await producer.ready()
  }
  return producer.close({ timeoutMs: 120_000 })
}

async function receive() {
  const batches = []
  const reader = await Reader.open(stream, { start: 'TRIM_HORIZON', until: 'now', endpoint })
  for await (const batch of reader) batches.push(batch)
  await reader.close()
  return batches
}

/** What was read, and how much of it is not where it belongs. */
function judge(batches, map) {
  const [digest, aggregates, last] = [new Digest(), new Set(), new Map()]
  const found = { records: 0, kinesis_records: 0, bytes: 0, out_of_order: 0, out_of_range: 0 }
  for (const record of batches.flatMap((batch) => [...batch])) {
    found.records += 1
    found.bytes += record.data.length
    digest.add(record.data)
    aggregates.add(record.sequenceNumber)
    const before = last.get(record.shardId)
    if (before !== undefined && !follows(before, record)) found.out_of_order += 1
    last.set(record.shardId, record)
    if (!record.inRange || map.route(hashKey(record.key)) !== record.shardId) found.out_of_range += 1
  }
  return { ...found, kinesis_records: aggregates.size, digest: digest.hex }
}

function follows(before, record) {
  if (before.sequenceNumber === record.sequenceNumber) return record.subSequenceNumber > before.subSequenceNumber
  return BigInt(record.sequenceNumber) > BigInt(before.sequenceNumber)
}

const kinesis = client({ endpoint })
await kinesis.createStream({ StreamName: stream, ShardCount: Number(options.shards) })
const { Shards } = await kinesis.listShards({ StreamName: stream })

const records = load(options.file)
const sent = new Digest()
for (const { data } of records) sent.add(data)

const started = performance.now()
const ledger = await send(records)
const batches = await receive()
const seconds = (performance.now() - started) / 1000

const { digest, ...found } = judge(batches, new ShardMap(Shards))
console.log(JSON.stringify({ ...found, seconds, failures: ledger.failed.records }))
const isWhole = found.records === records.length && digest === sent.hex
process.exitCode = isWhole && found.out_of_order === 0 && found.out_of_range === 0 ? 0 : 1

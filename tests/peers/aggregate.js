// Aggregates what comes in with aws-kinesis-agg, and reads with it what kinetik aggregated (tests/codec_peers.rs).
'use strict'

const { RecordAggregator, deaggregateSync } = require('aws-kinesis-agg')

function made(records) {
  const aggregator = new RecordAggregator()
  for (const sample of records.split(';')) {
    const [key, hashKey, data] = sample.split(',')
    aggregator.addUserRecord({
      partitionKey: Buffer.from(key, 'hex').toString(),
      explicitHashKey: hashKey || undefined,
      data: Buffer.from(data, 'hex'),
    })
  }
  return aggregator.build().data
}

function read(ours) {
  const record = { partitionKey: 'a', sequenceNumber: '1', data: Buffer.from(ours, 'hex').toString('base64') }
  let lines
  deaggregateSync(record, true, (error, userRecords) => {
    if (error) throw error
    lines = userRecords.map((record) => {
      const key = Buffer.from(record.partitionKey).toString('hex')
      return `${key},${record.explicitPartitionKey ?? ''},${Buffer.from(record.data, 'base64').toString('hex')}`
    })
  })
  return lines.join(';')
}

const input = require('node:fs').readFileSync(0, 'utf8').trim().split('\n')
const output = input.map((line) => {
  const [records, ours] = line.split(' ')
  return `${made(records).toString('hex')} ${read(ours)}`
})
process.stdout.write(output.join('\n') + '\n')

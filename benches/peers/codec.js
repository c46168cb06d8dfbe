// User records per CPU-second of aws-kinesis-agg: node codec.js COUNT BYTES (benches/codec.rs).
'use strict'

const path = require('node:path')
const { RecordAggregator, deaggregateSync } = require(path.join(__dirname, '../../tests/peers/node_modules/aws-kinesis-agg'))

const [count, size] = process.argv.slice(2).map(Number)
const records = Array.from({ length: count }, (_, i) => ({
  partitionKey: `key-${String(i).padStart(12, '0')}`,
  data: Buffer.from(Array.from({ length: size }, (_, k) => (i * 31 + k) % 256)),
}))

function aggregate() {
  const aggregator = new RecordAggregator()
  for (const record of records) aggregator.addUserRecord(record)
  return aggregator.build().data
}

const event = { partitionKey: 'a', sequenceNumber: '1', data: aggregate().toString('base64') }

function deaggregate() {
  deaggregateSync(event, true, (error, found) => {
    if (error || found.length !== count) throw error ?? new Error('records are missing')
  })
}

function rate(work) {
  const spent = (start) => {
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1e6
  }
  const rates = []
  for (let round = 0; round < 9; round++) {
    const start = process.cpuUsage()
    let runs = 0
    while (spent(start) < 0.05) {
      work()
      runs++
    }
    rates.push((runs * count) / spent(start))
  }
  return rates.sort((a, b) => a - b)[4]
}

console.log(rate(aggregate), rate(deaggregate))

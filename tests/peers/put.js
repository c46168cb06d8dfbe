// Puts numbered records as a client of Node does, in aggregates of aws-kinesis-agg by the AWS SDK: put.js URL STREAM COUNT
'use strict'

const { KinesisClient, PutRecordsCommand } = require('@aws-sdk/client-kinesis')
const { RecordAggregator } = require('aws-kinesis-agg')

async function main(endpoint, StreamName, count) {
  const kinesis = new KinesisClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  const records = Array.from({ length: Number(count) }, (_, n) => ({
    partitionKey: `npm-${n % 10}`,
    explicitHashKey: '1',
    data: Buffer.from(String(n)),
  }))
  for (let start = 0; start < records.length; start += 100) {
    const aggregator = new RecordAggregator()
    for (const record of records.slice(start, start + 100)) aggregator.addUserRecord(record)
    const { partitionKey: PartitionKey, explicitHashKey: ExplicitHashKey, data: Data } = aggregator.build()
    const answer = await kinesis.send(new PutRecordsCommand({ StreamName, Records: [{ PartitionKey, ExplicitHashKey, Data }] }))
    if (answer.FailedRecordCount > 0) throw new Error('the server refused a record')
  }
  kinesis.destroy()
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exit(1)
})

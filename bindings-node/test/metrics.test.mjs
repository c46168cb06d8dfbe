import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Engine, InvalidArgumentError, InvalidTypeError, Producer, Reader, hashKey } from '../index.mjs'

const RECORDS = 600

async function filled(body) {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 2)
  const producer = await Producer.open('orders', { aggregate: true, endpoint: engine })
  for (let n = 0; n < RECORDS; n++) producer.put(n % 2 ? 'hot' : `user-${n}`, Buffer.from('an order'))
  await producer.flush()
  try {
    await body(producer, engine)
  } finally {
    await producer.close()
  }
}

test('metrics are values by the names of the KPL, and those of shards add up', () => filled((producer) => {
  const metrics = producer.metrics
  assert.equal(metrics.UserRecordsPut, RECORDS)
  assert.equal(metrics.BufferingTime.count, RECORDS)
  const shards = Object.values(metrics.shards).map((shard) => shard.UserRecordsPut)
  assert.equal(shards.reduce((sum, records) => sum + records, 0), RECORDS)
}))

test('metrics are texts for Prometheus, CloudWatch and OpenTelemetry', () => filled((producer) => {
  assert.match(producer.metricsText('prometheus'), /^kinetik_UserRecordsPut\{StreamName="orders"\} 600$/m)
  const lines = producer.metricsText('emf').trim().split('\n').map((line) => JSON.parse(line))
  assert.ok(lines.every((line) => line._aws.CloudWatchMetrics[0].Namespace === 'KinesisProducerLibrary'))
  assert.equal(producer.metricsText('emf').includes('UserRecordsPut'), false, 'nothing happened since')
  const [scope] = JSON.parse(producer.metricsText('otlp')).resourceMetrics[0].scopeMetrics
  const { dataPoints } = scope.metrics.find((metric) => metric.name === 'UserRecordsPut').sum
  assert.equal(dataPoints.find((point) => point.attributes.length === 1).asInt, '600')
  assert.deepEqual(JSON.parse(producer.metricsText('json')), producer.metrics)
}))

test('the skew report names the hottest key and how many shards would do', () => filled((producer) => {
  const { keys, shards_needed: needed, is_one_key_too_much: isTooMuch } = producer.skew
  assert.equal(keys[0].key, 'hot')
  assert.equal(BigInt(keys[0].hash_key), hashKey('hot'))
  assert.ok(Math.abs(keys[0].records - 0.5) < 0.01)
  assert.deepEqual([needed, isTooMuch], [1, false])
}))

test('a reader tells its metrics in the same formats', () => filled(async (_, endpoint) => {
  const reader = await Reader.open('orders', { start: 'TRIM_HORIZON', until: 'now', endpoint })
  for await (const _ of reader.records());
  assert.match(reader.metricsText('prometheus'), /^kinetik_reader_records\{stream="orders"\} 600$/m)
  assert.equal(JSON.parse(reader.metricsText('json')).records, RECORDS)
  await reader.close()
}))

test('an unknown format is refused with the known ones', () => filled((producer) => {
  assert.throws(() => producer.metricsText('csv'), (error) =>
    error instanceof InvalidArgumentError && /format.*json, prometheus, emf or otlp/.test(error.message))
  assert.throws(() => producer.metricsText(7), InvalidTypeError)
}))

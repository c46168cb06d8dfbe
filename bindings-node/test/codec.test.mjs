import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { CorruptAggregateError, InvalidArgumentError, InvalidTypeError, ShardMap, aggregate, deaggregate, hashKey } from '../index.mjs'

const md5 = (text) => BigInt(`0x${createHash('md5').update(text).digest('hex')}`)

test('a hash key is the MD5 of the UTF-8 key as a big-endian number', () => {
  for (const key of ['a', 'user-1234567890', 'é'.repeat(256), '😀', '\u{fffd}']) assert.equal(hashKey(key), md5(key))
})

test('keys that the service would refuse are refused with the limit named', () => {
  for (const key of ['', 'x'.repeat(257), '😀'.repeat(257)]) {
    assert.throws(() => hashKey(key), (error) => error instanceof InvalidArgumentError && /partition_key.*1 to 256/.test(error.message))
  }
  assert.throws(() => hashKey('half \ud83d'), (error) => error instanceof InvalidArgumentError && /lone surrogate/.test(error.message))
  for (const key of [undefined, null, 7, Buffer.from('a'), {}]) assert.throws(() => hashKey(key), InvalidTypeError)
})

test('the map of a fresh stream routes as the service does', () => {
  const map = ShardMap.even(4)
  assert.equal(map.length, 4)
  assert.equal(map.route(0n), 'shardId-000000000000')
  assert.equal(map.route(85070591730234615865843651857942052864n), 'shardId-000000000001')
  assert.equal(map.route(2n ** 128n - 1n), 'shardId-000000000003')
  assert.equal(map.routeKey('user-1'), map.route(hashKey('user-1')))
})

test('a map is made of what ListShards answers, closed shards left out', () => {
  const shard = (id, start, end, closed) => ({
    ShardId: `shardId-00000000000${id}`,
    HashKeyRange: { StartingHashKey: String(start), EndingHashKey: String(end) },
    SequenceNumberRange: { StartingSequenceNumber: '49646437577108476416916876405825929425585429676275269634', ...(closed && { EndingSequenceNumber: '49646437577119626789516141717395488358902146099801227266' }) },
  })
  const half = 2n ** 127n
  const map = new ShardMap([shard(0, 0n, 2n ** 128n - 1n, true), shard(1, 0n, half - 1n), shard(2, half, 2n ** 128n - 1n)])
  assert.equal(map.length, 2)
  assert.equal(map.route(half), 'shardId-000000000002')
})

test('maps refuse what is no hash key and no shard', () => {
  const map = ShardMap.even(2)
  for (const key of [-1n, 2n ** 128n]) assert.throws(() => map.route(key), InvalidArgumentError)
  for (const key of [1, '1', undefined]) assert.throws(() => map.route(key), InvalidTypeError)
  for (const shards of [0, 1.5, 100_001, 1e9, -1]) assert.throws(() => ShardMap.even(shards), InvalidArgumentError)
  assert.throws(() => ShardMap.even(1e9), /shards: expected 1 to 100000/)
  assert.equal(ShardMap.even(100_000).length, 100_000)
  assert.throws(() => ShardMap.even('4'), InvalidTypeError)
  for (const shards of [7, 'x', [1], [{}]]) assert.throws(() => new ShardMap(shards), InvalidTypeError)
})

test('user records come back out of an aggregate as they went in', () => {
  const records = [
    { key: 'a', data: Buffer.from('one') },
    { key: 'é😀', data: Buffer.alloc(0), explicitHashKey: 2n ** 128n - 1n },
    { key: 'a', data: new Uint8Array([1, 2, 3]), explicitHashKey: 0n },
  ]
  const found = deaggregate(aggregate(records), 'outer')
  assert.deepEqual(found.map(({ key }) => key), ['a', 'é😀', 'a'])
  assert.deepEqual(found.map(({ data }) => [...data]), records.map(({ data }) => [...data]))
  assert.deepEqual(found.map(({ explicitHashKey }) => explicitHashKey), [undefined, 2n ** 128n - 1n, 0n])
  assert.deepEqual(found.map(({ subSequenceNumber }) => subSequenceNumber), [0, 1, 2])
})

test('the bytes are the KPL format: magic, protobuf, MD5 of the body', () => {
  const data = aggregate([{ key: 'a', data: Buffer.from('x') }])
  assert.equal(data.subarray(0, 4).toString('hex'), 'f3899ac2')
  assert.equal(data.subarray(-16).toString('hex'), createHash('md5').update(data.subarray(4, -16)).digest('hex'))
})

test('views with an offset and data that is no aggregate are read where they lie', () => {
  const inner = aggregate([{ key: 'k', data: Buffer.from('payload') }])
  const outer = new Uint8Array(inner.length + 10).fill(9)
  outer.set(inner, 7)
  assert.equal(String(deaggregate(outer.subarray(7, 7 + inner.length))[0].data), 'payload')
  for (const plain of [Buffer.from('plain'), Buffer.alloc(0), inner.subarray(0, -1)]) {
    const [record, ...rest] = deaggregate(plain, 'outer')
    assert.deepEqual([record.key, record.subSequenceNumber, rest.length], ['outer', undefined, 0])
    assert.deepEqual([...record.data], [...plain])
  }
})

test('an aggregate in which a record names a missing key is refused whole, unless it need not be strict', () => {
  const body = Buffer.from('0a01611a0508001a01311a0508071a0132', 'hex')
  const damaged = Buffer.concat([Buffer.from('f3899ac2', 'hex'), body, createHash('md5').update(body).digest()])
  for (const options of [undefined, {}, { strict: true }, { strict: undefined }]) assert.throws(() => deaggregate(damaged, 'outer', options), CorruptAggregateError)
  const kept = deaggregate(damaged, 'outer', { strict: false })
  assert.deepEqual(kept.map(({ key, data, subSequenceNumber }) => [key, `${data}`, subSequenceNumber]), [['a', '1', 0]])
  assert.throws(() => deaggregate(damaged, 'outer', { strict: 'no' }), InvalidTypeError)
  assert.throws(() => deaggregate(damaged, 'outer', { strikt: false }), /did you mean strict/)
})

test('the codec refuses bad records with their index, and what is no data', () => {
  const data = Buffer.from('x')
  const bad = [[{ key: '', data }, InvalidArgumentError], [{ key: 7, data }, InvalidTypeError], [{ key: 'k', data: 'x' }, InvalidTypeError], [{ key: 'k', data, explicitHashKey: -1n }, InvalidArgumentError], [7, InvalidTypeError], [null, InvalidTypeError]]
  for (const [record, Kind] of bad) {
    assert.throws(() => aggregate([{ key: 'k', data }, record]), (error) => error instanceof Kind && error.index === 1)
  }
  for (const records of [7, undefined, {}]) assert.throws(() => aggregate(records), InvalidTypeError)
  for (const value of ['text', 7, undefined, null, new ArrayBuffer(3)]) assert.throws(() => deaggregate(value), InvalidTypeError)
})

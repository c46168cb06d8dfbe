'use strict'
// The KPL format, hashing and routing on their own.

const native = require('../native.js')
const check = require('./check.js')

/** One aggregate of user records that belong to the same shard. */
function aggregate(records) {
  if (typeof records?.[Symbol.iterator] !== 'function') throw check.wrongType('records', 'an iterable of { key, data }', records)
  return native.aggregate([...records])
}

/** The user records in a record's data, as views of it; data that is no aggregate is one record. */
function deaggregate(data, partitionKey = '', options) {
  const found = native.deaggregate(data, check.flag('strict', check.known(options, ['strict']).strict, true))
  const block = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (found === null) return [{ key: check.string('partitionKey', partitionKey), data: block }]
  const { places, hashKeys } = found
  const records = new Array(places.length / 4)
  for (let index = 0, place = 0; index < records.length; index += 1, place += 4) {
    const record = { key: block.utf8Slice(places[place], places[place + 1]), data: block.subarray(places[place + 2], places[place + 3]), subSequenceNumber: index }
    if (index in hashKeys) record.explicitHashKey = hashKeys[index]
    records[index] = record
  }
  return records
}

const hashKey = (partitionKey) => native.hashKey(partitionKey)

class ShardMap {
  #native

  constructor(shards) {
    this.#native = shards instanceof native.NativeShardMap ? shards : native.NativeShardMap.listed(shards)
  }

  static even(shards) {
    return new ShardMap(native.NativeShardMap.even(check.small('shards', shards, 1, 1)))
  }

  get length() {
    return this.#native.length()
  }

  route(hash) {
    return this.#native.route(hash) ?? undefined
  }

  routeKey(partitionKey) {
    return this.#native.routeKey(partitionKey) ?? undefined
  }
}

module.exports = { aggregate, deaggregate, hashKey, ShardMap }

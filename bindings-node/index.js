'use strict'
// kinetik for Node: what `require('kinetik')` gives.

const { aggregate, deaggregate, hashKey, ShardMap } = require('./lib/codec.js')
const { Client, client } = require('./lib/client.js')
const { Engine, Server } = require('./lib/engine.js')
const { Producer } = require('./lib/producer.js')
const { Reader, Batch, Record } = require('./lib/reader.js')
const errors = require('./errors.js')
const { version } = require('./package.json')

module.exports = { Producer, Reader, Batch, Record, Client, client, Engine, Server, aggregate, deaggregate, hashKey, ShardMap, version, ...errors }

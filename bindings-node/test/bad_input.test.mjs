// Bad input in Node: every row of docs/bad-input.md, which the other languages read, too.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import * as kinetik from '../index.mjs'

const { Engine, Producer, Reader } = kinetik
const PAGE = new URL('../../docs/bad-input.md', import.meta.url)
const NUMBERS = new Map(createRequire(import.meta.url)('../native.js').errorKinds().map(({ code, number }) => [code, number]))

/** Case, kind and words of each row that Node tries. */
const rows = readFileSync(PAGE, 'utf8').split('\n').filter((line) => line.startsWith('|')).slice(2)
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
  .filter(([, , , triedIn]) => triedIn.split(', ').includes('Node'))
  .map(([name, kind, words]) => ({ name, kind, words: words.split('; ') }))

const data = Buffer.from('data')
const hashKey = (explicitHashKey) => ['k', data, { explicitHashKey }]

/** The arguments of a put. */
const RECORDS = {
  'an empty key': ['', data],
  'a key of 257 characters': ['k'.repeat(257), data],
  'a key of 257 characters of four bytes': ['😀'.repeat(257), data],
  'a key that is no Unicode text': ['kkk\ud800', data],
  'a key that is no string': [7, data],
  'text in place of bytes': ['k', 'secret'],
  'nothing in place of bytes': ['k', null],
  'an explicit hash key of 2^128': hashKey(String(2n ** 128n)),
  'an explicit hash key below zero': hashKey(-1n),
  'an explicit hash key with a leading zero': hashKey('01'),
  'an explicit hash key in letters': hashKey('one'),
  'an explicit hash key of another type': hashKey(1),
  "a record one byte over the stream's limit": ['k', Buffer.alloc(1 << 20)],
  'a closed producer': ['k', data],
}

/** The stream and the options of a producer, in place of the good ones. */
const SETTINGS = {
  'a stream that is not there': ['nowhere'],
  "a stream's name with a blank": ['no blanks'],
  'a producer that does not say whether it aggregates': ['orders', { aggregate: null }],
  'a setting below zero': ['orders', { lingerMs: -1 }],
  'an endpoint of an unknown scheme': ['orders', { endpoint: 'ftp://example.com' }],
}

const position = (where, shard = 'shardId-000000000000') => ({ start: { stream: 'orders', shards: { [shard]: where } } })
const at = (sequence_number) => position({ sequence_number })
const consumer = (arn) => ({ consumer: `arn:aws:kinesis:us-east-1:000000000000:stream/${arn}` })

/** The options of a reader and its stream, in place of the good ones. */
const READERS = {
  'a reader that does not say where it begins': { start: undefined },
  'a start that is no word, time or positions': { start: 'OLDEST' },
  'a start of another type': { start: true },
  'a start before 1970': { start: new Date(-1000) },
  'a start in the future': { start: new Date('2100-01-01') },
  'positions that are no JSON': { start: '{"shards":' },
  'positions that JSON cannot hold': position(1n),
  'positions without shards': { start: {} },
  'positions of something that is no shard': position({}, 'orders'),
  'a position that is none': position({ at: 'LATER' }),
  'a position at a sequence number in letters': at('one'),
  'a position at the sequence number of another shard': at('49646437577130777162115407028967465143858078037781250066'),
  'a position at a sequence number that never was': at('9'.repeat(56)),
  'a position at the end of a shard that is open': position({ at: 'SHARD_END' }),
  'a position in a shard that the stream never had': position({ at: 'TRIM_HORIZON' }, 'shardId-000000000007'),
  'positions of another stream': { start: { stream: 'others', shards: {} } },
  'an end that is no word and no time': { until: 'tomorrow' },
  'an end of another type': { until: true },
  'a mode that is none': { mode: 'push' },
  'a range filter that is none': { rangeFilter: 'none' },
  "a consumer's name with a blank": { consumer: 'no blanks' },
  "a consumer's ARN that is a stream's": consumer('orders'),
  "the ARN of another stream's consumer": consumer('others/consumer/app:1'),
  'duplicates dropped without taking aggregates apart': { dropDuplicates: true, deaggregate: false },
  'batches of no records': { maxRecords: 0 },
  'a buffer below zero': { bufferBytes: -1 },
  'a silence below zero': { silenceMs: -1 },
  'a setting that a reader does not have': { untill: 'now' },
  'a wait below zero': {},
  'a reader of a stream that is not there': { stream: 'nowhere' },
  "a reader of a stream's name with a blank": { stream: 'no blanks' },
  'a closed reader': {},
}

/** The option of a setting: `maxRecords` of `max_records`. */
const option = (word) => (/^[a-z_]+$/.test(word) ? word.replace(/_(.)/g, (_, letter) => letter.toUpperCase()) : word)

async function read(name, endpoint) {
  const { stream = 'orders', ...options } = READERS[name]
  const reader = await Reader.open(stream, { start: 'TRIM_HORIZON', endpoint, ...options })
  try {
    if (name === 'a closed reader') await reader.close()
    await reader.nextBatch({ maxWaitMs: name === 'a wait below zero' ? -1 : 30_000 })
  } finally {
    await reader.close()
  }
}

async function refused(name, body) {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 1)
  const producer = await Producer.open('orders', { aggregate: true, endpoint: engine })
  if (name === 'a closed producer') await producer.close()
  try {
    await body(producer, engine)
  } catch (error) {
    assert.equal(producer.ledger.accepted.records, 0)
    return error
  } finally {
    await producer.close()
  }
  return assert.fail('nothing was refused')
}

const calls = {
  put: (args) => (producer) => producer.put(...args),
  putAndWait: (args) => (producer) => producer.putAndWait(...args),
  read: (name) => (_, engine) => read(name, engine),
  open: ([stream, options]) => (_, engine) => Producer.open(stream, { aggregate: true, endpoint: engine, ...options }),
}

for (const { name, kind, words } of rows) {
  for (const call of name in READERS ? ['read'] : name in RECORDS ? ['put', 'putAndWait'] : ['open']) {
    test(`${name} is refused by ${call} as ${kind}, with field and limit`, async () => {
      const error = await refused(name, calls[call](RECORDS[name] ?? SETTINGS[name] ?? name))
      assert.ok(error instanceof kinetik[`${kind}Error`], `${error.stack}`)
      assert.deepEqual([error.code, error.number], [kind, NUMBERS.get(kind)])
      for (const word of words) assert.ok(error.message.includes(word) || error.message.includes(option(word)), `${error.message} lacks ${word}`)
      assert.doesNotMatch(error.message, /kkk|😀|secret/)
    })
  }
}

test('every case has its row', () => {
  assert.deepEqual(rows.map(({ name }) => name).sort(), Object.keys({ ...RECORDS, ...SETTINGS, ...READERS }).sort())
})

// Bad input in Node: every row of docs/bad-input.md, which the other languages read, too.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import * as kinetik from '../index.mjs'

const { Engine, Producer } = kinetik
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
  open: ([stream, options]) => (_, engine) => Producer.open(stream, { aggregate: true, endpoint: engine, ...options }),
}

for (const { name, kind, words } of rows) {
  for (const call of name in RECORDS ? ['put', 'putAndWait'] : ['open']) {
    test(`${name} is refused by ${call} as ${kind}, with field and limit`, async () => {
      const error = await refused(name, calls[call](RECORDS[name] ?? SETTINGS[name]))
      assert.ok(error instanceof kinetik[`${kind}Error`], `${error.stack}`)
      assert.deepEqual([error.code, error.number], [kind, NUMBERS.get(kind)])
      for (const word of words) assert.ok(error.message.includes(word), `${error.message} lacks ${word}`)
      assert.doesNotMatch(error.message, /kkk|😀|secret/)
    })
  }
}

test('every case has its row', () => {
  assert.deepEqual(rows.map(({ name }) => name).sort(), Object.keys({ ...RECORDS, ...SETTINGS }).sort())
})

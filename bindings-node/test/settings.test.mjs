// The settings of the core and those of the types: each has the other.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { client, Engine, Producer, Reader } from '../index.mjs'

const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8')

/** What a declaration and those that it extends hold, in order. */
function members(name) {
  const [, parent, body] = new RegExp(`export interface ${name} (?:extends (\\w+) )?{\n([^]*?)\n}`).exec(types)
  const own = [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, member]) => member)
  return parent ? [...members(parent), ...own] : own
}

/** What an unknown setting is refused with holds the names of all there are. */
async function named(open) {
  const error = await open().catch((error) => error)
  return /; there are (.*)$/.exec(error.message)[1].split(', ')
}

const far = { thereIsNoSettingOfAnythingLikeThisName: 1 }
const camel = (name) => name.replace(/_[a-z]/g, ([, letter]) => letter.toUpperCase())

const makers = {
  ProducerOptions: [() => Producer.open('orders', { aggregate: true, ...far }), ['onFailure', 'signal'], ['reports', 'putTimeout', 'pollMode']],
  ReaderOptions: [() => Reader.open('orders', { start: 'LATEST', ...far }), ['signal'], []],
  ClientOptions: [async () => client(far), ['endpoint'], []],
}

for (const [name, [open, ofNode, notInNode]] of Object.entries(makers)) {
  test(`${name} has every setting that the library knows, and no other`, async () => {
    const typed = members(name).map((member) => member.replace(/Ms$/, '')).filter((member) => !ofNode.includes(member))
    const known = (await named(open)).map(camel).filter((setting) => !notInNode.includes(setting))
    assert.deepEqual(typed.sort(), known.sort())
  })
}

test('EngineOptions has every setting of an engine, and no other', async () => {
  assert.deepEqual(members('EngineOptions').sort(), (await named(async () => new Engine(far))).sort())
})

test('every size of aggregates and calls is kept to', async () => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 1)
  const sent = async (options) => {
    const before = engine.metrics('orders')
    const producer = await Producer.open('orders', { aggregate: true, endpoint: engine, lingerMs: 50, ...options })
    for (let n = 0; n < 100; n += 1) producer.put(`key-${n}`, Buffer.alloc(100))
    await producer.close()
    const after = engine.metrics('orders')
    return ['IncomingRecords', 'PutRecords.Success'].map((name) => after[name] - before[name])
  }
  const [whole] = await sent({})
  assert.equal(whole, 1)
  const [small] = await sent({ aggregateBytes: 1_000 })
  assert.ok(small >= 10, `${small}`)
  const [, calls] = await sent({ aggregate: false, requestBytes: 1_000, maxInFlight: 1, openTimeoutMs: 10_000 })
  assert.ok(calls >= 10, `${calls}`)
  await assert.rejects(sent({ maxInFlight: 0 }), /max_in_flight/)
})

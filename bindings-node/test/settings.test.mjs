// The settings of the core and those of the types: each has the other.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { client, Engine, InvalidArgumentError, Producer, Reader } from '../index.mjs'

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

const makers = {
  ProducerOptions: (options) => Producer.open('orders', { aggregate: true, ...options }),
  ReaderOptions: (options) => Reader.open('orders', { start: 'LATEST', ...options }),
  ClientOptions: async (options) => client(options),
  EngineOptions: async (options) => new Engine(options),
}

for (const [name, make] of Object.entries(makers)) {
  test(`${name} has every setting that the library knows, and no other`, async () => {
    assert.deepEqual(members(name).sort(), (await named(() => make(far))).sort())
  })

  test(`${name} takes no name of the core: durations are in milliseconds, and say so`, async () => {
    for (const option of members(name)) {
      const setting = option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      for (const ofCore of [setting, setting.replace(/_ms$/, ''), option.replace(/Ms$/, '')].filter((one) => one !== option)) {
        await assert.rejects(make({ [ofCore]: 1 }), (error) => error instanceof InvalidArgumentError && error.message.includes(`did you mean ${option}?`), ofCore)
      }
    }
  })
}

test('an error about a setting has the name of its option', async () => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 1)
  const open = (options) => Producer.open('orders', { aggregate: true, endpoint: engine, ...options })
  const read = (options) => Reader.open('orders', { start: 'LATEST', endpoint: engine, ...options })
  for (const [call, words] of [
    [() => open({ lingerMs: 'soon' }), 'lingerMs: expected a number of milliseconds'],
    [() => open({ lingerMs: 2_000, deadlineMs: 1_000 }), 'lingerMs: a record would reach its deadline'],
    [() => open({ bufferRecords: 0 }), 'bufferRecords: expected at least 1'],
    [() => open({ secretAccessKey: 'x', endpoint: 'http://127.0.0.1:1' }), 'accessKeyId: is missing'],
    [() => read({ maxRecords: 0 }), 'maxRecords: expected a whole number'],
    [() => read({ giveUpAfterMs: -1 }), 'giveUpAfterMs: expected a number of milliseconds'],
    [() => read({ dropDuplicates: true, deaggregate: false }), 'dropDuplicates: expected deaggregate=true'],
  ]) {
    await assert.rejects(call, (error) => error instanceof InvalidArgumentError && error.message.includes(`: ${words}`) && error.stack.includes(words), words)
  }
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
  await assert.rejects(sent({ maxInFlight: 0 }), /maxInFlight/)
})

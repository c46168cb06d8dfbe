// The engine's own face: its settings, and the engine of a name.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { aggregate, client, Engine, InvalidArgumentError, InvalidTypeError, LimitExceededError, NotFoundError, Server, ShardMap, ThrottledError } from '../index.mjs'
import { disposed } from './support.mjs'

/** Every setting, with a value that tells. */
const SETTINGS = {
  quotas: false, memory: 1 << 20, whenFull: 'trim', stateDelayMs: 60_000, region: 'eu-west-1', account: '123456789012', shardLimit: 3, onDemandStreamLimit: 1,
}

const put = (kinesis, Data) => kinesis.putRecord({ StreamName: 'orders', PartitionKey: 'k', Data })

/** What a stream of the engine is described as. */
async function described(engine) {
  return (await client({ endpoint: engine }).describeStreamSummary({ StreamName: 'orders' })).StreamDescriptionSummary
}

for (const [name, make] of [['an engine', (settings) => new Engine(settings)], ['the engine of a server', async (settings) => (await Server.start(settings)).engine]]) {
  test(`${name} keeps to its settings`, async () => {
    const engine = await make(SETTINGS)
    const kinesis = client({ endpoint: engine, maxAttempts: 1 })
    assert.equal(engine.quotas, false)
    engine.createStream('orders', 3)
    const { StreamARN, StreamStatus } = await described(engine)
    assert.deepEqual([StreamARN, StreamStatus], ['arn:aws:kinesis:eu-west-1:123456789012:stream/orders', 'CREATING'])
    engine.clock.advance(60_000)
    assert.equal((await described(engine)).StreamStatus, 'ACTIVE')
    assert.throws(() => engine.createStream('more', 1), LimitExceededError)
    for (let n = 0; n < 40; n += 1) await put(kinesis, Buffer.alloc(100_000))
    assert.ok(engine.memoryUsed <= 1 << 20, `${engine.memoryUsed}`)
  })
}

test('on-demand streams have a limit of their own', async () => {
  const kinesis = client({ endpoint: new Engine({ onDemandStreamLimit: 1 }), maxAttempts: 1 })
  const create = (StreamName) => kinesis.createStream({ StreamName, StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
  await create('first')
  await assert.rejects(create('second'), LimitExceededError)
})

test('a full engine throttles unless it is to trim', async () => {
  const engine = new Engine({ memory: 1 << 20, quotas: false })
  engine.createStream('orders')
  const kinesis = client({ endpoint: engine, maxAttempts: 1 })
  await assert.rejects(async () => {
    for (let n = 0; n < 40; n += 1) await put(kinesis, Buffer.alloc(100_000))
  }, ThrottledError)
  assert.ok(engine.records('orders').length > 3)
})

test('quotas are lifted and put back at any time', async () => {
  const engine = new Engine()
  engine.createStream('orders')
  assert.equal(engine.quotas, true)
  engine.quotas = false
  const kinesis = client({ endpoint: engine })
  const Records = Array.from({ length: 500 }, () => ({ Data: Buffer.alloc(10), PartitionKey: 'k' }))
  const failed = async () => {
    let count = 0
    for (let call = 0; call < 4; call += 1) count += (await kinesis.putRecords({ StreamName: 'orders', Records })).FailedRecordCount
    return count
  }
  assert.equal(await failed(), 0)
  engine.quotas = true
  assert.notEqual(await failed(), 0)
  for (const wrong of [undefined, 'off', 0]) assert.throws(() => { engine.quotas = wrong }, InvalidTypeError)
})

test('the engine of a name is the one behind memory://NAME', async () => {
  const engine = Engine.named('node-named')
  engine.createStream('orders', 1)
  engine.faults.fail('PutRecord', { error: 'InternalFailure' })
  engine.clock.freeze()
  const kinesis = client({ endpoint: 'memory://node-named?quotas=off' })
  await put(kinesis, Buffer.from('x'))
  assert.deepEqual([engine.faults.waiting, engine.quotas], [0, false])
  const [{ data, arrivedAt }] = engine.records('orders')
  assert.equal(`${data}`, 'x')
  assert.deepEqual(arrivedAt, engine.clock.now)
  assert.throws(() => Engine.named('node-other').records('orders'), NotFoundError)
  Engine.named('node-named').reset()
  assert.throws(() => engine.records('orders'), NotFoundError)
  await client({ endpoint: 'memory://' }).createStream({ StreamName: 'by-default', ShardCount: 1 })
  assert.deepEqual(Engine.named().records('by-default'), [])
})

test('a name that no endpoint reaches is refused', () => {
  for (const name of ['', ' ', ' x', 'x ', 'two words', 'x?quotas=off', 'x?', 'x/', 'a/b', 'é', 'x'.repeat(129)]) {
    assert.throws(() => Engine.named(name), (error) => error instanceof InvalidArgumentError && /name.*1 to 128/.test(error.message), name)
  }
  for (const name of [7, null, {}]) assert.throws(() => Engine.named(name), InvalidTypeError)
})

test('settings of another name, type or size are refused by name, the nearest name told', async () => {
  const isUnknown = (near) => (error) => error instanceof InvalidArgumentError && error.message.includes(`did you mean ${near}?`)
  for (const [wrong, near] of [[{ quota: false }, 'quotas'], [{ when_full: 'trim' }, 'whenFull'], [{ stateDelay: 1 }, 'stateDelayMs']]) {
    assert.throws(() => new Engine(wrong), isUnknown(near))
    await assert.rejects(Server.start(wrong), isUnknown(near))
  }
  await assert.rejects(Server.start({ stream: { orders: 1 } }), isUnknown('streams'))
  assert.throws(() => new Engine({ port: 1 }), /there are quotas, memory/)
  for (const listed of [new Map([['quotas', false]]), new Set(), ['quotas']]) {
    assert.throws(() => new Engine(listed), (error) => error instanceof InvalidTypeError && /options: expected an object/.test(error.message))
  }
  assert.throws(() => new Engine({ nonsense: undefined, memory: -1 }), /memory/)
  for (const [wrong, text] of [
    [{ quotas: 'yes' }, /quotas: expected on or off/],
    [{ memory: 1.5 }, /memory: expected a whole number/],
    [{ memory: 1e21 }, /memory: expected a whole number/],
    [{ memory: NaN }, /memory: expected a finite number/],
    [{ whenFull: 'drop' }, /whenFull: expected throttle or trim/],
    [{ whenFull: 1 }, /whenFull: expected throttle or trim/],
    [{ stateDelayMs: -1 }, /stateDelayMs: expected a number of milliseconds, 0 or more/],
    [{ stateDelayMs: 1e300 }, /stateDelayMs/],
    [{ region: 'us east' }, /region: expected a name such as us-east-1/],
    [{ account: '7' }, /account: expected twelve digits/],
    [{ shardLimit: -1 }, /shardLimit: expected a whole number/],
    [{ onDemandStreamLimit: 0.5 }, /onDemandStreamLimit: expected a whole number/],
  ]) {
    const isRefused = (error) => error instanceof InvalidArgumentError && text.test(error.message)
    assert.throws(() => new Engine(wrong), isRefused, JSON.stringify(wrong))
    await assert.rejects(Server.start(wrong), isRefused)
  }
  for (const wrong of [{ quotas: null }, { memory: {} }, { whenFull: ['trim'] }, { account: () => {} }, { region: null }]) {
    const isRefused = (error) => error instanceof InvalidTypeError && error.message.includes(Object.keys(wrong)[0])
    assert.throws(() => new Engine(wrong), isRefused, JSON.stringify(wrong))
    await assert.rejects(Server.start(wrong), isRefused)
  }
})

test('numbers of shards beyond 32 bits are refused, not cut off', async () => {
  const engine = new Engine()
  engine.createStream('orders', 1)
  const isRefused = (error) => error instanceof InvalidArgumentError && /shards?: expected a whole number from . to 4294967295/.test(error.message)
  for (const call of [() => engine.createStream('more', 2 ** 32 + 1), () => engine.metrics('orders', 2 ** 32), () => ShardMap.even(2 ** 32 + 1)]) assert.throws(call, isRefused)
  await assert.rejects(Server.start({ streams: { orders: 2 ** 32 + 1 } }), isRefused)
})

test('a server stands in front of an engine that is there', async (t) => {
  const engine = new Engine({ region: 'eu-west-1' })
  engine.createStream('orders', 1)
  const server = disposed(t, await Server.start({ engine, streams: { more: 1 } }))
  const kinesis = client({ endpoint: server })
  await put(kinesis, Buffer.from('x'))
  assert.deepEqual((await kinesis.listStreams()).StreamNames, ['more', 'orders'])
  assert.equal(engine.records('orders').length, 1)
  assert.equal(server.clientConfig().region, 'eu-west-1')
  await assert.rejects(Server.start({ engine, quotas: false }), (error) => error instanceof InvalidArgumentError && /engine.*no quotas/.test(error.message))
  for (const wrong of [7, null, {}, server]) await assert.rejects(Server.start({ engine: wrong }), InvalidTypeError)
})

test('stored records tell when they arrived, and what is no sound aggregate is shown as it is', async () => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 1)
  engine.clock.freeze()
  const before = engine.clock.now
  const kinesis = client({ endpoint: engine })
  const body = Buffer.from('0a01611a0508071a0132', 'hex')
  const damaged = Buffer.concat([Buffer.from('f3899ac2', 'hex'), body, createHash('md5').update(body).digest()])
  await put(kinesis, aggregate([{ key: 'a', data: Buffer.from('1') }, { key: 'b', data: Buffer.from('2') }]))
  engine.clock.advance(1_000)
  await put(kinesis, damaged)
  const found = engine.records('orders')
  assert.deepEqual(found.map(({ key, subSequenceNumber }) => [key, subSequenceNumber]), [['a', 0], ['b', 1], ['k', undefined]])
  assert.deepEqual(found.at(-1).data, damaged)
  assert.ok(found.every(({ arrivedAt }) => arrivedAt instanceof Date))
  assert.deepEqual(found.map(({ arrivedAt }) => arrivedAt - before), [0, 0, 1_000])
})

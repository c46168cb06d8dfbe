import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { Engine, Producer, Reader, Server } from '../index.mjs'
import { disposed } from './support.mjs'

const HOME = fileURLToPath(new URL('..', import.meta.url))

/** Runs a program in a process of its own; ends it after a minute, so that a hang is a failure. */
async function run(program, ...args) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, ...args], { cwd: HOME, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => { out += data })
  child.stderr.on('data', (data) => { err += data })
  const [code, signal] = await once(child, 'close')
  return { code, signal, out, err }
}

const OPEN = `
  import { Engine, Producer, Reader, Server } from './index.mjs'
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 2)
  const producer = await Producer.open('orders', { aggregate: true, endpoint: process.argv[1] ?? engine, lingerMs: 50 })
`

const endsWell = ({ code, signal, err }) => assert.deepEqual([code, signal, err], [0, null, ''])

test('an open producer and a server do not keep Node alive', async () => {
  endsWell(await run(`${OPEN} const server = await Server.start({ streams: { a: 1 } })`))
})

test('records that were only put are delivered when the program ends', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 2 }, quotas: false }))
  endsWell(await run(`${OPEN} for (let i = 0; i < 1000; i += 1) producer.put('k' + i, Buffer.from('x'))`, server.endpoint))
  assert.equal(server.records('orders').length, 1000)
})

test('a tracked record keeps Node alive until its receipt', async () => {
  const ended = await run(`${OPEN} producer.putAndWait('k', Buffer.from('x')).then((receipt) => console.log(receipt.shardId.length))`)
  endsWell(ended)
  assert.equal(ended.out, '20\n')
})

test('promises keep their producer, whatever is collected', async () => {
  const ended = await run(`${OPEN}
    const { setFlagsFromString } = await import('node:v8')
    setFlagsFromString('--expose-gc')
    const { runInNewContext } = await import('node:vm')
    const promise = Producer.open('orders', { aggregate: true, endpoint: engine, lingerMs: 200 }).then((forgotten) => forgotten.putAndWait('k', Buffer.from('x')))
    const collect = setInterval(runInNewContext('gc'), 10)
    console.log((await promise).attempts)
    clearInterval(collect)`)
  endsWell(ended)
  assert.equal(ended.out, '1\n')
})

test('a closed producer is collected, and its onFailure that holds it', async () => {
  endsWell(await run(`${OPEN}
    const { setFlagsFromString } = await import('node:v8')
    setFlagsFromString('--expose-gc')
    const { runInNewContext } = await import('node:vm')
    const collect = runInNewContext('gc')
    async function use() {
      const onFailure = () => closed
      const closed = await Producer.open('orders', { aggregate: true, endpoint: engine, onFailure })
      await closed.close()
      return new WeakRef(onFailure)
    }
    const held = await use()
    // What was looked at is kept until the event loop turns.
    do { await new Promise(setImmediate); collect() } while (held.deref() !== undefined)`))
})

test('process.exit with records in flight ends with its own code', async () => {
  const { code, signal } = await run(`${OPEN}
    for (let i = 0; i < 20000; i += 1) producer.put('k' + i, Buffer.alloc(100))
    for (let i = 0; i < 100; i += 1) producer.putAndWait('w' + i, Buffer.alloc(100))
    process.exit(7)`)
  assert.deepEqual([code, signal], [7, null])
})

test('an uncaught exception of the program ends it as ever', async () => {
  const { code, err } = await run(`${OPEN} producer.put('k', Buffer.from('x')); throw new Error('the program failed')`)
  assert.equal(code, 1)
  assert.match(err, /the program failed/)
})

test('a callback that throws becomes a warning', async () => {
  const { code, out, err } = await run(`${OPEN}
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const lossy = await Producer.open('orders', { aggregate: true, endpoint: engine, lingerMs: 1, deadlineMs: 100, onFailure() { console.log('called'); throw new Error('in the callback') } })
    engine.reset()
    lossy.put('k', Buffer.from('x'))
    const kept = []
    await lossy.flush().catch(({ failures }) => kept.push(...failures))
    await warned
    lossy.put('l', Buffer.from('y'))
    await lossy.close().catch(({ failures }) => kept.push(...failures))
    console.log('kept', ...kept.map(({ key }) => key))`)
  assert.equal(code, 0, err)
  assert.match(out, /called[^]*kept k l/)
  assert.match(err, /in the callback/)
})

/** A producer whose records fail, with an onFailure that never ends, which is at work. */
const STUCK = `
  let isCalled = false
  const onFailure = () => { isCalled = true; return new Promise(() => {}) }
  const stuck = await Producer.open('orders', { aggregate: true, endpoint: engine, lingerMs: 1, deadlineMs: 100, exitTimeoutMs: 600_000, onFailure })
  engine.reset()
  stuck.put('k', Buffer.from('x'))
  while (!isCalled) await new Promise(setImmediate)
`

test('a program ends although onFailure has not', async () => {
  endsWell(await run(`${OPEN} ${STUCK} stuck.put('l', Buffer.from('fails at the end'))`))
})

test('workers that are terminated while onFailure is at work leave the process well', async () => {
  endsWell(await run(`
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    const work = ${JSON.stringify(`
      const { parentPort } = require('node:worker_threads')
      const { Engine, Producer } = require(${JSON.stringify(HOME)})
      const engine = new Engine({ quotas: false })
      engine.createStream('orders', 2)
      const main = async () => { ${STUCK} stuck.put('l', Buffer.from('x')); parentPort.postMessage('stuck') }
      main()
      setInterval(() => {}, 1_000)
    `)}
    for (let round = 0; round < 5; round += 1) {
      const worker = new Worker(work, { eval: true, execArgv: [] })
      await once(worker, 'message')
      await worker.terminate()
    }`))
})

const WORK = `
  const { parentPort } = require('node:worker_threads')
  const { Engine, Producer, Reader } = require(${JSON.stringify(HOME)})
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 2)
  Producer.open('orders', { aggregate: true, endpoint: engine, lingerMs: 1 }).then((producer) => {
    let sent = 0
    const loop = () => {
      for (let i = 0; i < 200; i += 1) producer.put('k' + i, Buffer.alloc(100))
      for (let i = 0; i < 20; i += 1) producer.putAndWait('w' + i, Buffer.alloc(100)).catch(() => {})
      if (sent++ === 2) parentPort.postMessage('busy')
      setImmediate(loop)
    }
    loop()
  })
`

test('workers that are terminated in the middle of their work leave the process well', async () => {
  for (let round = 0; round < 12; round += 1) {
    const worker = new Worker(WORK, { eval: true })
    await Promise.race([once(worker, 'message'), once(worker, 'error').then(([error]) => { throw error })])
    await worker.terminate()
  }
})

test('a process in which workers alone load the library ends well', async () => {
  endsWell(await run(`
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    for (let round = 0; round < 5; round += 1) {
      const worker = new Worker(${JSON.stringify(WORK)}, { eval: true, execArgv: [] })
      await once(worker, 'message')
      await worker.terminate()
    }`))
})

test('a worker that ends by itself delivers what it put', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 2 }, quotas: false }))
  const worker = new Worker(`
    const { workerData } = require('node:worker_threads')
    const { Producer } = require(${JSON.stringify(HOME)})
    Producer.open('orders', { aggregate: true, endpoint: workerData }).then((producer) => { for (let i = 0; i < 50; i += 1) producer.put('k' + i, Buffer.from('x')) })
  `, { eval: true, workerData: server.endpoint })
  const [code] = await once(worker, 'exit')
  assert.equal(code, 0)
  assert.equal(server.records('orders').length, 50)
})

test('a promise that is pending when close runs out of time is told, and the program ends', async () => {
  const { code, out, err } = await run(`
    import { Producer } from './index.mjs'
    const producer = await Producer.open('orders', {
      aggregate: true, endpoint: 'http://127.0.0.1:1', region: 'us-east-1', lazy: true,
    })
    producer.put('other', Buffer.from('untracked'))
    const outcome = producer.putAndWait('key', Buffer.from('data')).then(() => 'delivered', (error) => error.name)
    const closed = await producer.close({ timeoutMs: 300 }).then(() => 'closed', (error) => error.name + ' ' + error.leftover.map(({ key, data }) => key + '=' + data).sort())
    console.log(closed, typeof await outcome)
  `)
  assert.equal(code, 0, err)
  assert.match(out, /^FlushTimeoutError key=data,other=untracked string$/m)
})

test('workers of node:cluster deliver what they put, each by itself', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 2 }, quotas: false }))
  endsWell(await run(`
    import cluster from 'node:cluster'
    import { once } from 'node:events'
    import { mkdtempSync, writeFileSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    import { Producer } from './index.mjs'
    const primary = await Producer.open('orders', { aggregate: true, endpoint: process.argv[1], lingerMs: 60000, stamp: true })
    primary.put('primary', Buffer.from('p'))
    const file = mkdtempSync(tmpdir() + '/kinetik-') + '/worker.mjs'
    writeFileSync(file, \`
      import cluster from 'node:cluster'
      import { Producer } from '\${process.cwd()}/index.mjs'
      const producer = await Producer.open('orders', { aggregate: true, endpoint: process.argv[2], lingerMs: 60000, stamp: true })
      for (let i = 0; i < 100; i += 1) producer.put('k' + i, Buffer.from('x'))
      cluster.worker.disconnect()
    \`)
    cluster.setupPrimary({ exec: file, args: [process.argv[1]], execArgv: [] })
    const workers = [cluster.fork(), cluster.fork()]
    const codes = await Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0]))
    if (codes.some((code) => code !== 0)) throw new Error('exit codes ' + codes)
    await primary.close()`, server.endpoint))
  assert.equal(server.records('orders').length, 201)
  const reader = disposed(t, await Reader.open('orders', { start: 'TRIM_HORIZON', until: 'now', endpoint: server.endpoint, dropDuplicates: true }))
  let read = 0
  for await (const batch of reader) read += batch.length
  assert.equal(read, 201)
})

for (const [way, end] of [['ends', ''], ['calls process.exit', 'setImmediate(() => process.exit(0))'], ['fails', "throw new Error('the program failed')"]]) {
  test(`records that listeners of exit put are delivered when the program ${way}`, async (t) => {
    const server = disposed(t, await Server.start({ streams: { orders: 2 }, quotas: false }))
    const { err } = await run(`${OPEN}
      producer.put('before', Buffer.from('x'))
      process.on('exit', () => producer.put('one', Buffer.from('x')))
      process.once('exit', () => producer.put('two', Buffer.from('x')))
      await null
      ${end}`, server.endpoint)
    assert.deepEqual(server.records('orders').map(({ key }) => key).sort(), ['before', 'one', 'two'], err)
    assert.doesNotMatch(err, /ClosedError/)
  })
}

test('a listener of exit that ends the process at once loses nothing that was put before', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 2 }, quotas: false }))
  endsWell(await run(`${OPEN} process.on('exit', () => process.exit()); producer.put('k', Buffer.from('x'))`, server.endpoint))
  assert.equal(server.records('orders').length, 1)
})

test('a put that comes behind the last flush of the process is refused, not lost', async () => {
  const { code, out } = await run(`${OPEN}
    process.on('exit', () => { try { producer.put('k', Buffer.from('x')) } catch (error) { console.log(error.name, error.message) } })
    process.exit(3)`)
  assert.equal(code, 3)
  assert.match(out, /^ClosedError Closed: the program ends/)
})

test('a Worker delivers what its listeners of exit put', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 2 }, quotas: false }))
  const worker = new Worker(`
    const { workerData } = require('node:worker_threads')
    const { Producer } = require(${JSON.stringify(HOME)})
    Producer.open('orders', { aggregate: true, endpoint: workerData }).then((producer) => { process.on('exit', () => producer.put('k', Buffer.from('x'))) })
  `, { eval: true, workerData: server.endpoint })
  await once(worker, 'exit')
  assert.equal(server.records('orders').length, 1)
})

test('a process that loads the package again and again ends well, with what both copies were waiting for', async () => {
  const ended = await run(`
    import { createRequire } from 'node:module'
    const require = createRequire(process.cwd() + '/')
    const waits = []
    for (let load = 0; load < 12; load += 1) {
      const { Engine, Producer } = require('./index.js')
      const engine = new Engine({ quotas: false })
      engine.createStream('orders')
      const opening = Producer.open('orders', { aggregate: true, endpoint: engine, lingerMs: 50 })
      waits.push(opening.then((producer) => producer.putAndWait('k', Buffer.from('x'))))
      for (const file of Object.keys(require.cache)) if (file.startsWith(process.cwd())) delete require.cache[file]
    }
    console.log((await Promise.all(waits)).length)`)
  endsWell(ended)
  assert.equal(ended.out, '12\n')
})

test('what the exit cannot deliver in exitTimeoutMs is told', async () => {
  const { code, err } = await run(`
    import { Producer } from './index.mjs'
    const producer = await Producer.open('orders', { aggregate: true, endpoint: 'http://127.0.0.1:1', region: 'us-east-1', lazy: true, exitTimeoutMs: 300 })
    producer.put('k', Buffer.from('x'))`)
  assert.equal(code, 0)
  assert.match(err, /1 records were not delivered/)
})

test('poll mode is refused: Node has a loop of its own', async () => {
  const engine = new Engine({ quotas: false })
  engine.createStream('orders', 1)
  await assert.rejects(Producer.open('orders', { aggregate: true, endpoint: engine, pollMode: true }), /pollMode: .*event loop/)
})

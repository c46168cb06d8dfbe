// What one `put` of the Node package costs its caller: the least of many short windows, so that other work on the
// machine does not count. Build first: `cd bindings-node && npm run build` (release).
//
//   node benches/node_put.mjs

import { Engine, Producer } from '../bindings-node/index.mjs'

const KEY = 'user-1234567890'
const DATA = Buffer.alloc(200, 7)
const WINDOWS = 400
const CALLS = 2_000
const BATCH = 500
const WARM_UP = 100

/** Nanoseconds a record: least and median of the windows; `settle` runs between them, off the clock. */
async function measure(windows, records, work, settle = () => {}) {
  // V8 calls native functions faster from optimised code: warm up until it is.
  for (let window = 0; window < WARM_UP; window += 1) work()
  const times = []
  for (let window = 0; window < windows; window += 1) {
    await settle()
    const start = process.hrtime.bigint()
    work()
    times.push(Number(process.hrtime.bigint() - start) / records)
  }
  times.sort((a, b) => a - b)
  return { least: Number(times[0].toFixed(1)), median: Number(times[windows / 2].toFixed(1)) }
}

const engine = new Engine({ quotas: false })
engine.createStream('bench', 4)
const producer = await Producer.open('bench', { aggregate: true, endpoint: engine, lingerMs: 1000, bufferBytes: 256 << 20 })
const drained = () => producer.flush()
const keys = new Array(BATCH).fill(KEY)
const data = new Array(BATCH).fill(DATA)

const results = {
  put: await measure(WINDOWS, CALLS, () => {
    for (let index = 0; index < CALLS; index += 1) producer.put(KEY, DATA)
  }, drained),
  putMany: await measure(WINDOWS, BATCH, () => producer.putMany(keys, data), drained),
}
await producer.close()

console.log(`node ${process.version}, key ${KEY.length} B, data ${DATA.length} B, nanoseconds a record`)
console.table(results)

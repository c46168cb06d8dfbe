// One hop of tests/relay.rs: goes on from the positions on standard input, and tells what it read and where it stands.
import { readFileSync } from 'node:fs'

import { Reader } from '../../bindings-node/index.mjs'

const [endpoint, most] = process.argv.slice(2)
const start = JSON.parse(readFileSync(0, 'utf8'))
const reader = await Reader.open('orders', { start, until: 'now', endpoint, maxRecords: Number(most) })
for (const record of (await reader.nextBatch()) ?? []) console.log(record.key, String(record.data))
console.log(JSON.stringify(reader.positions))
await reader.close()

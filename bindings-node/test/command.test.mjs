// The command in the package.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Server, version } from '../index.mjs'
import { disposed } from './support.mjs'

const COMMAND = fileURLToPath(new URL('../bin/kinetik.js', import.meta.url))

/** Starts the command as npm's link to it does: by its first line. */
const start = (...words) => spawn(COMMAND, words, { timeout: 60_000 })

/** Runs it to its end, with `input` as its standard input. */
async function run(words, input = '') {
  const child = start(...words)
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => { out += data })
  child.stderr.on('data', (data) => { err += data })
  child.stdin.end(input)
  const [code, signal] = await once(child, 'close')
  return { code, signal, out, err }
}

test('help names the commands, and a wrong word is a usage error', async () => {
  const help = await run(['--help'])
  assert.equal(help.code, 0)
  for (const command of ['serve', 'put', 'tail', 'streams', 'shards', 'explain']) assert.match(help.out, new RegExp(`^  ${command} `, 'm'))
  assert.deepEqual(await run(['--version']), { code: 0, signal: null, out: `kinetik ${version}\n`, err: '' })
  const wrong = await run(['serv'])
  assert.deepEqual([wrong.code, wrong.out], [2, ''])
  assert.match(wrong.err, /serve/)
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`serve says when it is ready, answers, and ends well by ${signal}`, async (t) => {
    const serve = start('serve', '--port', '0', '--stream', 'orders:2')
    t.after(() => serve.kill('SIGKILL'))
    const [ready] = await once(createInterface(serve.stdout), 'line')
    const [, endpoint] = /^kinetik: listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(ready)
    const streams = await run(['streams', '--endpoint-url', endpoint, '--region', 'us-east-1'])
    assert.deepEqual(streams, { code: 0, signal: null, out: 'orders\n', err: '' })
    serve.kill(signal)
    assert.deepEqual(await once(serve, 'close'), [0, null])
  })
}

test('put takes lines from standard input and tells what failed', async (t) => {
  const server = disposed(t, await Server.start({ streams: { orders: 1 } }))
  const words = ['put', 'orders', '--aggregate', 'true', '-K', ':', '--endpoint-url', server.endpoint]
  assert.deepEqual(await run(words, 'ann:1\nbob:2\n'), { code: 0, signal: null, out: '', err: 'kinetik: 2 records delivered, 0 failed\n' })
  assert.deepEqual(server.records('orders').map(({ data }) => `${data}`).sort(), ['1', '2'])
  assert.equal((await run(words, 'nothing\n')).code, 1)
})

test('a service that is not there is an exit of its own', async () => {
  const { code, err } = await run(['streams', '--endpoint-url', 'http://127.0.0.1:1', '--region', 'us-east-1'])
  assert.equal(code, 3, err)
})

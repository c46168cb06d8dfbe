'use strict'
// The reader: batches of one shard each, whose records are made when they are looked at.

const native = require('../native.js')
const { cancellable } = require('./cancel.js')
const check = require('./check.js')
const { endpoint, settings } = require('./settings.js')

const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')
const inspect = Symbol.for('nodejs.util.inspect.custom')

const OPTIONS = [...native.optionNames().reader, 'signal']

/** Columns of a record in `Batch#columns`. */
const KEY_END = 0
const DATA_END = 1
const SEQUENCE = 2
const SUB_SEQUENCE = 3
const FLAGS = 4
const WIDTH = 5

/** Flags of a record. */
const IN_RANGE = 1
const ASCII_KEY = 2

/** Bytes of a sequence number in `Batch#sequences`, most significant first. */
const SEQUENCE_BYTES = 24

/** One user record: a view of its batch. */
class Record {
  #batch
  #index
  #data

  constructor(batch, index) {
    this.#batch = batch
    this.#index = index
  }

  get key() {
    const { block, columns } = this.#batch
    const row = this.#index * WIDTH
    const [from, end] = [start(columns, this.#index), columns[row + KEY_END]]
    // Of ASCII alone it is the same, and cheaper.
    return (columns[row + FLAGS] & ASCII_KEY) === 0 ? block.utf8Slice(from, end) : block.latin1Slice(from, end)
  }

  get data() {
    if (this.#data === undefined) {
      const { block, columns } = this.#batch
      const row = this.#index * WIDTH
      this.#data = block.subarray(columns[row + KEY_END], columns[row + DATA_END])
    }
    return this.#data
  }

  get shardId() {
    return this.#batch.shardId
  }

  get sequenceNumber() {
    const from = this.#batch.columns[this.#index * WIDTH + SEQUENCE] * SEQUENCE_BYTES
    return BigInt(`0x${this.#batch.sequences.hexSlice(from, from + SEQUENCE_BYTES)}`).toString()
  }

  get subSequenceNumber() {
    const shifted = this.#batch.columns[this.#index * WIDTH + SUB_SEQUENCE]
    return shifted === 0 ? undefined : shifted - 1
  }

  get arrivedAt() {
    return new Date(this.#batch.arrivals[this.#index])
  }

  get inRange() {
    return (this.#batch.columns[this.#index * WIDTH + FLAGS] & IN_RANGE) !== 0
  }

  /** Neither key nor payload is shown. */
  [inspect]() {
    return `Record(${this.shardId}, ${this.sequenceNumber}${this.subSequenceNumber === undefined ? '' : `/${this.subSequenceNumber}`}, ${this.data.length} bytes)`
  }
}

function start(columns, index) {
  return index === 0 ? 0 : columns[(index - 1) * WIDTH + DATA_END]
}

/** Records of one shard, in order; a view of what was read, from one of its records on. */
class Batch {
  #native
  #from

  constructor(read, from = 0) {
    this.#native = read
    this.#from = from
  }

  get shardId() {
    return this.#native.shardId
  }

  get millisBehindLatest() {
    return this.#native.millisBehindLatest
  }

  get length() {
    return this.#native.arrivals.length - this.#from
  }

  at(index) {
    const whole = Math.trunc(index) || 0
    const from = whole < 0 ? whole + this.length : whole
    return from >= 0 && from < this.length ? new Record(this.#native, this.#from + from) : undefined
  }

  *[Symbol.iterator]() {
    for (let index = 0; index < this.length; index += 1) yield new Record(this.#native, this.#from + index)
  }

  [inspect]() {
    return `Batch(${this.shardId}, ${this.length} records)`
  }
}

/** What no records in time look like. */
const NOTHING = { shardId: undefined, millisBehindLatest: undefined, arrivals: [] }

class Reader {
  #native
  #signal
  /** What was read and not handed out to its end, oldest first, and how many of its records were: `{ read, next }`. */
  #begun = []
  /** Where it stood, and what it had counted, when it was closed. */
  #last

  /** Use `Reader.open`. */
  constructor(opened, signal) {
    if (!(opened instanceof native.NativeReader)) throw check.wrongType('Reader', 'a call of Reader.open', opened)
    this.#native = opened
    this.#signal = signal
  }

  static async open(stream, options) {
    const { endpoint: where, start: from, until, signal, ...rest } = check.known(options, OPTIONS)
    check.string('stream', stream)
    const named = [...place('start', from), ...place('until', until), ...settings(rest)]
    return cancellable(signal, async (cancel) => new Reader(await native.openReader(stream, named, endpoint(where), cancel), signal))
  }

  /** The next batch; `undefined` at the end that `until` names. */
  async nextBatch(options) {
    const { maxWaitMs, signal = this.#signal } = check.known(options, ['maxWaitMs', 'signal'])
    const wait = check.millis('maxWaitMs', maxWaitMs)
    if (this.#begun.length > 0 && !check.signal(signal)?.aborted) {
      const { read, next } = this.#begun.shift()
      return new Batch(read, next)
    }
    const read = await this.#fetch(signal, wait)
    if (read === false) return new Batch(NOTHING)
    return read === null ? undefined : new Batch(read)
  }

  #fetch(signal, wait) {
    return cancellable(signal, (cancel) => this.#native.next(wait, cancel))
  }

  async *[Symbol.asyncIterator]() {
    for (let batch; (batch = await this.nextBatch()) !== undefined; ) yield batch
  }

  /** A loop over it that is left leaves the rest of its batch to whoever reads on. */
  async *records() {
    for (;;) {
      for (let record; (record = this.#take()) !== undefined; ) yield record
      const read = await this.#fetch(this.#signal)
      if (read === null) return
      if (this.#last === undefined) this.#begun.push({ read, next: 0 })
    }
  }

  /** The next record of what was read, if there is one. */
  #take() {
    const [oldest] = this.#begun
    if (oldest === undefined) return undefined
    const record = new Record(oldest.read, oldest.next)
    oldest.next += 1
    if (oldest.next === oldest.read.arrivals.length) this.#begun.shift()
    return record
  }

  /** Behind what was handed out: of a batch that was begun that is its last record, and of a shard's batches the first decides. */
  get positions() {
    if (this.#last !== undefined) return this.#last.positions
    const positions = JSON.parse(this.#native.positions())
    for (const { read, next } of this.#begun.toReversed()) positions.shards[read.shardId] = behind(read, next)
    return positions
  }

  /** What was counted, by name in snake case. */
  get stats() {
    return Object.fromEntries(Object.entries(this.#counted()).filter(([, value]) => typeof value === 'number'))
  }

  /** How far behind each shard is, in milliseconds. */
  get lagMs() {
    return this.#counted().lag_ms
  }

  /** What of each shard was fetched and not handed out; null where only the service knows. */
  get backlog() {
    return this.#counted().backlog
  }

  metricsText(format) {
    return this.#native.metricsText(check.string('format', format))
  }

  #counted() {
    return this.#last?.counted ?? JSON.parse(this.#native.stats())
  }

  async close() {
    this.#last ??= { positions: this.positions, counted: this.#counted() }
    this.#begun = []
    await this.#native.close()
  }

  async [asyncDispose]() {
    await this.close()
  }
}

/** The position of a batch's shard when `count` of its records were handed out, and not all. */
function behind(read, count) {
  if (count === 0) return JSON.parse(read.before).shards[read.shardId]
  const [last, following] = [new Record(read, count - 1), new Record(read, count)]
  const position = { sequence_number: last.sequenceNumber }
  if (following.sequenceNumber === last.sequenceNumber) position.sub_sequence_number = last.subSequenceNumber
  return position
}

/** A place in a stream, a word, a time or saved positions, as the core's setting of that name. */
function place(name, value) {
  if (value === undefined) return []
  if (typeof value === 'string') return [[name, value]]
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw check.invalid(name, 'expected a valid Date')
    return [[name, String(value.getTime() / 1e3)]]
  }
  if (name === 'start' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    try {
      return [[name, JSON.stringify(value)]]
    } catch {
      // It holds a BigInt, or itself.
    }
  }
  throw check.wrongType(name, name === 'start' ? 'a word, a Date or saved positions' : 'the word now or a Date', value)
}

module.exports = { Reader, Batch, Record }

// Compiled, never run: the public types allow what the README shows and refuse what the library refuses.

import { once } from 'node:events'
import kinetik, {
  BufferFullError, Client, DeliveryError, Engine, InternalError, KinetikError, Producer, Reader, Server, ShardMap,
  aggregate, client, deaggregate, hashKey, type Failure, type Ledger, type Receipt, type Record,
} from 'kinetik'

export async function produce(signal: AbortSignal): Promise<Ledger> {
  await using producer = await Producer.open('orders', {
    aggregate: true,
    endpoint: 'memory://',
    lingerMs: 5,
    maxInFlight: 4,
    aggregateBytes: 25_600,
    requestBytes: 1 << 19,
    onFailure: async (failures: Failure[]) => { failures.map((failure) => failure.error.code) },
    signal,
  })
  if (!producer.put('user-1', Buffer.from('hello'), { explicitHashKey: 7n })) await producer.ready({ signal })
  const taken: number = producer.putMany(['a', 'b'], [new Uint8Array(1), Buffer.alloc(1)])
  const receipt: Receipt = await producer.putAndWait('k', Buffer.alloc(taken), { signal, explicitHashKey: '7' })
  const sub: number | undefined = receipt.subSequenceNumber
  const stream = producer.writable()
  stream.end({ key: 'k', data: Buffer.alloc(sub ?? 0) })
  await once(stream, 'finish')
  // @ts-expect-error data is bytes, never a string
  producer.put('k', 'text')
  // @ts-expect-error Node has no reports to choose
  await Producer.open('orders', { aggregate: false, reports: 'all' })
  // @ts-expect-error durations are in milliseconds, and say so
  await Producer.open('orders', { aggregate: false, linger: 0.1 })
  // @ts-expect-error aggregate must be said
  await Producer.open('orders', {})
  return producer.close({ timeoutMs: 1000 })
}

export async function read(): Promise<Record[]> {
  await using reader = await Reader.open('orders', { start: 'TRIM_HORIZON', until: 'now', endpoint: new Engine() })
  const records: Record[] = []
  for await (const batch of reader) for (const record of batch) records.push(record)
  for await (const record of reader.records()) record.data.readUInt8(0)
  await Reader.open('orders', { start: reader.positions })
  await Reader.open('orders', { start: new Date(), until: new Date() })
  // @ts-expect-error start must be said
  await Reader.open('orders', {})
  return records
}

export async function engines(): Promise<Date | undefined> {
  const engine = new Engine({ memory: 1 << 26, whenFull: 'trim', stateDelayMs: 500, account: '123456789012', shardLimit: 10 })
  await using server = await Server.start({ engine, streams: { orders: 1 } })
  engine.quotas = engine.memoryUsed > 0
  // @ts-expect-error a full engine throttles or trims
  new Engine({ whenFull: 'drop' })
  Engine.named('orders').faults.fail('PutRecords', { error: 'InternalFailure', stream: server.endpoint })
  return Engine.named().records('orders')[0]?.arrivedAt
}

export async function serve(): Promise<string> {
  await Server.start({ streams: new Map([['orders', 1]]) })
  await using server = await Server.start({ streams: { orders: 2 }, quotas: false })
  const kinesis: Client = client({ endpoint: server })
  const { SequenceNumber } = await kinesis.putRecord({ StreamName: 'orders', Data: Buffer.from('x'), PartitionKey: 'k' })
  await kinesis.call('DescribeLimits', {})
  const config = server.clientConfig()
  const region: string = config.region
  await server.reset()
  return SequenceNumber + region
}

export function codec(): bigint {
  const packed: Buffer = aggregate([{ key: 'a', data: Buffer.from('1') }])
  const [first] = deaggregate(packed, 'partitionkey', { strict: false })
  const shard: string | undefined = ShardMap.even(4).route(hashKey(first!.key))
  return hashKey(shard ?? '')
}

export function failed(error: unknown): boolean {
  if (error instanceof DeliveryError) return error.failures.length > error.pending + error.leftover.length
  if (error instanceof InternalError) return error.leftover?.[0]?.persisted === 'no'
  if (error instanceof BufferFullError) return error.retry === 'after'
  if (error instanceof KinetikError && error.failure) return error.failure.persisted === 'maybe' && error.failure.failedAttempts.length > 1
  return error instanceof KinetikError && error.number > 3000 && kinetik.version !== ''
}

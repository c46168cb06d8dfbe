// The public types of kinetik for Node.

import type { Writable } from 'node:stream'

/** The version of this package. */
export const version: string

// ---------------------------------------------------------------------------------------------- endpoint

/**
 * Where the service is: nothing = AWS by its own settings; `memory://NAME` = the engine of this process that has
 * this name (`memory://` = `default`), with `?quotas=off` without quotas from then on; `http://HOST:PORT` or `https://HOST` = any Kinesis-compatible server.
 */
export type Endpoint = string | Engine | Server

// -------------------------------------------------------------------------------------------- connection

/** How the service is reached. What is absent comes from AWS's own settings, as the AWS SDK reads them. */
export interface ConnectionOptions {
  /** Else AWS_REGION, AWS_DEFAULT_REGION, the profile's. */
  region?: string
  /** The profile of the AWS configuration files; else AWS_PROFILE, else `default`. */
  profile?: string
  /** Credentials given by hand; with `secretAccessKey`, and `sessionToken` where they are temporary. */
  accessKeyId?: string
  secretAccessKey?: string
  sessionToken?: string
  /** The form of bodies. `auto` (default): CBOR to AWS and kinetik's servers, JSON to others. */
  wire?: 'auto' | 'json' | 'cbor'
  /** `http://[USER:PASSWORD@]HOST:PORT`, or `none`; else HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY. */
  proxy?: string
  /** A file of root certificates (PEM) to trust instead of the machine's; else AWS_CA_BUNDLE, the profile's. */
  caBundle?: string
  /** Only FIPS hosts; else AWS_USE_FIPS_ENDPOINT, the profile's. */
  useFipsEndpoint?: boolean
  /** Hosts with IPv6 too; else AWS_USE_DUALSTACK_ENDPOINT, the profile's. */
  useDualstackEndpoint?: boolean
  /** Whether calls go to the account's own host; else AWS_ACCOUNT_ID_ENDPOINT_MODE, the profile's. */
  accountIdEndpointMode?: 'preferred' | 'disabled' | 'required'
  /** For look-up, TCP, proxy and TLS together. Default 3,100. */
  connectTimeoutMs?: number
  /** For one request. Default 10,000. */
  requestTimeoutMs?: number
}

// ---------------------------------------------------------------------------------------------- producer

export interface ProducerOptions extends ConnectionOptions {
  /** true = KPL format, every reader must de-aggregate; false = each record as it is. */
  aggregate: boolean
  endpoint?: Endpoint
  /** How long a record may wait for company; 0 = send at once. Default: adaptive, at most 100. */
  lingerMs?: number
  /** From put to outcome. Default 120,000. */
  deadlineMs?: number
  /**
   * Hard budget in bytes of all that is buffered, in flight or untaken. Default 64 MiB, at least 64 KiB; a record can have at most
   * a sixth.
   */
  bufferBytes?: number
  /** The same in records. Default 1,000,000. */
  bufferRecords?: number
  /** A name under which producers of this process share one budget; its sizes must be the same for all. Default: none. */
  bufferGroup?: string
  /** false = do not keep to the quotas of a shard, for servers that have none. Default true, except for an engine without quotas. */
  shardLimit?: boolean
  /**
   * true = the order of each key is kept through retries and reshards. After a failed record, later ones of its key fail
   * with OrderBrokenError until `resume(key)`. Default false.
   */
  ordered?: boolean
  /** In ordered mode: whether a failed record stops its key. Default true. */
  stopOnFailure?: boolean
  /** Numbers records, so that a reader with `dropDuplicates` hands out copies once. Default false. Needs `aggregate`. */
  stamp?: boolean
  /**
   * true = opening asks nothing of the service. Default false: opening checks that the stream is there and that its shards may be
   * listed, which `aggregate` and `ordered` need. Whether records may be put is known with the first of them.
   */
  lazy?: boolean
  /** How long opening may take to check the stream. Default 30,000. */
  openTimeoutMs?: number
  /** Default of `flush` and `close`. Default 30,000. */
  flushTimeoutMs?: number
  /** The text of a KPL properties file; what is said beside it wins. docs/kpl.md tells what each of its settings becomes. */
  kplProperties?: string
  /** Bytes up to which an aggregate is filled; a larger record goes alone. Default 51,200, as KPL's; 64 bytes to 1 MiB. */
  aggregateBytes?: number
  /** User records up to which an aggregate is filled. Default as many as find room. */
  aggregateRecords?: number
  /** Kinesis records up to which a PutRecords call is filled. Default 500, which is the most. */
  requestRecords?: number
  /** Bytes up to which a PutRecords call is filled. Default 1 MiB, at most 10 MiB. */
  requestBytes?: number
  /** PutRecords calls that are under way at once. Default 12. */
  maxInFlight?: number
  /** How long the end of the process or Worker waits for what was put, in listeners of its `exit` event too. Default 5,000. */
  exitTimeoutMs?: number
  /**
   * Records that failed for good, on the event loop, one batch at a time. A batch holds its room in the buffer until the call
   * returns, or its promise settles; `flush` and `close` wait for that. So it may put, but must not await `ready`, `flush` or
   * `close`. What it was given counts as taken then, unless it throws or its promise rejects: `takeFailures` and the next error
   * of `flush` or `close` have that, and it holds its room until it is taken.
   */
  onFailure?: (failures: Failure[]) => void | Promise<void>
  /** Ends the opening. */
  signal?: AbortSignal
}

export interface PutOptions {
  /** Routes the record by this hash instead of its key's: 0 to 2^128 - 1, as a decimal string or a bigint. */
  explicitHashKey?: string | bigint
}

/** Where a record was stored. */
export interface Receipt {
  shardId: string
  sequenceNumber: string
  /** Its place within an aggregated record. */
  subSequenceNumber?: number
  attempts: number
  /** What became of the attempts before the last one. */
  failedAttempts: FailedAttempt[]
  /** An earlier attempt may have stored it too. */
  mayBeDuplicate: boolean
}

/** One attempt to deliver a record that did not. Kept are all up to 16, then the first and the last 15. */
export interface FailedAttempt {
  sentAt: Date
  tookMs: number
  error: KinetikError
}

/** A record that was not delivered, given back. */
export interface Failure {
  key: string
  data: Buffer
  explicitHashKey?: bigint
  error: KinetikError
  /** Whether it may have been stored nevertheless. */
  persisted: 'no' | 'maybe'
  attempts: number
  failedAttempts: FailedAttempt[]
}

export interface Tally {
  records: number
  bytes: number
}

/** accepted = delivered + failed + pending, always. */
export interface Ledger {
  accepted: Tally
  delivered: Tally
  failed: Tally
  pending: Tally
}

/** Sends records to one stream. Never blocks the event loop; keeps Node alive while promises are unsettled. */
export class Producer implements AsyncDisposable {
  private constructor()
  static open(stream: string, options: ProducerOptions): Promise<Producer>
  /**
   * Takes a record. true or false: taken; false: above the high-water mark, await `ready()`.
   * The data is copied before it returns.
   * @throws BufferFullError at the hard budget: not taken
   */
  readonly put: (key: string, data: Uint8Array, options?: PutOptions) => boolean
  /**
   * Takes records in order and tells how many were taken; fewer than given: the buffer is full.
   * @throws KinetikError at a bad record, with its `index`; those before it (`accepted`) are taken
   */
  readonly putMany: (keys: readonly string[], data: readonly Uint8Array[]) => number
  /**
   * Takes a record and waits for its receipt. The error of a record that was taken and failed has it as `failure`. An aborted
   * wait does not call the record back: if that fails later, it goes to `onFailure` or `takeFailures`.
   */
  putAndWait(key: string, data: Uint8Array, options?: PutOptions & { signal?: AbortSignal }): Promise<Receipt>
  /** Resolves when the buffer is below its high-water mark. */
  ready(options?: { signal?: AbortSignal }): Promise<void>
  /** A stream of `{ key, data, explicitHashKey? }` with this producer's backpressure; its end flushes. */
  writable(): Writable
  /**
   * Resolves when every record was delivered.
   * @throws FlushTimeoutError, DeliveryError
   */
  flush(options?: { timeoutMs?: number }): Promise<void>
  /**
   * In ordered mode: takes records of `key` again after one failed, or of all keys. Resolves when every record of the key
   * that was put before has ended; true if the key was broken.
   */
  resume(key?: string): Promise<boolean>
  /**
   * Takes no more records, flushes and closes; closing again does nothing. Later puts, `flush` and `resume` fail with ClosedError.
   * `onFailure` is not called any more; what it is at it may finish.
   * @throws FlushTimeoutError, DeliveryError
   */
  close(options?: { timeoutMs?: number }): Promise<Ledger>
  /** Takes the failures that nobody took yet; until then they count in the buffer's budget. */
  takeFailures(): Failure[]
  readonly ledger: Ledger
  /** What was counted since it was opened, by KPL's names; values of shards below `shards` (docs/metrics.md). */
  readonly metrics: { readonly [name: string]: unknown }
  /** The metrics as a text: to be served to Prometheus, printed for CloudWatch, posted to an OpenTelemetry collector. */
  metricsText(format: MetricsFormat): string
  /** How evenly the records spread. It holds partition keys. */
  readonly skew: SkewReport
  [Symbol.asyncDispose](): Promise<void>
}

// ------------------------------------------------------------------------------------------------ reader

/** A text in which metrics leave: `emf` tells what happened since it was last asked for, the others all there is. */
export type MetricsFormat = 'json' | 'prometheus' | 'emf' | 'otlp'

/** How evenly a producer's records spread. Shares are 0 to 1; those of keys are estimates. */
export type SkewReport = {
  /** Records whose keys were looked at. */
  readonly sampled: number
  /** The keys with the most bytes, at most ten. */
  readonly keys: readonly { readonly key: string; readonly hash_key: string; readonly records: number; readonly bytes: number }[]
  readonly shards: readonly { readonly shard_id: string; readonly records: number; readonly bytes: number }[]
  /** User records in a Kinesis record, on average. */
  readonly aggregation_ratio: number
  /** The most that was stored within one second, as the shards' limits count it. */
  readonly busiest_second: { readonly records: number; readonly bytes: number }
  /** Shards that would take the busiest second if records were spread evenly. */
  readonly shards_needed: number
  /** The hottest key alone may have been more than one shard takes. */
  readonly is_one_key_too_much: boolean
}

/** Places in a stream: JSON-ready, valid in all four languages. */
export type Positions = { readonly [key: string]: unknown }

export interface ReaderOptions extends ConnectionOptions {
  /** The oldest record, what comes after opening, a time (a Date, or text such as `2026-11-23T08:00:00Z`), or saved positions. */
  start: 'TRIM_HORIZON' | 'LATEST' | Date | (string & {}) | Positions
  /** `now` = each shard's end as it stood at opening; or a time; default: follow for ever. */
  until?: 'now' | Date | (string & {})
  endpoint?: Endpoint
  /**
   * `polling` (default); `fan_out`: records are pushed, to `consumer` or to one of the reader's own; `auto`: fan-out where it is
   * to be had.
   */
  mode?: 'polling' | 'fan_out' | 'auto'
  /** A consumer by name or ARN. One that is named and does not exist is registered, and stays. */
  consumer?: string
  /** For how long a subscription may be silent before it is replaced. Default 30,000. */
  silenceMs?: number
  /** What becomes of aggregated records outside their shard's range. Default `report`. */
  rangeFilter?: 'report' | 'drop' | 'kcl'
  /** Default true; false hands out Kinesis records as they are. */
  deaggregate?: boolean
  /** Takes the Glue Schema Registry's header off the data. Default false. */
  stripGlue?: boolean
  /** Hands out once what a producer with `stamp` stored more than once. Default false. Needs `deaggregate`. Memory is the reader's own. */
  dropDuplicates?: boolean
  /** Of how many records of one producer copies are recognised. Default 1,048,576. */
  duplicateWindow?: number
  /** The most records of one batch. Default: as many as one answer of the service holds. */
  maxRecords?: number
  /** How many bytes may wait to be handed out, over all shards. Default 32 MiB. */
  bufferBytes?: number
  /** How many calls may be under way at once. Default 64. */
  concurrency?: number
  /** For how long a shard may fail to be read before the reader says so. Default 60,000. */
  giveUpAfterMs?: number
  /** Ends the opening, and later the reading. */
  signal?: AbortSignal
}

/** One user record: a view of its batch's memory, which it keeps alive. */
export class Record {
  private constructor()
  readonly key: string
  readonly data: Buffer
  readonly shardId: string
  readonly sequenceNumber: string
  readonly subSequenceNumber: number | undefined
  readonly arrivedAt: Date
  /** Whether its hash lies in its shard's range. */
  readonly inRange: boolean
}

/** Records of one shard, in order. */
export class Batch implements Iterable<Record> {
  private constructor()
  /** `undefined` in a batch without records, as is the next. */
  readonly shardId: string | undefined
  readonly millisBehindLatest: number | undefined
  readonly length: number
  /** As `Array.prototype.at`. */
  at(index: number): Record | undefined
  [Symbol.iterator](): IterableIterator<Record>
}

/** Reads every shard of a stream, parents before children. */
export class Reader implements AsyncIterable<Batch>, AsyncDisposable {
  private constructor()
  static open(stream: string, options: ReaderOptions): Promise<Reader>
  /**
   * The next batch, or what a loop over `records()` left of one; `undefined` at the end that `until` names; one without records
   * when none came within `maxWaitMs`.
   * `signal` ends this wait alone; nothing is lost by it. Default: the reader's.
   */
  nextBatch(options?: { maxWaitMs?: number; signal?: AbortSignal }): Promise<Batch | undefined>
  [Symbol.asyncIterator](): AsyncIterableIterator<Batch>
  /** The records of all batches. Leave the loop, and the next one, or the next batch, goes on behind its last record. */
  records(): AsyncIterableIterator<Record>
  /** Behind the last batch that was handed out, and in and after a loop over `records()` behind its last record. */
  readonly positions: Positions
  /** What was counted so far, by name: records, reads, events, subscriptions, throttles, … */
  readonly stats: { readonly [name: string]: number }
  /**
   * Stats, lag and backlog as a text for a metrics service.
   * @throws ClosedError once it was closed; the values above and below are kept
   */
  metricsText(format: MetricsFormat): string
  /** How far behind each shard is, in milliseconds; null before its first answer. */
  readonly lagMs: { readonly [shardId: string]: number | null }
  /** What of each shard was fetched and not handed out; null where only the service knows: before an answer that reached the tip. */
  readonly backlog: { readonly [shardId: string]: { readonly records: number; readonly bytes: number } | null }
  /** Ends reading, and waits that are under way; deregisters a consumer of the reader's own. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

// ---------------------------------------------------------------------------------------- engine, server

/** A record as an engine holds it, de-aggregated. */
export interface StoredRecord {
  key: string
  data: Buffer
  shardId: string
  sequenceNumber: string
  subSequenceNumber?: number
  arrivedAt: Date
}

export interface EngineOptions {
  /**
   * Whether there are the service's quotas: of each shard 1,000 records/s and 1 MiB/s in, 5 reads/s and 2 MiB/s out, and those of
   * control-plane rates, consumers, tags and changes in a day. Default true.
   */
  quotas?: boolean
  /** Bytes that stored records may take, their index included. Default: half of this machine's memory, or its control group's. */
  memory?: number
  /** What happens to a put when they are used up: it is throttled (default), or the oldest records make room. */
  whenFull?: 'throttle' | 'trim'
  /** How long streams stay in CREATING, UPDATING and DELETING. Default 0. */
  stateDelayMs?: number
  /** The region that ARNs name. Default `us-east-1`. */
  region?: string
  /** The account that ARNs name: twelve digits. Default `000000000000`. */
  account?: string
  /** Open shards of provisioned streams that the account may have. Default 20,000. */
  shardLimit?: number
  /** On-demand streams that the account may have. Default 50. */
  onDemandStreamLimit?: number
}

/** Which calls a fault strikes, and how many. */
export interface FaultOptions {
  /** Strikes only calls to this stream. */
  stream?: string
  /** Strikes only what concerns this shard, by number; of a PutRecords only its records. */
  shard?: number
  /** How many calls are struck, default 1. */
  times?: number
}

/** What goes wrong next, for whoever reaches the engine by an endpoint, in process or over HTTP. */
export interface Faults {
  /** The next calls are refused with an exception of the service; with `afterCommit` only after they were carried out. */
  fail(operation: string, options: FaultOptions & { error: string; message?: string; afterCommit?: boolean }): void
  /** The next calls are carried out, and their answers are lost. */
  loseAnswer(operation: string, options?: FaultOptions): void
  /** The next calls wait before they are carried out. */
  delay(operation: string, ms: number, options?: FaultOptions): void
  /** Lets every call take so long on its way; 0 for none. */
  roundTrip(ms: number): void
  /** How many calls are still to be struck. */
  readonly waiting: number
  clear(): void
}

/** The time that an engine goes by: what iterators, retention, quotas and state delays are judged by. */
export interface Clock {
  readonly now: Date
  readonly frozen: boolean
  /** Stops it. */
  freeze(): void
  /** Moves it on by whole milliseconds, whether it stands or goes. */
  advance(ms: number): void
  /** Lets it go on from where it stands. */
  resume(): void
}

/** The service in memory: an account with its streams. Give it as `endpoint` to a client, producer or reader. */
export class Engine {
  readonly faults: Faults
  readonly clock: Clock
  /** Whether there are the service's quotas, as in the options; to be set at any time, for all who use the engine. */
  quotas: boolean
  /** Bytes of memory that stored records take. */
  readonly memoryUsed: number
  constructor(options?: EngineOptions)
  /**
   * The engine that the endpoint `memory://NAME` means in this process, made with default options if there is none yet.
   * Default: `default`, as `memory://`. It lives until the process ends; `reset()` empties it.
   */
  static named(name?: string): Engine
  createStream(name: string, shards?: number): void
  /** Every record that the stream holds, shard by shard. */
  records(stream: string): StoredRecord[]
  /** What a stream has seen since it was made, by CloudWatch's names; of one shard, by its number, if given. */
  metrics(stream: string, shard?: number): { [name: string]: number }
  /** All metrics of all streams and shards, as Prometheus reads them. */
  metricsText(): string
  /** Deletes every stream and all faults; a clock that was stopped goes on. */
  reset(): void
}

export interface ServerOptions extends EngineOptions {
  /** Streams to make at the start, with their numbers of shards. */
  streams?: { readonly [name: string]: number } | ReadonlyMap<string, number>
  /** The IP address to listen on. Default `127.0.0.1`. */
  host?: string
  /** Default: a free one. */
  port?: number
  /** The engine that answers, with its own options. Default: a new one. */
  engine?: Engine
}

/** An engine behind HTTP, for any AWS SDK. Never keeps Node alive. */
export class Server implements AsyncDisposable {
  private constructor()
  static start(options?: ServerOptions): Promise<Server>
  readonly endpoint: string
  readonly engine: Engine
  readonly faults: Faults
  readonly clock: Clock
  /** What `new KinesisClient(…)` of @aws-sdk/client-kinesis needs to reach this server. */
  clientConfig(): {
    endpoint: string
    region: string
    credentials: { accessKeyId: string; secretAccessKey: string }
  }
  records(stream: string): StoredRecord[]
  reset(): Promise<void>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

// ------------------------------------------------------------------------------------------------ client

export interface ClientOptions extends ConnectionOptions {
  endpoint?: Endpoint
  /** For a call with all its attempts. Default 60,000. */
  timeoutMs?: number
  /** Default 4. */
  maxAttempts?: number
}

/** The members of an operation's input or output, named and shaped as in @aws-sdk/client-kinesis. */
export type Shape = { [member: string]: any }
export type Operation<In extends Shape = Shape, Out extends Shape = Shape> =
  (input?: In, options?: { signal?: AbortSignal }) => Promise<Out>

export interface StreamName {
  StreamName?: string
  StreamARN?: string
}
export interface PutRecordsEntry {
  Data: Uint8Array
  PartitionKey: string
  ExplicitHashKey?: string
}
export interface StreamRecord {
  SequenceNumber: string
  ApproximateArrivalTimestamp?: Date
  Data: Buffer
  PartitionKey: string
  EncryptionType?: string
}
export interface Shard {
  ShardId: string
  ParentShardId?: string
  AdjacentParentShardId?: string
  HashKeyRange: { StartingHashKey: string; EndingHashKey: string }
  SequenceNumberRange?: { StartingSequenceNumber: string; EndingSequenceNumber?: string }
}

export interface SubscribeToShardEvent {
  Records: StreamRecord[]
  ContinuationSequenceNumber?: string
  MillisBehindLatest: number
  ChildShards?: { ShardId: string; ParentShards: string[]; HashKeyRange: Shard['HashKeyRange'] }[]
}

/** One method for each operation of the service, with retries; never aggregates. */
export class Client {
  constructor(options?: ClientOptions)
  /** Calls an operation by the service's name for it, for example `PutRecord`. */
  call(operation: string, input?: Shape, options?: { signal?: AbortSignal }): Promise<Shape>
  createStream: Operation<{ StreamName: string; ShardCount?: number; StreamModeDetails?: { StreamMode: string }; Tags?: { [key: string]: string } }>
  deleteStream: Operation<StreamName & { EnforceConsumerDeletion?: boolean }>
  describeStream: Operation<StreamName & { Limit?: number; ExclusiveStartShardId?: string }>
  describeStreamSummary: Operation<StreamName>
  listStreams: Operation<{ Limit?: number; ExclusiveStartStreamName?: string; NextToken?: string }>
  listShards: Operation<StreamName & { NextToken?: string; ExclusiveStartShardId?: string; MaxResults?: number; ShardFilter?: Shape }, { Shards?: Shard[]; NextToken?: string }>
  putRecord: Operation<StreamName & PutRecordsEntry & { SequenceNumberForOrdering?: string }, { ShardId: string; SequenceNumber: string; EncryptionType?: string }>
  putRecords: Operation<StreamName & { Records: PutRecordsEntry[] }, { FailedRecordCount?: number; Records: { ShardId?: string; SequenceNumber?: string; ErrorCode?: string; ErrorMessage?: string }[] }>
  getShardIterator: Operation<StreamName & { ShardId: string; ShardIteratorType: string; StartingSequenceNumber?: string; Timestamp?: Date }, { ShardIterator?: string }>
  getRecords: Operation<{ ShardIterator: string; Limit?: number; StreamARN?: string }, { Records: StreamRecord[]; NextShardIterator?: string; MillisBehindLatest?: number }>
  splitShard: Operation<StreamName & { ShardToSplit: string; NewStartingHashKey: string }>
  mergeShards: Operation<StreamName & { ShardToMerge: string; AdjacentShardToMerge: string }>
  updateShardCount: Operation<StreamName & { TargetShardCount: number; ScalingType: string }>
  /** The events end after five minutes, at the shard's end, or when the loop over them ends. */
  subscribeToShard: Operation<{ ConsumerARN: string; ShardId: string; StartingPosition: { Type: string; SequenceNumber?: string; Timestamp?: Date } }, { EventStream: AsyncIterable<{ SubscribeToShardEvent: SubscribeToShardEvent }> }>
  acknowledgeDeadLetterQueueRecords: Operation
  acknowledgeQueueRecords: Operation
  addTagsToStream: Operation
  createChannel: Operation
  createQueue: Operation
  decreaseStreamRetentionPeriod: Operation
  deleteChannel: Operation
  deleteQueue: Operation
  deleteResourcePolicy: Operation
  deregisterStreamConsumer: Operation
  describeAccountSettings: Operation
  describeChannel: Operation
  describeLimits: Operation
  describeQueue: Operation
  describeStreamConsumer: Operation
  disableEnhancedMonitoring: Operation
  enableEnhancedMonitoring: Operation
  getResourcePolicy: Operation
  increaseStreamRetentionPeriod: Operation
  listChannels: Operation
  listQueues: Operation
  listStreamConsumers: Operation
  listTagsForResource: Operation
  listTagsForStream: Operation
  putResourcePolicy: Operation
  receiveDeadLetterQueueRecords: Operation
  receiveQueueRecords: Operation
  registerStreamConsumer: Operation
  removeTagsFromStream: Operation
  restoreDeadLetterQueueRecords: Operation
  startStreamEncryption: Operation
  stopStreamEncryption: Operation
  tagResource: Operation
  untagResource: Operation
  updateAccountSettings: Operation
  updateChannel: Operation
  updateDeadLetterQueueRecordsVisibility: Operation
  updateMaxRecordSize: Operation
  updateQueue: Operation
  updateQueueRecordsVisibility: Operation
  updateStreamMode: Operation
  updateStreamRecordDistributionStrategy: Operation
  updateStreamWarmThroughput: Operation
}
/** `new Client(options)`. */
export function client(options?: ClientOptions): Client

// ----------------------------------------------------------------------------------------- codec, routing

export interface UserRecord {
  key: string
  data: Uint8Array
  explicitHashKey?: string | bigint
}

/**
 * Packs user records that belong to the same shard into the data of one record in KPL format.
 * @throws KinetikError at a bad record, with its `index`
 */
export function aggregate(records: Iterable<UserRecord>): Buffer

/**
 * Unpacks a record's data, without copying payloads. Data that is not aggregated is one record with the key that was
 * given and without a sub-sequence number. With `strict: false` user records that stand before a damaged one are kept, as
 * the KCL does.
 * @throws CorruptAggregateError for a valid digest and an invalid body
 */
export function deaggregate(data: Uint8Array, partitionKey?: string, options?: { strict?: boolean }): { key: string; data: Buffer; explicitHashKey?: bigint; subSequenceNumber?: number }[]

/** The 128-bit point of the ring that a partition key names: its MD5 as a big-endian number. */
export function hashKey(partitionKey: string): bigint

/** Which shard takes a hash key. */
export class ShardMap {
  /** From what ListShards answers. */
  constructor(shards: readonly Shard[])
  /** That of a fresh stream, of at most 100,000 shards. */
  static even(shards: number): ShardMap
  /** The number of open shards. */
  readonly length: number
  /** The shard that takes a hash key. */
  route(hashKey: bigint): string | undefined
  /** The shard that takes a partition key. */
  routeKey(partitionKey: string): string | undefined
}

// ------------------------------------------------------------------------------------------------ errors

/** What every failure of kinetik is. `code`, `number` and `retry` are the contract; the text is for people. */
export class KinetikError extends Error {
  /** One that is made of this class itself has the code of an InternalError. */
  constructor(message?: string, fields?: { cause?: unknown; [field: string]: unknown })
  /** The kind's stable name, for example `BufferFull`. */
  readonly code: string
  /** The kind's stable number, for example 2002. */
  readonly number: number
  /** Whether trying again can help. */
  readonly retry: 'never' | 'now' | 'after'
  readonly retryAfterMs?: number
  readonly operation?: string
  readonly stream?: string
  readonly shardId?: string
  readonly attempts: number
  readonly elapsedMs?: number
  /** Which of many records it is about, from 0; those before it (`accepted`) were taken. */
  readonly index?: number
  readonly accepted?: number
  /** AWS's own name of the error. */
  readonly awsCode?: string
  readonly requestId?: string
  readonly httpStatus?: number
  readonly cause?: unknown
  /** Of `putAndWait`: the record, and whether it may have been stored. It is not printed, nor in the error's JSON. */
  readonly failure?: Failure
}

/** What flush and close fail with carries what is left; every error of close does. */
export interface Undelivered {
  readonly ledger: Ledger
  /** How many records are neither delivered nor failed. */
  readonly pending: number
  /** The records that failed, given back. */
  readonly failures: Failure[]
  /** After `close`: the records that are pending for good, given back. Empty after `flush`, which may still deliver them. */
  readonly leftover: Failure[]
}

export class FlushTimeoutError extends KinetikError implements Undelivered {
  readonly ledger: Ledger
  readonly pending: number
  readonly failures: Failure[]
  readonly leftover: Failure[]
}
export class DeliveryError extends KinetikError implements Undelivered {
  readonly ledger: Ledger
  readonly pending: number
  readonly failures: Failure[]
  readonly leftover: Failure[]
}
export class InvalidArgumentError extends KinetikError {}
export class InvalidTypeError extends KinetikError {}
export class RecordTooLargeError extends KinetikError {}
export class ClosedError extends KinetikError {}
export class BufferFullError extends KinetikError {}
export class ForkedError extends KinetikError {}
export class InvalidHandleError extends KinetikError {}
export class TimedOutError extends KinetikError {}
export class ExpiredError extends KinetikError {}
export class OrderBrokenError extends KinetikError {}
export class CancelledError extends KinetikError {}
export class NotFoundError extends KinetikError {}
export class ResourceInUseError extends KinetikError {}
export class LimitExceededError extends KinetikError {}
export class ThrottledError extends KinetikError {}
export class AccessDeniedError extends KinetikError {}
export class UnauthenticatedError extends KinetikError {}
export class ExpiredIteratorError extends KinetikError {}
export class ExpiredTokenError extends KinetikError {}
export class EncryptionError extends KinetikError {}
export class UnavailableError extends KinetikError {}
export class DryRunError extends KinetikError {}
export class UnsupportedError extends KinetikError {}
export class RefusedError extends KinetikError {}
export class ConnectionError extends KinetikError {}
export class ProtocolError extends KinetikError {}
export class CorruptAggregateError extends KinetikError {}
/** Of `close`, it carries what is left. */
export class InternalError extends KinetikError implements Partial<Undelivered> {
  readonly ledger?: Ledger
  readonly pending?: number
  readonly failures?: Failure[]
  readonly leftover?: Failure[]
}

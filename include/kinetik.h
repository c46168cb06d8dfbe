/*
 * kinetik for C: producers, readers, the engine and the codec of Amazon Kinesis Data Streams.
 *
 * Every call returns a kinetik_status unless it says otherwise; kinetik_last_error() tells more about the last
 * one of the calling thread. Handles are small structs passed by value, {0} means none; they may be used from
 * any thread. A handle whose object was closed is answered with KINETIK_CLOSED; {0}, one that never was and one
 * of another kind with KINETIK_INVALID_HANDLE. Memory that the library hands out says in its comment how it is
 * given back. The library starts no thread before something is opened, needs no locale and sets no signal
 * disposition.
 *
 * This file is generated from bindings-c/src; a test proves that it is current.
 */


#ifndef KINETIK_H
#define KINETIK_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

// Instead of a shard's number: all shards of the stream.
#define KINETIK_ALL_SHARDS UINT32_MAX

// What a call answers: KINETIK_OK, one of two quiet outcomes, or the number of an error kind.
//
// Numbers are stable and never given twice: 1 and 2 quiet outcomes, 1000 the caller's argument, 2000 the state
// of a kinetik object, 3000 the service's answer, 4000 the way to the service, 5000 data that was read, 9000
// kinetik itself. The same numbers are `code` in Python, `number` in Node.
typedef enum {
    // Done.
    KINETIK_OK = 0,
    // A reader has delivered everything up to its end. Not an error.
    KINETIK_END = 1,
    // An argument or a setting is outside what is allowed; the text names it and the limit.
    KINETIK_INVALID_ARGUMENT = 1001,
    // An argument is of the wrong type (the typed languages refuse it before that).
    KINETIK_INVALID_TYPE = 1002,
    // A record is larger than its stream takes; it must be split or the stream's limit raised.
    KINETIK_RECORD_TOO_LARGE = 1003,
    // The object was closed before the call.
    KINETIK_CLOSED = 2001,
    // The buffer's hard budget is used up; the record was not taken.
    KINETIK_BUFFER_FULL = 2002,
    // The object belongs to the parent process and cannot be used in a forked child.
    KINETIK_FORKED = 2003,
    // A C handle is none, of another type or was never given out, or a pointer that must be given is null.
    KINETIK_INVALID_HANDLE = 2004,
    // The call's time ran out before it was done; what was asked may still happen.
    KINETIK_TIMED_OUT = 2005,
    // A flush or close ended with records neither delivered nor failed.
    KINETIK_FLUSH_TIMEOUT = 2006,
    // A flush or close ended with records that failed for good.
    KINETIK_DELIVERY_FAILED = 2007,
    // A record was not delivered before its deadline.
    KINETIK_EXPIRED = 2008,
    // An earlier record of the same key failed in ordered mode, so this one was not sent.
    KINETIK_ORDER_BROKEN = 2009,
    // The caller cancelled the call.
    KINETIK_CANCELLED = 2010,
    // The stream, shard, consumer or resource does not exist.
    KINETIK_NOT_FOUND = 3001,
    // The resource is in a state that does not allow the operation, or exists already.
    KINETIK_RESOURCE_IN_USE = 3002,
    // A quota of the account or of the control plane is used up.
    KINETIK_LIMIT_EXCEEDED = 3003,
    // The service asks for fewer calls or bytes a second.
    KINETIK_THROTTLED = 3004,
    // The credentials are good but may not do this; the text names the operation.
    KINETIK_ACCESS_DENIED = 3005,
    // The credentials are missing, unknown or expired, or the signature does not match.
    KINETIK_UNAUTHENTICATED = 3006,
    // A shard iterator is older than five minutes.
    KINETIK_EXPIRED_ITERATOR = 3007,
    // A page token is older than five minutes.
    KINETIK_EXPIRED_TOKEN = 3008,
    // The stream's encryption key cannot be used.
    KINETIK_ENCRYPTION = 3009,
    // The service failed inside; what was asked may have been done.
    KINETIK_UNAVAILABLE = 3010,
    // The request was checked and would have succeeded, and nothing was done because `DryRun` was set.
    KINETIK_DRY_RUN = 3011,
    // The service does not know the operation.
    KINETIK_UNSUPPORTED = 3012,
    // The service refused the request in a way that has no kind of its own; see the AWS error name.
    KINETIK_REFUSED = 3099,
    // The service could not be reached, or the connection broke.
    KINETIK_CONNECTION = 4001,
    // The service's answer was not understood.
    KINETIK_PROTOCOL = 4002,
    // An aggregated record has a valid digest and an invalid body.
    KINETIK_CORRUPT_AGGREGATE = 5001,
    // kinetik has a bug; what was asked may or may not have been done.
    KINETIK_INTERNAL = 9001,
} kinetik_status;

// Whether trying the same thing again can help.
typedef enum {
    // Trying again without changing something will fail again.
    KINETIK_RETRY_NEVER = 0,
    // Trying again at once may succeed.
    KINETIK_RETRY_NOW = 1,
    // Trying again after a pause may succeed; retry_after_ms says how long where it is known.
    KINETIK_RETRY_AFTER = 2,
} kinetik_retry;

// Whether a record that failed may lie in the stream.
typedef enum {
    // It is certainly not there.
    KINETIK_PERSISTED_NO = 0,
    // An attempt ended without a definite answer; putting it again may make a duplicate.
    KINETIK_PERSISTED_MAYBE = 1,
    // It is there: the record was delivered.
    KINETIK_PERSISTED_YES = 2,
} kinetik_persisted;

// A set of settings, made by kinetik_config_new() and freed by kinetik_config_free(). The pointer is a handle that is
// looked up, never followed.
//
// Names: stream (name or ARN); for a producer aggregate (must be said), linger, deadline, buffer_bytes, buffer_group, …; for a reader
// start (must be said), until, …; for a client timeout, max_attempts; for all endpoint (memory://NAME, http(s)://…, empty =
// AWS), request_timeout, and those of the connection: region, profile, access_key_id, secret_access_key, session_token, wire,
// proxy, ca_bundle, use_fips_endpoint, use_dualstack_endpoint, account_id_endpoint_mode, connect_timeout. Durations are
// seconds, or milliseconds under a name that ends in _ms.
typedef struct kinetik_config kinetik_config;

// What is known about an error. Set struct_size to sizeof(kinetik_error_info) before the call; every string is
// NUL-terminated, NULL where it is not known, and valid until this thread's next kinetik call.
typedef struct {
    // sizeof(kinetik_error_info) as the caller was compiled.
    size_t struct_size;
    // The error's kind.
    kinetik_status status;
    // Whether trying again can help.
    kinetik_retry retry;
    // How long to wait first; 0 where it is not known.
    uint64_t retry_after_ms;
    // What happened, where, and what to do; never NULL.
    const char *message;
    // The operation, for example PutRecords.
    const char *operation;
    // The stream.
    const char *stream;
    // The shard.
    const char *shard_id;
    // AWS's own name of the error, for example ResourceNotFoundException.
    const char *aws_code;
    // The service's id of the request.
    const char *request_id;
    // How often it was tried; 0 where nothing was sent.
    uint32_t attempts;
    // The HTTP status of the answer; 0 where there was none.
    uint32_t http_status;
    // Which of many records it is about, from 0; SIZE_MAX where it is about none.
    size_t record_index;
} kinetik_error_info;

// Bytes that belong to the caller until kinetik_bytes_release() is called on them.
typedef struct {
    // The first byte; not NULL, even when len is 0.
    const uint8_t *data;
    // How many bytes there are.
    size_t len;
    // For kinetik_bytes_release() alone.
    void *owner;
} kinetik_bytes;

// A point of the ring of hash keys, 0 to 2^128 - 1: high * 2^64 + low.
typedef struct {
    // The upper 64 bits.
    uint64_t high;
    // The lower 64 bits.
    uint64_t low;
} kinetik_hash_key;

// One record of kinetik_producer_put_many().
typedef struct {
    // The partition key: UTF-8, 1 to 256 characters; need not end in NUL.
    const char *key;
    // Bytes of the key.
    size_t key_len;
    // The payload.
    const void *data;
    // Bytes of the payload.
    size_t data_len;
    // The point of the ring that picks the shard in place of the key's hash; NULL for the key's.
    const kinetik_hash_key *explicit_hash_key;
    // Comes back in the record's reports; NULL = the record is only counted, and reported if it fails.
    void *opaque;
} kinetik_put;

// One user record of an aggregate. Pointers are valid until kinetik_user_records_release().
typedef struct {
    // The partition key, not NUL-terminated; NULL in a record that was not aggregated, whose key stands outside it.
    const char *key;
    // Bytes of the key.
    size_t key_len;
    // The payload.
    const uint8_t *data;
    // Bytes of the payload.
    size_t data_len;
    // Whether explicit_hash_key was given with it.
    bool has_explicit_hash_key;
    // The explicit hash key; 0 without one.
    kinetik_hash_key explicit_hash_key;
} kinetik_user_record;

// What a Kinesis record held.
typedef struct {
    // The records.
    const kinetik_user_record *records;
    // How many there are.
    size_t len;
    // Whether it was an aggregate; if not, there is one record, with the bytes as they were.
    bool aggregated;
    // For kinetik_user_records_release() alone.
    void *owner;
} kinetik_user_records;

// A sequence number: 24 big-endian bytes, so that memcmp() compares two numbers of a shard.
typedef struct {
    // The number's bytes, the highest first.
    uint8_t bytes[24];
} kinetik_sequence;

// A client; {0} is none.
typedef struct {
    // For the library alone.
    uint64_t handle;
} kinetik_client;

// A subscription; {0} is none.
typedef struct {
    // For the library alone.
    uint64_t handle;
} kinetik_subscription;

// An engine; {0} is none.
typedef struct {
    // For the library alone.
    uint64_t handle;
} kinetik_engine;

// One user record. Pointers are valid until its batch is released.
typedef struct {
    // The partition key, UTF-8, not NUL-terminated.
    const char *key;
    // Bytes of the key.
    size_t key_len;
    // The payload; not NULL, even when data_len is 0.
    const uint8_t *data;
    // Bytes of the payload.
    size_t data_len;
    // The sequence number of the Kinesis record that held it.
    kinetik_sequence sequence;
    // Its place within its aggregate, from 0; -1 if it came alone.
    int64_t sub_sequence_number;
    // When the service took it, in milliseconds since 1970, by the service's clock.
    uint64_t arrived_at_ms;
    // The number of its shard; see kinetik_shard_id_format().
    uint32_t shard;
    // Whether its key's hash lies in the shard's range; false marks what a reshard left on the wrong shard.
    bool in_range;
} kinetik_record;

// Consecutive records of one shard, in order. Give it back with kinetik_batch_release().
typedef struct {
    // The records.
    const kinetik_record *records;
    // How many there are.
    size_t len;
    // The number of their shard.
    uint32_t shard;
    // How far the last one was behind the shard's newest record, in milliseconds.
    uint64_t millis_behind_latest;
    // For kinetik_batch_release() alone.
    void *owner;
} kinetik_batch;

// A server; {0} is none.
typedef struct {
    // For the library alone.
    uint64_t handle;
} kinetik_server;

// A producer; {0} is none.
typedef struct {
    // For the library alone.
    uint64_t handle;
} kinetik_producer;

// What became of one record. Pointers are valid until kinetik_reports_release(), or within a close callback until it
// returns.
typedef struct {
    // As given with the put; NULL for a record that was put without one and failed.
    void *opaque;
    // KINETIK_OK = delivered.
    kinetik_status status;
    // Whether the stream holds it.
    kinetik_persisted persisted;
    // The shard's number; see kinetik_shard_id_format(). Of a delivered record.
    uint32_t shard;
    // How often it was sent.
    uint32_t attempts;
    // Its sequence number. Of a delivered record.
    kinetik_sequence sequence;
    // Its place within its aggregate, from 0; -1 if it was sent alone.
    int64_t sub_sequence_number;
    // An earlier attempt may have stored it too.
    bool may_be_duplicate;
    // Of a failed record: its partition key.
    const char *key;
    // Bytes of the key.
    size_t key_len;
    // Of a failed record: its payload.
    const void *data;
    // Bytes of the payload.
    size_t data_len;
    // Of a failed record: why, as NUL-terminated text.
    const char *message;
    // How many attempts kinetik_report_attempt() tells of.
    uint32_t failed_attempts;
    // For kinetik_reports_release() alone.
    void *owner;
} kinetik_report;

// Called by kinetik_producer_close() on the caller's thread, once per record that was neither delivered nor reported.
// The report is valid until the callback returns.
typedef void (*kinetik_leftover)(void *ctx, const kinetik_report *report);

// A number of user records and of their bytes, keys and payloads together.
typedef struct {
    // User records.
    uint64_t records;
    // Bytes.
    uint64_t bytes;
} kinetik_tally;

// What a producer took since it was opened, and what became of it: accepted = delivered + failed + pending, always.
// Set struct_size to sizeof(kinetik_ledger) before the call.
typedef struct {
    // sizeof(kinetik_ledger) as the caller was compiled.
    size_t struct_size;
    // Taken by a put.
    kinetik_tally accepted;
    // Stored by the service.
    kinetik_tally delivered;
    // Ended without being delivered.
    kinetik_tally failed;
    // Neither yet.
    kinetik_tally pending;
} kinetik_ledger;

// A reader; {0} is none.
typedef struct {
    // For the library alone.
    uint64_t handle;
} kinetik_reader;

// One attempt to deliver a record that did not. Set struct_size to sizeof(kinetik_attempt) before the call; the message is
// valid as long as the report.
typedef struct {
    // sizeof(kinetik_attempt) as the caller was compiled.
    size_t struct_size;
    // When it was sent, in milliseconds since 1970 by the wall clock.
    int64_t sent_at_ms;
    // How many microseconds passed until its end was known.
    uint64_t took_us;
    // What came of it.
    kinetik_status status;
    // Why, as NUL-terminated text.
    const char *message;
} kinetik_attempt;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Tells about this thread's last error: the one behind the last status that was neither KINETIK_OK nor
// KINETIK_END. KINETIK_END when there was none. Never blocks; does not change the last error, even if it fails itself.
kinetik_status kinetik_last_error(kinetik_error_info *info);

// The name of a status, for example "BufferFull"; "Unknown" for a number that is none. Valid for ever.
const char *kinetik_status_name(uint32_t status);

// The version of the library as MAJOR * 10000 + MINOR * 100 + PATCH.
uint32_t kinetik_version(void);

// Gives bytes back to the library that made them. NULL and bytes released before are ignored. Never blocks.
void kinetik_bytes_release(kinetik_bytes *bytes);

// Makes an empty set of settings. Never blocks; any thread may use it.
kinetik_status kinetik_config_new(kinetik_config **config);

// Changes a setting; both texts are copied. KINETIK_INVALID_ARGUMENT for a name that does not exist (the message
// names the nearest that does) or a value of another form.
kinetik_status kinetik_config_set(kinetik_config *config,
                                  const char *name,
                                  const char *value);

// Frees a set of settings; what was opened with it keeps its copy. NULL is ignored.
kinetik_status kinetik_config_free(kinetik_config *config);

// Packs count user records into one aggregated record in KPL's format; opaque is ignored. Give it back with
// kinetik_bytes_release(). KINETIK_RECORD_TOO_LARGE above 10 MiB.
kinetik_status kinetik_aggregate(const kinetik_put *records,
                                 size_t count,
                                 kinetik_bytes *aggregate);

// Unpacks a Kinesis record. Bytes that are no aggregate, or whose digest is wrong, come out as one record.
// KINETIK_CORRUPT_AGGREGATE: the digest is right and the body is not. data is copied once.
kinetik_status kinetik_deaggregate(const uint8_t *data,
                                   size_t data_len,
                                   kinetik_user_records *records);

// Gives user records back. NULL and records released before are ignored.
void kinetik_user_records_release(kinetik_user_records *records);

// Finds the point of the ring that a partition key lies on: its MD5 as a number. The key is UTF-8, 1 to 256 characters.
kinetik_status kinetik_hash_partition_key(const char *key,
                                          size_t key_len,
                                          kinetik_hash_key *hash);

// Reads an explicit hash key: a decimal number from 0 to 2^128 - 1 without sign, blanks or leading zeros.
kinetik_status kinetik_hash_key_parse(const char *text,
                                      kinetik_hash_key *hash);

// Writes a hash key as decimal text; 40 bytes are always enough.
kinetik_status kinetik_hash_key_format(kinetik_hash_key hash, char *text, size_t size);

// Writes a sequence number as the decimal text that the service uses; 60 bytes are always enough.
kinetik_status kinetik_sequence_format(kinetik_sequence sequence, char *text, size_t size);

// Writes a shard's id in its text form, for example shardId-000000000003; 24 bytes are always enough.
kinetik_status kinetik_shard_id_format(uint32_t shard,
                                       char *text,
                                       size_t size);

// Makes a client from the settings endpoint, timeout, request_timeout, max_attempts and those of the connection, which are
// copied. Sends nothing yet.
kinetik_status kinetik_client_open(const kinetik_config *config,
                                   kinetik_client *client);

// Calls an operation by its name, for example "DescribeStreamSummary".
//
// The input is the operation's JSON (a blob is base64), 0 bytes mean {}. The answer is JSON that the caller gives back
// with kinetik_bytes_release(); it is {} where the service answers nothing. Blocks until the answer is there, with
// retries for at most a minute. The service's refusals are statuses from 3001 on.
kinetik_status kinetik_client_call(kinetik_client client,
                                   const char *operation,
                                   const uint8_t *input,
                                   size_t input_len,
                                   kinetik_bytes *answer);

// Frees a client; calls that are under way in other threads end first.
kinetik_status kinetik_client_close(kinetik_client client);

// Calls SubscribeToShard with its input as JSON and hands out the subscription that begins. Blocks until the service
// answers. Give it back with kinetik_subscription_close().
kinetik_status kinetik_client_subscribe(kinetik_client client,
                                        const uint8_t *input,
                                        size_t input_len,
                                        kinetik_subscription *subscription);

// Waits up to timeout_ms for the next event: a SubscribeToShardEvent as JSON, payloads in base64, which the caller gives
// back with kinetik_bytes_release(). KINETIK_TIMED_OUT: none came, try again. KINETIK_END: the subscription is over, after
// five minutes or at the shard's end. One thread at a time waits; others wait for it.
kinetik_status kinetik_subscription_poll(kinetik_subscription subscription,
                                         uint32_t timeout_ms,
                                         kinetik_bytes *event);

// Ends a subscription and frees it; a poll under way in another thread ends at once with KINETIK_CLOSED.
kinetik_status kinetik_subscription_close(kinetik_subscription subscription);

// Finds the engine of this process that the endpoint memory://NAME reaches, or makes it with the service's quotas.
// Any number of handles may name the same engine; it lives until the process ends. KINETIK_INVALID_ARGUMENT unless the
// name is 1 to 128 characters of a-z A-Z 0-9 _ . -
kinetik_status kinetik_engine_open(const char *name,
                                   kinetik_engine *engine);

// Makes a stream that is ACTIVE when the call returns.
kinetik_status kinetik_engine_create_stream(kinetik_engine engine,
                                            const char *stream,
                                            uint32_t shards);

// Hands out every user record that a stream holds, shard by shard, aggregates taken apart: what a test looks at. Each
// record names its shard; the batch's own shard and lag are 0, and in_range is not judged but true. Give the batch back
// with kinetik_batch_release().
kinetik_status kinetik_engine_records(kinetik_engine engine,
                                      const char *stream,
                                      kinetik_batch *batch);

// Forgets every stream and all faults; a clock that was stopped goes on.
kinetik_status kinetik_engine_reset(kinetik_engine engine);

// Adds a fault for calls that reach the engine by an endpoint, as JSON: "operation", and one of "error" (with
// "message" and "after_commit"), "lose_answer" (true) and "delay_ms"; "stream", "shard" (its number) and "times" narrow
// and repeat it. For example {"operation":"PutRecords","error":"InternalFailure","times":2}.
kinetik_status kinetik_engine_fault(kinetik_engine engine,
                                    const char *fault);

// Lets every call that reaches the engine by an endpoint take so long on its way, as over a distance; 0 for none.
kinetik_status kinetik_engine_round_trip(kinetik_engine engine,
                                         uint64_t milliseconds);

// Forgets all faults that have not struck yet, and the round trip.
kinetik_status kinetik_engine_clear_faults(kinetik_engine engine);

// Stops the engine's clock, by which iterators, retention, quotas and state delays are judged.
kinetik_status kinetik_engine_clock_freeze(kinetik_engine engine);

// Moves the engine's clock on, whether it stands or goes.
kinetik_status kinetik_engine_clock_advance(kinetik_engine engine, uint64_t milliseconds);

// Lets the engine's clock go on from where it stands.
kinetik_status kinetik_engine_clock_resume(kinetik_engine engine);

// Milliseconds since the Unix epoch, by the engine's clock.
kinetik_status kinetik_engine_clock_now(kinetik_engine engine, uint64_t *milliseconds);

// What a stream has seen since it was made: a value by CloudWatch's name, for example IncomingRecords or
// PutRecords.Success; of one shard by its number, or with KINETIK_ALL_SHARDS the sum over all.
kinetik_status kinetik_engine_metric(kinetik_engine engine,
                                     const char *stream,
                                     uint32_t shard,
                                     const char *name,
                                     uint64_t *value);

// Frees the handle; the engine itself stays reachable by its name.
kinetik_status kinetik_engine_close(kinetik_engine engine);

// Starts a server on 127.0.0.1 with an engine of its own.
//
// The options are words separated by blanks, or NULL: streams=NAME:SHARDS[,NAME:SHARDS…] makes streams, port=N asks
// for a port (a free one by default). The rest are the engine's: quotas=off lifts the service's quotas, memory=BYTES
// bounds what stored records take (half of the machine's memory by default), when_full=throttle|trim says what a put
// gets when that is used up, state_delay=SECONDS (or state_delay_ms) is how long streams take to be made, changed and
// deleted (no time by default), region=NAME and account=TWELVE_DIGITS are what ARNs name, shard_limit=N and
// on_demand_stream_limit=N are the account's.
kinetik_status kinetik_server_start(const char *options,
                                    kinetik_server *server);

// Gives a handle on the engine behind a server, for its streams, faults, clock and metrics. It is the caller's to close.
kinetik_status kinetik_server_engine(kinetik_server server,
                                     kinetik_engine *engine);

// Writes the server's address, for example http://127.0.0.1:40123, into a place of the caller's.
kinetik_status kinetik_server_endpoint(kinetik_server server, char *url, size_t size);

// Stops a server and frees it; its records are gone. Calls under way in other threads end first.
kinetik_status kinetik_server_stop(kinetik_server server);

// Opens a producer. Needs the settings stream and aggregate; the settings are copied.
//
// Unless lazy is true, checks that the stream is there and that its shards may be listed, and blocks for that: at most
// open_timeout_ms (30,000). Whether records may be put is known with the first of them.
kinetik_status kinetik_producer_open(const kinetik_config *config,
                                     kinetik_producer *producer);

// Puts one record; key and data are copied. Never blocks. KINETIK_BUFFER_FULL: it was not taken.
//
// If it fails, a report comes back through kinetik_producer_poll(), with opaque (NULL with the setting reports=none). With
// reports=all one comes too when it was delivered, unless opaque is NULL. Unread reports hold room in the buffer. Any thread
// may call it.
kinetik_status kinetik_producer_put(kinetik_producer producer,
                                    const char *key,
                                    size_t key_len,
                                    const void *data,
                                    size_t data_len,
                                    void *opaque);

// Puts one record, waiting up to timeout_ms for room. KINETIK_BUFFER_FULL: no room came, it was not taken.
kinetik_status kinetik_producer_put_wait(kinetik_producer producer,
                                         const char *key,
                                         size_t key_len,
                                         const void *data,
                                         size_t data_len,
                                         void *opaque,
                                         uint32_t timeout_ms);

// Puts count records in order, as far as there is room. Never blocks. taken tells how many were taken; when that is
// fewer than count, the status is the reason why records[taken] was not.
kinetik_status kinetik_producer_put_many(kinetik_producer producer,
                                         const kinetik_put *records,
                                         size_t count,
                                         size_t *taken);

// A descriptor that is readable while reports wait, for epoll, libuv or Qt; -1 when there is none (see
// kinetik_last_error()). It belongs to the producer: never read, write or close it. With poll_mode=true it tells only of what
// kinetik_producer_poll() brought; kinetik_producer_next_wakeup() says when to call that.
int kinetik_producer_event_fd(kinetik_producer producer);

// Takes up to count reports, waiting up to timeout_ms for the first; got tells how many. KINETIK_TIMED_OUT when there
// was none, KINETIK_CLOSED when another thread closed the producer meanwhile. Give them back with kinetik_reports_release().
//
// With poll_mode=true this is what runs the producer, on this thread: it returns when reports wait or nothing is left to
// send, at the latest after timeout_ms.
kinetik_status kinetik_producer_poll(kinetik_producer producer,
                                     kinetik_report *reports,
                                     size_t count,
                                     uint32_t timeout_ms,
                                     size_t *got);

// With poll_mode=true: in how many milliseconds to call kinetik_producer_poll() at the latest, so that lingers and
// deadlines are kept. 0 = now, at most 10 while a call is under way, -1 = when something is put. Without poll_mode, and
// for a handle that is none, -1.
int64_t kinetik_producer_next_wakeup(kinetik_producer producer);

// Sends everything that is buffered and waits up to timeout_ms until every record was delivered.
//
// KINETIK_FLUSH_TIMEOUT: some are still pending. KINETIK_DELIVERY_FAILED: some failed since the last flush; their
// reports tell which. left, unless NULL, tells how many records are neither delivered nor failed.
kinetik_status kinetik_producer_flush(kinetik_producer producer,
                                      uint32_t timeout_ms,
                                      uint64_t *left);

// In ordered mode: takes records of a key again after one of them failed; with key NULL, those of all keys. was_broken,
// unless NULL, tells whether the key was broken; every record of a broken key that was put before has ended by then. For a
// key that was not broken it returns at once.
kinetik_status kinetik_producer_resume(kinetik_producer producer,
                                       const char *key,
                                       size_t key_len,
                                       bool *was_broken);

// Closes and frees a producer: flushes for up to timeout_ms, then calls on_leftover (unless NULL) on this thread, once
// per record that was not delivered and not yet reported as failed.
//
// The handle is dead from the beginning of the call on; calls under way in other threads end first, and one that waits in
// kinetik_producer_poll() at once. KINETIK_OK: every
// record was delivered, or failed and had its report taken by kinetik_producer_poll() after a flush had told of it. A
// callback may put into other producers, but must not free its report.
kinetik_status kinetik_producer_close(kinetik_producer producer,
                                      uint32_t timeout_ms,
                                      kinetik_leftover on_leftover,
                                      void *ctx);

// Reads a producer's ledger. Never blocks.
kinetik_status kinetik_producer_ledger(kinetik_producer producer, kinetik_ledger *ledger);

// Opens a reader over all shards of a stream. Needs the settings stream and start (TRIM_HORIZON, LATEST, a time, or the
// JSON of kinetik_reader_positions()); until is now, a time, or none; mode is polling, fan_out or auto; docs/reader.md has
// all. The settings are copied. Blocks until the stream's
// shards are known.
kinetik_status kinetik_reader_open(const kinetik_config *config,
                                   kinetik_reader *reader);

// Waits up to timeout_ms for the next batch. KINETIK_TIMED_OUT: none came, try again. KINETIK_END: everything up to
// the end that until names was delivered. One thread at a time reads; others wait.
kinetik_status kinetik_reader_poll(kinetik_reader reader,
                                   uint32_t timeout_ms,
                                   kinetik_batch *batch);

// Gives a batch back. NULL and batches released before are ignored. The reader may be closed already.
void kinetik_batch_release(kinetik_batch *batch);

// Tells where the reader stands, as JSON for the setting start in any language: behind the last batch that was polled.
// Give it back with kinetik_bytes_release().
kinetik_status kinetik_reader_positions(kinetik_reader reader,
                                        kinetik_bytes *json);

// Tells what the reader counted, as a JSON object of numbers, and below "lag_ms" how far each shard that is being read is
// behind its newest record, in milliseconds (null before its first answer), below "backlog" the "records" and "bytes" of each
// that were fetched and not polled (null where only the service knows how much there is). Waits for a poll under way in another
// thread. Give it back with kinetik_bytes_release().
kinetik_status kinetik_reader_stats(kinetik_reader reader,
                                    kinetik_bytes *json);

// Ends a reader: a poll under way in another thread ends at once with KINETIK_CLOSED, a consumer of the reader's own is
// deregistered, and the handle is freed, whatever the answer. Batches stay valid until they are released.
kinetik_status kinetik_reader_close(kinetik_reader reader);

// Gives reports back. The producer is named for symmetry and may be closed already.
void kinetik_reports_release(kinetik_producer producer, kinetik_report *reports, size_t count);

// Tells of the index-th failed attempt of a report, from 0: all of them up to 16, then the first and the last 15.
// KINETIK_INVALID_ARGUMENT beyond the last.
kinetik_status kinetik_report_attempt(const kinetik_report *report,
                                      uint32_t index,
                                      kinetik_attempt *attempt);

// Tells what a producer has counted since it was opened, by KPL's names (docs/metrics.md). format is "json", "prometheus"
// (text 0.0.4), "emf" (lines for CloudWatch of what happened since this was last asked for) or "otlp" (the JSON body of an
// OpenTelemetry request). Never blocks. Give the text back with kinetik_bytes_release().
kinetik_status kinetik_producer_metrics(kinetik_producer producer,
                                        const char *format,
                                        kinetik_bytes *text);

// Tells how evenly a producer's records spread, as a JSON object: the hottest "keys" and "shards" with their shares, the
// "aggregation_ratio", the "busiest_second", "shards_needed" and "is_one_key_too_much". It holds partition keys. Never blocks.
// Give the text back with kinetik_bytes_release().
kinetik_status kinetik_producer_skew(kinetik_producer producer,
                                     kinetik_bytes *json);

// Tells what a reader has counted and how far it is behind, in a format of kinetik_producer_metrics(). Waits for a poll
// under way in another thread. Give the text back with kinetik_bytes_release().
kinetik_status kinetik_reader_metrics(kinetik_reader reader,
                                      const char *format,
                                      kinetik_bytes *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KINETIK_H */

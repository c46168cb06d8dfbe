/*
 * kinetik for C: producers, readers, the engine and the codec of Amazon Kinesis Data Streams.
 *
 * Every call returns a kinetik_status unless it says otherwise; kinetik_last_error() tells more about the last
 * one of the calling thread. Handles are small structs passed by value, {0} means none; they may be used from
 * any thread. A handle that was closed, never opened or is of another kind is answered with
 * KINETIK_INVALID_HANDLE. Memory that the library hands out says in its comment how it is given back. The
 * library starts no thread before something is opened, needs no locale and sets no signal disposition.
 *
 * This file is generated from bindings-c/src; a test proves that it is current.
 */


#ifndef KINETIK_H
#define KINETIK_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

// What a call answers: KINETIK_OK, one of two quiet outcomes, or the number of an error kind.
//
// Numbers are stable and never given twice: 1 and 2 quiet outcomes, 1000 the caller's argument, 2000 the state
// of a kinetik object, 3000 the service's answer, 4000 the way to the service, 5000 data that was read, 9000
// kinetik itself. The same numbers are `code` in Python and Node.
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
    // A C handle is null, dangling or of another type, or a pointer that must be given is null.
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

// An engine; {0} is none.
typedef struct {
    // For the library alone.
    uint64_t handle;
} kinetik_engine;

// A point of the ring of hash keys, 0 to 2^128 - 1: high * 2^64 + low.
typedef struct {
    // The upper 64 bits.
    uint64_t high;
    // The lower 64 bits.
    uint64_t low;
} kinetik_hash_key;

// A sequence number: 24 big-endian bytes, so that memcmp() compares two numbers of a shard.
typedef struct {
    // The number's bytes, the highest first.
    uint8_t bytes[24];
} kinetik_sequence;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Tells about this thread's last error: the one behind the last status that was neither KINETIK_OK nor
// KINETIK_END. KINETIK_END when there was none. Never blocks; does not change the last error.
kinetik_status kinetik_last_error(kinetik_error_info *info);

// The name of a status, for example "BufferFull"; "Unknown" for a number that is none. Valid for ever.
const char *kinetik_status_name(uint32_t status);

// The version of the library as MAJOR * 10000 + MINOR * 100 + PATCH.
uint32_t kinetik_version(void);

// Gives bytes back to the library that made them. NULL and bytes released before are ignored. Never blocks.
void kinetik_bytes_release(kinetik_bytes *bytes);

// Finds the engine of this process that the endpoint memory://NAME reaches, or makes it with the service's quotas.
// Any number of handles may name the same engine; it lives until the process ends.
kinetik_status kinetik_engine_open(const char *name,
                                   kinetik_engine *engine);

// Makes a stream that is ACTIVE when the call returns.
kinetik_status kinetik_engine_create_stream(kinetik_engine engine,
                                            const char *stream,
                                            uint32_t shards);

// Forgets every stream, as if the engine had just been made.
kinetik_status kinetik_engine_reset(kinetik_engine engine);

// Frees the handle; the engine itself stays reachable by its name.
kinetik_status kinetik_engine_close(kinetik_engine engine);

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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KINETIK_H */

/* What SubscribeToShard is asked with. Needs _GNU_SOURCE. */
#ifndef KINETIK_TESTS_SUBSCRIBE_H
#define KINETIK_TESTS_SUBSCRIBE_H

#include "check.h"

/* The input that subscribes a new consumer to a stream's first shard. */
static inline size_t subscription_input(kinetik_client client, const char *stream, const char *start, char *input, size_t size)
{
    kinetik_bytes answer = {0};
    int len = snprintf(input, size, "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/%s\",\"ConsumerName\":\"reports\"}",
                       stream);
    OK(kinetik_client_call(client, "RegisterStreamConsumer", (const uint8_t *)input, (size_t)len, &answer));
    const char *arn = memmem(answer.data, answer.len, "\"arn:aws", 8);
    CHECK(arn);
    len = snprintf(input, size,
                   "{\"ConsumerARN\":\"%.*s\",\"ShardId\":\"shardId-000000000000\",\"StartingPosition\":{\"Type\":\"%s\"}}",
                   (int)strcspn(arn + 1, "\""), arn + 1, start);
    kinetik_bytes_release(&answer);
    return (size_t)len;
}

#endif

/* A record's whole way from C: put, report, flush, read back, resume; and what goes wrong on it. */
#include "check.h"

#include <poll.h>
#include <pthread.h>

#define ENDPOINT "memory://pipeline?quotas=off"

static kinetik_producer producer_of(const char *stream, const char *aggregate, const char *name, const char *value)
{
    kinetik_config *config = CONFIG("stream", stream, "endpoint", ENDPOINT, "aggregate", aggregate, name, value);
    kinetik_producer producer = {0};
    OK(kinetik_producer_open(config, &producer));
    OK(kinetik_config_free(config));
    return producer;
}

static void create(const char *stream, const char *shards)
{
    kinetik_config *config = CONFIG("endpoint", ENDPOINT);
    kinetik_client client = {0};
    kinetik_bytes answer = {0};
    char input[200];
    snprintf(input, sizeof input, "{\"StreamName\":\"%s\",\"ShardCount\":%s}", stream, shards);
    OK(kinetik_client_open(config, &client));
    OK(kinetik_client_call(client, "CreateStream", (const uint8_t *)input, strlen(input), &answer));
    CHECK(answer.len == 2 && memcmp(answer.data, "{}", 2) == 0);
    kinetik_bytes_release(&answer);
    OK(kinetik_client_close(client));
    OK(kinetik_config_free(config));
}

/* Reads until the end; counts records and adds up the numbers in their payloads. */
static size_t read_all(const char *stream, const char *start, size_t most, long *sum, char *positions)
{
    kinetik_config *config = CONFIG("stream", stream, "endpoint", ENDPOINT, "start", start, "until", "now");
    kinetik_reader reader = {0};
    size_t count = 0;
    kinetik_status status;
    OK(kinetik_reader_open(config, &reader));
    while (count < most) {
        kinetik_batch batch = {0};
        status = kinetik_reader_poll(reader, 10000, &batch);
        if (status == KINETIK_END)
            break;
        OK(status);
        CHECK(batch.len > 0);
        for (size_t i = 0; i < batch.len; i++) {
            char number[16] = {0};
            CHECK(batch.records[i].data_len < sizeof number && batch.records[i].in_range);
            CHECK(batch.records[i].shard == batch.shard && batch.records[i].arrived_at_ms > 1600000000000u);
            memcpy(number, batch.records[i].data, batch.records[i].data_len);
            *sum += atol(number);
        }
        count += batch.len;
        kinetik_batch_release(&batch);
    }
    if (positions) {
        kinetik_bytes json = {0};
        OK(kinetik_reader_positions(reader, &json));
        CHECK(json.len < 4000);
        memcpy(positions, json.data, json.len);
        positions[json.len] = '\0';
        kinetik_bytes_release(&json);
    }
    OK(kinetik_reader_close(reader));
    OK(kinetik_config_free(config));
    return count;
}

static void tells_what_it_counted(kinetik_producer producer)
{
    static const struct {
        const char *format, *part;
    } texts[] = {
        {"json", "\"UserRecordsPut\":5000"},
        {"prometheus", "kinetik_UserRecordsPut{StreamName=\""},
        {"emf", "\"Namespace\":\"KinesisProducerLibrary\""},
        {"otlp", "\"asInt\":\"5000\""},
    };
    static char copy[1 << 16];
    kinetik_bytes text;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        OK(kinetik_producer_metrics(producer, texts[i].format, &text));
        CHECK(text.len < sizeof copy);
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        CHECK(strstr(copy, texts[i].part) != NULL);
        kinetik_bytes_release(&text);
    }
    OK(kinetik_producer_skew(producer, &text));
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    CHECK(strstr(copy, "\"shards_needed\":") != NULL && strstr(copy, "\"key\":\"key-") != NULL);
    kinetik_bytes_release(&text);
    CHECK(kinetik_producer_metrics(producer, "csv", &text) == KINETIK_INVALID_ARGUMENT);
    CHECK(kinetik_producer_metrics(producer, NULL, &text) == KINETIK_INVALID_HANDLE);
    CHECK(kinetik_producer_metrics(producer, "json", NULL) == KINETIK_INVALID_HANDLE);
}

static void every_record_comes_back_and_the_ledger_balances(const char *stream, const char *aggregate)
{
    create(stream, "4");
    kinetik_producer producer = producer_of(stream, aggregate, "linger_ms", "5");
    for (long i = 0; i < 5000; i++) {
        char key[16], data[16];
        int key_len = snprintf(key, sizeof key, "key-%ld", i % 97), data_len = snprintf(data, sizeof data, "%ld", i);
        OK(kinetik_producer_put_wait(producer, key, (size_t)key_len, data, (size_t)data_len, NULL, 10000));
    }
    uint64_t left = 99;
    OK(kinetik_producer_flush(producer, 30000, &left));
    CHECK(left == 0);
    kinetik_ledger ledger = {.struct_size = sizeof ledger};
    OK(kinetik_producer_ledger(producer, &ledger));
    CHECK(ledger.accepted.records == 5000 && ledger.delivered.records == 5000);
    CHECK(ledger.failed.records == 0 && ledger.pending.records == 0);
    CHECK(ledger.accepted.bytes == ledger.delivered.bytes && ledger.pending.bytes == 0);
    tells_what_it_counted(producer);
    OK(kinetik_producer_close(producer, 30000, NULL, NULL));
    long sum = 0;
    CHECK(read_all(stream, "TRIM_HORIZON", SIZE_MAX, &sum, NULL) == 5000);
    CHECK(sum == 4999L * 5000 / 2);
}

static void reports_tell_where_tracked_records_lie(void)
{
    create("reports", "2");
    kinetik_producer producer = producer_of("reports", "true", "reports", "all");
    int fd = kinetik_producer_event_fd(producer);
    CHECK(fd >= 0);
    static char marks[300];
    for (size_t i = 0; i < sizeof marks; i++)
        OK(kinetik_producer_put(producer, "key", 3, "payload", 7, &marks[i]));
    OK(kinetik_producer_flush(producer, 30000, NULL));
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    CHECK(poll(&waiting, 1, 10000) == 1);
    size_t seen = 0;
    while (seen < sizeof marks) {
        kinetik_report reports[64];
        size_t got = 0;
        OK(kinetik_producer_poll(producer, reports, 64, 10000, &got));
        for (size_t i = 0; i < got; i++) {
            CHECK(reports[i].status == KINETIK_OK && reports[i].persisted == KINETIK_PERSISTED_YES);
            CHECK(reports[i].attempts == 1 && reports[i].sub_sequence_number >= -1);
            *(char *)reports[i].opaque += 1;
            char text[60];
            OK(kinetik_sequence_format(reports[i].sequence, text, sizeof text));
            CHECK(strlen(text) == 56);
        }
        seen += got;
        kinetik_reports_release(producer, reports, got);
    }
    for (size_t i = 0; i < sizeof marks; i++)
        CHECK(marks[i] == 1);
    size_t got = 1;
    kinetik_report none;
    EXPECT(kinetik_producer_poll(producer, &none, 1, 0, &got), KINETIK_TIMED_OUT);
    CHECK(got == 0);
    OK(kinetik_producer_close(producer, 30000, NULL, NULL));
}

static void resuming_at_saved_positions_neither_repeats_nor_skips(void)
{
    static char positions[4096];
    create("resume", "3");
    kinetik_producer producer = producer_of("resume", "true", "linger_ms", "1");
    kinetik_put records[1000];
    static char keys[1000][16], data[1000][16];
    for (int i = 0; i < 1000; i++) {
        size_t key_len = (size_t)snprintf(keys[i], 16, "k%d", i), data_len = (size_t)snprintf(data[i], 16, "%d", i);
        records[i] = (kinetik_put){.key = keys[i], .key_len = key_len, .data = data[i], .data_len = data_len};
    }
    size_t taken = 0;
    OK(kinetik_producer_put_many(producer, records, 1000, &taken));
    CHECK(taken == 1000);
    OK(kinetik_producer_close(producer, 30000, NULL, NULL));
    long sum = 0;
    size_t first = read_all("resume", "TRIM_HORIZON", 100, &sum, positions);
    CHECK(first > 0 && first <= 1000);
    size_t rest = read_all("resume", positions, SIZE_MAX, &sum, NULL);
    CHECK(first + rest == 1000 && sum == 999L * 1000 / 2);
}

/* The answer of a client's call, as text. */
static void call(const char *operation, const char *input, char *text, size_t size)
{
    kinetik_config *config = CONFIG("endpoint", ENDPOINT);
    kinetik_client client = {0};
    kinetik_bytes answer = {0};
    OK(kinetik_client_open(config, &client));
    OK(kinetik_client_call(client, operation, (const uint8_t *)input, strlen(input), &answer));
    CHECK(answer.len < size);
    memcpy(text, answer.data, answer.len);
    text[answer.len] = '\0';
    kinetik_bytes_release(&answer);
    OK(kinetik_client_close(client));
    OK(kinetik_config_free(config));
}

static void *follow(void *reader)
{
    kinetik_batch batch = {0};
    kinetik_status status;
    do
        status = kinetik_reader_poll(*(kinetik_reader *)reader, 60000, &batch);
    while (status == KINETIK_TIMED_OUT);
    return (void *)(intptr_t)status;
}

static void fan_out_pushes_records_and_closing_ends_a_poll_and_deregisters(void)
{
    static char text[4096];
    static const char *consumers = "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/pushed\"}";
    create("pushed", "1");
    kinetik_config *config = CONFIG("stream", "pushed", "endpoint", ENDPOINT, "start", "LATEST", "mode", "fan_out");
    kinetik_reader reader = {0};
    OK(kinetik_reader_open(config, &reader));
    OK(kinetik_config_free(config));
    call("ListStreamConsumers", consumers, text, sizeof text);
    CHECK(strstr(text, "ConsumerARN"));
    call("PutRecord", "{\"StreamName\":\"pushed\",\"PartitionKey\":\"k\",\"Data\":\"MQ==\"}", text, sizeof text);
    kinetik_batch batch = {0};
    OK(kinetik_reader_poll(reader, 30000, &batch));
    CHECK(batch.len == 1 && batch.records[0].data[0] == '1');
    kinetik_batch_release(&batch);
    kinetik_bytes json = {0};
    OK(kinetik_reader_stats(reader, &json));
    CHECK(json.len < sizeof text);
    memcpy(text, json.data, json.len);
    text[json.len] = '\0';
    kinetik_bytes_release(&json);
    CHECK(strstr(text, "\"subscriptions\":1") && strstr(text, "\"lag_ms\":{\"shardId-000000000000\":0}"));
    pthread_t thread;
    void *status;
    CHECK(pthread_create(&thread, NULL, follow, &reader) == 0);
    OK(kinetik_reader_close(reader));
    CHECK(pthread_join(thread, &status) == 0);
    CHECK((intptr_t)status == KINETIK_CLOSED);
    call("ListStreamConsumers", consumers, text, sizeof text);
    CHECK(!strstr(text, "ConsumerARN"));
}

static void bad_records_are_refused_before_they_are_buffered(void)
{
    create("bad", "1");
    kinetik_producer producer = producer_of("bad", "true", "linger_ms", "1");
    static char big[(1 << 20) + 1], long_key[257];
    memset(long_key, 'k', sizeof long_key);
    EXPECT(kinetik_producer_put(producer, "", 0, "d", 1, NULL), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "partition_key"));
    EXPECT(kinetik_producer_put(producer, NULL, 5, "d", 1, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_producer_put(producer, long_key, 257, "d", 1, NULL), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "256"));
    EXPECT(kinetik_producer_put(producer, "\xff\xfe", 2, "d", 1, NULL), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "UTF-8"));
    EXPECT(kinetik_producer_put(producer, "k", 1, NULL, 3, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_producer_put(producer, "k", 1, big, sizeof big, NULL), KINETIK_RECORD_TOO_LARGE);
    CHECK(strstr(last_message(), "1048576"));
    EXPECT(kinetik_producer_put(producer, "k", 1, big, SIZE_MAX, NULL), KINETIK_INVALID_ARGUMENT);
    OK(kinetik_producer_put(producer, "k", 1, NULL, 0, NULL));

    kinetik_put records[3] = {
        {.key = "k", .key_len = 1, .data = "1", .data_len = 1},
        {.key = "", .key_len = 0, .data = "2", .data_len = 1},
        {.key = "k", .key_len = 1, .data = "3", .data_len = 1},
    };
    size_t taken = 9;
    EXPECT(kinetik_producer_put_many(producer, records, 3, &taken), KINETIK_INVALID_ARGUMENT);
    CHECK(taken == 1);
    kinetik_error_info info = {.struct_size = sizeof info};
    OK(kinetik_last_error(&info));
    CHECK(info.record_index == 1);
    kinetik_ledger ledger = {.struct_size = sizeof ledger};
    OK(kinetik_producer_ledger(producer, &ledger));
    CHECK(ledger.accepted.records == 2);
    OK(kinetik_producer_close(producer, 30000, NULL, NULL));
    EXPECT(kinetik_producer_put(producer, "k", 1, "d", 1, NULL), KINETIK_CLOSED);
    EXPECT(kinetik_producer_close(producer, 0, NULL, NULL), KINETIK_CLOSED);
}

static void an_unknown_stream_is_told_when_opening(void)
{
    kinetik_config *config = CONFIG("stream", "nowhere", "endpoint", ENDPOINT, "aggregate", "true", "start", "LATEST");
    kinetik_producer producer = {0};
    kinetik_reader reader = {0};
    EXPECT(kinetik_producer_open(config, &producer), KINETIK_NOT_FOUND);
    kinetik_error_info info = {.struct_size = sizeof info};
    OK(kinetik_last_error(&info));
    CHECK(info.aws_code && strcmp(info.aws_code, "ResourceNotFoundException") == 0);
    CHECK(info.retry == KINETIK_RETRY_NEVER && strstr(info.message, "nowhere"));
    EXPECT(kinetik_reader_open(config, &reader), KINETIK_NOT_FOUND);
    OK(kinetik_config_free(config));
}

static void after_a_failed_record_its_key_is_broken_until_it_is_resumed(void)
{
    create("ordered", "1");
    kinetik_config *config = CONFIG("stream", "ordered", "endpoint", ENDPOINT, "aggregate", "false", "ordered", "true",
                                    "reports", "all");
    kinetik_producer producer = {0};
    kinetik_engine engine = {0};
    OK(kinetik_producer_open(config, &producer));
    OK(kinetik_config_free(config));
    OK(kinetik_engine_open("pipeline", &engine));
    OK(kinetik_engine_fault(engine, "{\"operation\":\"PutRecords\",\"error\":\"AccessDeniedException\"}"));
    kinetik_status expected[] = {KINETIK_ACCESS_DENIED, KINETIK_ORDER_BROKEN, KINETIK_OK};
    for (int i = 0; i < 3; i++) {
        bool was_broken = false;
        if (i == 2) {
            OK(kinetik_producer_resume(producer, "k", 1, &was_broken));
            CHECK(was_broken);
            OK(kinetik_producer_resume(producer, NULL, 0, NULL));
        }
        OK(kinetik_producer_put(producer, "k", 1, "data", 4, &expected[i]));
        kinetik_report report;
        size_t got = 0;
        OK(kinetik_producer_poll(producer, &report, 1, 10000, &got));
        CHECK(report.status == expected[i] && report.failed_attempts == (i == 0));
        kinetik_attempt attempt = {.struct_size = sizeof attempt};
        if (i == 0) {
            OK(kinetik_report_attempt(&report, 0, &attempt));
            CHECK(attempt.status == KINETIK_ACCESS_DENIED && attempt.sent_at_ms > 0 && strlen(attempt.message) > 0);
        }
        EXPECT(kinetik_report_attempt(&report, report.failed_attempts, &attempt), KINETIK_INVALID_ARGUMENT);
        kinetik_reports_release(producer, &report, got);
    }
    EXPECT(kinetik_producer_close(producer, 10000, NULL, NULL), KINETIK_DELIVERY_FAILED);
    OK(kinetik_engine_close(engine));
}

static void failures_of_records_that_are_only_counted_come_back_and_free_their_room(void)
{
    create("counted", "1");
    kinetik_producer producer = producer_of("counted", "true", "buffer_records", "10");
    kinetik_engine engine = {0};
    OK(kinetik_engine_open("pipeline", &engine));
    for (int round = 0; round < 3; round++) {
        OK(kinetik_engine_fault(engine, "{\"operation\":\"PutRecords\",\"error\":\"AccessDeniedException\",\"times\":100}"));
        for (int i = 0; i < 10; i++)
            OK(kinetik_producer_put(producer, "k", 1, "data", 4, NULL));
        EXPECT(kinetik_producer_flush(producer, 10000, NULL), KINETIK_DELIVERY_FAILED);
        OK(kinetik_engine_clear_faults(engine));
        struct pollfd waiting = {.fd = kinetik_producer_event_fd(producer), .events = POLLIN};
        CHECK(poll(&waiting, 1, 10000) == 1);
        kinetik_report reports[20];
        size_t got = 0;
        OK(kinetik_producer_poll(producer, reports, 20, 0, &got));
        CHECK(got == 10);
        for (size_t i = 0; i < got; i++) {
            CHECK(reports[i].status == KINETIK_ACCESS_DENIED && !reports[i].opaque);
            CHECK(reports[i].data_len == 4 && !memcmp(reports[i].data, "data", 4));
        }
        kinetik_reports_release(producer, reports, got);
        OK(kinetik_producer_put(producer, "k", 1, "data", 4, NULL));
        OK(kinetik_producer_flush(producer, 10000, NULL));
    }
    OK(kinetik_engine_fault(engine, "{\"operation\":\"PutRecords\",\"error\":\"AccessDeniedException\"}"));
    OK(kinetik_producer_put(producer, "k", 1, "data", 4, NULL));
    EXPECT(kinetik_producer_flush(producer, 10000, NULL), KINETIK_DELIVERY_FAILED);
    /* Nobody took it. */
    EXPECT(kinetik_producer_close(producer, 10000, NULL, NULL), KINETIK_DELIVERY_FAILED);
    OK(kinetik_engine_close(engine));
}

static void count_leftover(void *ctx, const kinetik_report *report)
{
    CHECK(report->status != KINETIK_OK && report->key_len == 1 && report->data_len == 4);
    CHECK(report->message && strlen(report->message) > 0);
    ++*(int *)ctx;
}

static void closing_gives_back_what_was_not_delivered(void)
{
    create("leftover", "1");
    kinetik_producer producer = producer_of("leftover", "true", "linger_ms", "60000");
    kinetik_engine engine = {0};
    OK(kinetik_engine_open("pipeline", &engine));
    OK(kinetik_producer_put(producer, "k", 1, "data", 4, NULL));
    OK(kinetik_engine_reset(engine));
    static char mark;
    OK(kinetik_producer_put(producer, "k", 1, "data", 4, &mark));
    int leftovers = 0;
    kinetik_status status = kinetik_producer_close(producer, 2000, count_leftover, &leftovers);
    CHECK(status == KINETIK_DELIVERY_FAILED || status == KINETIK_FLUSH_TIMEOUT);
    CHECK(leftovers == 2);
    OK(kinetik_engine_close(engine));
}

static void producers_of_a_group_share_one_budget(void)
{
    static const char *streams[] = {"shared-1", "shared-2"};
    kinetik_producer producers[2] = {{0}, {0}};
    for (size_t i = 0; i < 2; i++) {
        create(streams[i], "1");
        kinetik_config *config = CONFIG("stream", streams[i], "endpoint", ENDPOINT, "aggregate", "true", "linger", "60",
                                        "buffer_group", "ingest", "buffer_records", "4");
        OK(kinetik_producer_open(config, &producers[i]));
        OK(kinetik_config_free(config));
    }
    for (size_t i = 0; i < 4; i++)
        OK(kinetik_producer_put(producers[i / 3], "k", 1, "x", 1, NULL));
    EXPECT(kinetik_producer_put(producers[1], "k", 1, "x", 1, NULL), KINETIK_BUFFER_FULL);
    OK(kinetik_producer_flush(producers[0], 30000, NULL));
    OK(kinetik_producer_put(producers[1], "k", 1, "x", 1, NULL));
    for (size_t i = 0; i < 2; i++)
        OK(kinetik_producer_close(producers[i], 30000, NULL, NULL));
}

int main(void)
{
    every_record_comes_back_and_the_ledger_balances("aggregated", "true");
    every_record_comes_back_and_the_ledger_balances("plain", "false");
    reports_tell_where_tracked_records_lie();
    resuming_at_saved_positions_neither_repeats_nor_skips();
    fan_out_pushes_records_and_closing_ends_a_poll_and_deregisters();
    bad_records_are_refused_before_they_are_buffered();
    an_unknown_stream_is_told_when_opening();
    closing_gives_back_what_was_not_delivered();
    failures_of_records_that_are_only_counted_come_back_and_free_their_room();
    after_a_failed_record_its_key_is_broken_until_it_is_resumed();
    producers_of_a_group_share_one_budget();
    return 0;
}

/* What a reader does with records of another shard's range and with headers, as its settings say; and what it tells. */
#define _GNU_SOURCE
#include "check.h"

#include <time.h>

#define ENDPOINT "memory://reader?quotas=off"

static const kinetik_hash_key low = {0, 1}, high = {UINT64_MAX, UINT64_MAX};

/* Puts what is one Kinesis record already to the shard of the lowest hash key. */
static void put_whole(const uint8_t *data, size_t len)
{
    kinetik_config *config = CONFIG("stream", "orders", "endpoint", ENDPOINT, "aggregate", "false");
    kinetik_producer producer = {0};
    kinetik_put record = {.key = "a", .key_len = 1, .data = data, .data_len = len, .explicit_hash_key = &low};
    size_t taken = 0;
    OK(kinetik_producer_open(config, &producer));
    OK(kinetik_producer_put_many(producer, &record, 1, &taken));
    OK(kinetik_producer_close(producer, 30000, NULL, NULL));
    OK(kinetik_config_free(config));
}

static void fill(void)
{
    static const char input[] = "{\"StreamName\":\"orders\",\"ShardCount\":2}";
    static const uint8_t headed[19] = {3, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 'g'};
    const kinetik_put records[] = {
        {.key = "k", .key_len = 1, .data = "1", .data_len = 1, .explicit_hash_key = &low},
        {.key = "k", .key_len = 1, .data = "2", .data_len = 1, .explicit_hash_key = &high},
        {.key = "k", .key_len = 1, .data = "3", .data_len = 1, .explicit_hash_key = &low},
    };
    kinetik_config *config = CONFIG("endpoint", ENDPOINT);
    kinetik_client client = {0};
    kinetik_bytes bytes = {0};
    OK(kinetik_client_open(config, &client));
    OK(kinetik_client_call(client, "CreateStream", (const uint8_t *)input, sizeof input - 1, &bytes));
    kinetik_bytes_release(&bytes);
    OK(kinetik_client_close(client));
    OK(kinetik_config_free(config));
    OK(kinetik_aggregate(records, 3, &bytes));
    put_whole(bytes.data, bytes.len);
    kinetik_bytes_release(&bytes);
    put_whole(headed, sizeof headed);
}

/* Reads all with one setting more; tells the last byte of each record, and what the reader counted. */
static void read_with(const char *name, const char *value, char *seen, char *stats, size_t size)
{
    kinetik_config *config =
        CONFIG("stream", "orders", "endpoint", ENDPOINT, "start", "TRIM_HORIZON", "until", "now", name, value);
    kinetik_reader reader = {0};
    kinetik_batch batch = {0};
    kinetik_bytes json = {0};
    OK(kinetik_reader_open(config, &reader));
    while (kinetik_reader_poll(reader, 10000, &batch) == KINETIK_OK) {
        for (size_t i = 0; i < batch.len; i++) {
            const kinetik_record *record = &batch.records[i];
            CHECK(record->in_range == (record->data[0] != '2'));
            *seen++ = (char)record->data[record->data_len - 1];
        }
        kinetik_batch_release(&batch);
    }
    *seen = '\0';
    OK(kinetik_reader_stats(reader, &json));
    CHECK(json.len < size);
    memcpy(stats, json.data, json.len);
    stats[json.len] = '\0';
    kinetik_bytes_release(&json);
    OK(kinetik_reader_close(reader));
    OK(kinetik_config_free(config));
}

static void records_of_another_range_are_reported_dropped_or_dropped_whole_as_asked(void)
{
    static const struct {
        const char *filter, *seen, *dropped;
    } cases[] = {{"report", "123g", "\"dropped_records\":0,"}, {"drop", "13g", "\"dropped_records\":1,"}, {"kcl", "g", "\"dropped_records\":3,"}};
    char seen[16], stats[2048];
    for (size_t i = 0; i < 3; i++) {
        read_with("range_filter", cases[i].filter, seen, stats, sizeof stats);
        CHECK(strcmp(seen, cases[i].seen) == 0);
        CHECK(strstr(stats, "\"out_of_range_records\":1,") && strstr(stats, cases[i].dropped));
    }
}

static void headers_are_taken_off_and_aggregates_left_whole_on_request(void)
{
    char seen[16], stats[2048];
    read_with("strip_glue", "true", seen, stats, sizeof stats);
    CHECK(strcmp(seen, "123g") == 0 && strstr(stats, "\"glue_headers\":1,"));
    read_with("deaggregate", "false", seen, stats, sizeof stats);
    CHECK(strlen(seen) == 2 && strstr(stats, "\"kinesis_records\":2,"));
}

static void the_backlog_tells_what_was_fetched_and_not_polled(void)
{
    kinetik_config *config =
        CONFIG("stream", "orders", "endpoint", ENDPOINT, "start", "TRIM_HORIZON", "max_records", "1");
    kinetik_reader reader = {0};
    kinetik_batch batch = {0};
    kinetik_bytes json = {0};
    OK(kinetik_reader_open(config, &reader));
    for (int left = 3; left >= 0; left--) {
        char expected[80];
        OK(kinetik_reader_poll(reader, 10000, &batch));
        kinetik_batch_release(&batch);
        OK(kinetik_reader_stats(reader, &json));
        char *stats = strndup((const char *)json.data, json.len);
        kinetik_bytes_release(&json);
        snprintf(expected, sizeof expected, "\"records\":%d", left);
        CHECK(strstr(stats, expected) && strstr(stats, "\"lag_ms\":{\"shardId-000000000000\":0"));
        free(stats);
    }
    EXPECT(kinetik_reader_poll(reader, 1, &batch), KINETIK_TIMED_OUT);
    OK(kinetik_reader_close(reader));
    OK(kinetik_config_free(config));
}

static void places_and_names_that_are_none_are_refused_by_name(void)
{
    static const char *const wrong[][2] = {
        {"start", "yesterday"}, {"start", "{"}, {"until", "later"},   {"mode", "push"},
        {"max_records", "0"},   {"silence_ms", "-1"}, {"range_filter", "none"}, {"give_up_after", "soon"},
    };
    kinetik_config *config = NULL;
    kinetik_reader reader = {0};
    OK(kinetik_config_new(&config));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        EXPECT(kinetik_config_set(config, wrong[i][0], wrong[i][1]), KINETIK_INVALID_ARGUMENT);
        CHECK(strstr(last_message(), "expected"));
    }
    OK(kinetik_config_set(config, "stream", "orders"));
    OK(kinetik_config_set(config, "endpoint", ENDPOINT));
    EXPECT(kinetik_reader_open(config, &reader), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "start"));
    OK(kinetik_config_set(config, "start", "{\"stream\":\"others\",\"shards\":{}}"));
    EXPECT(kinetik_reader_open(config, &reader), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "another stream"));
    OK(kinetik_config_free(config));
}

/* The stream by its ARN, up to now. */
static void a_stream_is_read_by_its_arn_up_to_a_time(void)
{
    static const char input[] = "{\"StreamName\":\"orders\"}";
    kinetik_config *config = CONFIG("endpoint", ENDPOINT, "start", "TRIM_HORIZON", "range_filter", "report");
    kinetik_client client = {0};
    kinetik_reader reader = {0};
    kinetik_batch batch = {0};
    kinetik_bytes json = {0};
    char now[32];
    time_t seconds = time(NULL) + 1;
    size_t records = 0;
    OK(kinetik_client_open(config, &client));
    OK(kinetik_client_call(client, "DescribeStreamSummary", (const uint8_t *)input, sizeof input - 1, &json));
    char *summary = strndup((const char *)json.data, json.len);
    char *arn = strstr(summary, "arn:aws:kinesis:");
    CHECK(arn);
    arn[strcspn(arn, "\"")] = '\0';
    CHECK(strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime(&seconds)) > 0);
    OK(kinetik_config_set(config, "stream", arn));
    OK(kinetik_config_set(config, "until", now));
    OK(kinetik_reader_open(config, &reader));
    kinetik_status status;
    while ((status = kinetik_reader_poll(reader, 10000, &batch)) == KINETIK_OK) {
        records += batch.len;
        kinetik_batch_release(&batch);
    }
    EXPECT(status, KINETIK_END);
    CHECK(records == 4);
    OK(kinetik_reader_close(reader));
    free(summary);
    kinetik_bytes_release(&json);
    OK(kinetik_client_close(client));
    OK(kinetik_config_free(config));
}

int main(void)
{
    fill();
    a_stream_is_read_by_its_arn_up_to_a_time();
    records_of_another_range_are_reported_dropped_or_dropped_whole_as_asked();
    headers_are_taken_off_and_aggregates_left_whole_on_request();
    the_backlog_tells_what_was_fetched_and_not_polled();
    places_and_names_that_are_none_are_refused_by_name();
    return 0;
}

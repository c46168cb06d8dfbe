/* Sends a file of records through a producer, reads the stream back and compares.
 *
 *   flights-c --endpoint URL --stream NAME --file RECORDS.tsv --shards N
 *
 * The file holds a record a line: key, tab, JSON. Prints one JSON line with the figures; exits with 1 when a record
 * is missing, changed, out of its shard's order or on a shard that does not hold its key's hash. */
#define _POSIX_C_SOURCE 200809L
#include <kinetik.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    const char *endpoint, *stream, *file, *shards;
};

/* Count, bytes and an order-independent digest of payloads: the sum of their FNV-1a hashes. */
struct tally {
    uint64_t records, bytes, digest;
};

static void check(kinetik_status status, const char *what)
{
    if (status == KINETIK_OK)
        return;
    kinetik_error_info info = {.struct_size = sizeof info};
    kinetik_last_error(&info);
    fprintf(stderr, "%s: %s: %s\n", what, kinetik_status_name(status), info.message ? info.message : "");
    exit(1);
}

static void count(struct tally *tally, const uint8_t *data, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    tally->records++;
    tally->bytes += len;
    tally->digest += hash;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    *len = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*len + 1);
    if (!text || fread(text, 1, *len, file) != *len) {
        perror(path);
        exit(1);
    }
    text[*len] = '\0';
    fclose(file);
    return text;
}

static kinetik_config *configure(const struct options *options)
{
    kinetik_config *config = NULL;
    check(kinetik_config_new(&config), "config");
    check(kinetik_config_set(config, "stream", options->stream), "stream");
    check(kinetik_config_set(config, "endpoint", options->endpoint), "endpoint");
    check(kinetik_config_set(config, "region", "us-east-1"), "region");
    return config;
}

static void call(const struct options *options, const char *operation, const char *input)
{
    kinetik_config *config = configure(options);
    kinetik_client client = {0};
    kinetik_bytes answer = {0};
    check(kinetik_client_open(config, &client), "client");
    check(kinetik_client_call(client, operation, (const uint8_t *)input, strlen(input), &answer), operation);
    kinetik_bytes_release(&answer);
    check(kinetik_client_close(client), "client");
    kinetik_config_free(config);
}

static void create_stream(const struct options *options)
{
    char input[512];
    snprintf(input, sizeof input, "{\"StreamName\":\"%s\",\"ShardCount\":%s}", options->stream, options->shards);
    call(options, "CreateStream", input);
}

static struct tally send_all(const struct options *options, char *text, size_t len, uint64_t *failures)
{
    struct tally sent = {0};
    kinetik_config *config = configure(options);
    kinetik_producer producer = {0};
    check(kinetik_config_set(config, "aggregate", "true"), "aggregate");
    check(kinetik_config_set(config, "shard_limit", "false"), "shard_limit");
    check(kinetik_producer_open(config, &producer), "producer");
    for (char *line = text, *end = text + len; line < end;) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *stop = newline ? newline : end;
        char *tab = memchr(line, '\t', (size_t)(stop - line));
        if (tab) {
            const uint8_t *data = (const uint8_t *)tab + 1;
            size_t size = (size_t)(stop - tab) - 1;
            check(kinetik_producer_put_wait(producer, line, (size_t)(tab - line), data, size, NULL, 60000), "put");
            count(&sent, data, size);
        }
        line = stop + 1;
    }
    uint64_t left = 0;
    check(kinetik_producer_flush(producer, 120000, &left), "flush");
    kinetik_ledger ledger = {.struct_size = sizeof ledger};
    check(kinetik_producer_ledger(producer, &ledger), "ledger");
    *failures = ledger.failed.records;
    check(kinetik_producer_close(producer, 30000, NULL, NULL), "close");
    kinetik_config_free(config);
    return sent;
}

/* The last position seen on each of at most 1024 shards. */
static int in_order(const kinetik_record *record)
{
    static struct {
        kinetik_sequence sequence;
        int64_t sub;
        int seen;
    } last[1024];
    unsigned long shard = record->shard % 1024;
    int order = memcmp(&record->sequence, &last[shard].sequence, sizeof record->sequence);
    int ascends = !last[shard].seen || order > 0 || (order == 0 && record->sub_sequence_number > last[shard].sub);
    last[shard].sequence = record->sequence;
    last[shard].sub = record->sub_sequence_number;
    last[shard].seen = 1;
    return ascends;
}

/* What is not where it belongs, and how many Kinesis records there were. */
struct found {
    uint64_t kinesis_records, out_of_order, out_of_range;
};

static struct tally receive_all(const struct options *options, struct found *found)
{
    struct tally received = {0};
    kinetik_config *config = configure(options);
    kinetik_reader reader = {0};
    check(kinetik_config_set(config, "start", "TRIM_HORIZON"), "start");
    check(kinetik_config_set(config, "until", "now"), "until");
    check(kinetik_reader_open(config, &reader), "reader");
    for (;;) {
        kinetik_batch batch = {0};
        kinetik_status status = kinetik_reader_poll(reader, 10000, &batch);
        if (status == KINETIK_END)
            break;
        check(status, "poll");
        for (size_t i = 0; i < batch.len; i++) {
            const kinetik_record *record = &batch.records[i];
            count(&received, record->data, record->data_len);
            found->out_of_order += !in_order(record);
            found->out_of_range += !record->in_range;
            found->kinesis_records += record->sub_sequence_number <= 0;
        }
        kinetik_batch_release(&batch);
    }
    check(kinetik_reader_close(reader), "reader");
    kinetik_config_free(config);
    return received;
}

int main(int argc, char **argv)
{
    struct options options = {"memory://", "flights", NULL, "4"};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--endpoint") == 0)
            options.endpoint = argv[i + 1];
        else if (strcmp(argv[i], "--stream") == 0)
            options.stream = argv[i + 1];
        else if (strcmp(argv[i], "--file") == 0)
            options.file = argv[i + 1];
        else if (strcmp(argv[i], "--shards") == 0)
            options.shards = argv[i + 1];
    }
    if (!options.file) {
        fprintf(stderr, "usage: %s --file RECORDS.tsv [--endpoint URL] [--stream NAME] [--shards N]\n", argv[0]);
        return 2;
    }
    size_t len = 0;
    char *text = read_file(options.file, &len);
    create_stream(&options);

    uint64_t failures = 0;
    struct found found = {0};
    double started = seconds();
    struct tally sent = send_all(&options, text, len, &failures);
    struct tally received = receive_all(&options, &found);
    double took = seconds() - started;
    free(text);

    printf("{\"records\": %" PRIu64 ", \"kinesis_records\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"seconds\": %.3f, \"failures\": %" PRIu64 "}\n",
           received.records, found.kinesis_records, received.bytes, took, failures);
    if (memcmp(&sent, &received, sizeof sent) != 0 || found.out_of_order != 0 || found.out_of_range != 0) {
        fprintf(stderr,
                "%" PRIu64 " records sent, %" PRIu64 " received, %" PRIu64 " out of order, %" PRIu64
                " out of range, digest %s\n",
                sent.records, received.records, found.out_of_order, found.out_of_range,
                sent.digest == received.digest ? "equal" : "differs");
        return 1;
    }
    return 0;
}

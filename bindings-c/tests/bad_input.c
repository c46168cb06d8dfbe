/* Bad input in C: every row of docs/bad-input.md, which the other languages read, too. */
#define _GNU_SOURCE
#include "check.h"

#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOOD "stream", "orders", "endpoint", "memory://bad-input?quotas=off", "aggregate", "true"

#define READ "stream", "orders", "endpoint", "memory://bad-input?quotas=off"
#define SHARD "shardId-000000000000"
#define POSITION(shard, position) "{\"shards\":{\"" shard "\":" position "}}"
#define AT(number) POSITION(SHARD, "{\"sequence_number\":\"" number "\"}")

static kinetik_producer producer;
static kinetik_reader reader;
static kinetik_engine engine;
static char large[1 << 20], long_key[257], long_emoji[4 * 257 + 1];

static kinetik_status put(kinetik_producer to, const char *key, size_t key_len, const void *data, size_t data_len)
{
    return kinetik_producer_put(to, key, key_len, data, data_len, NULL);
}

/* Opens a producer with one setting changed. */
static kinetik_status open_with(const char *name, const char *value)
{
    kinetik_config *config = CONFIG(GOOD);
    kinetik_producer other = {0};
    kinetik_status status = kinetik_config_set(config, name, value);
    if (status == KINETIK_OK)
        status = kinetik_producer_open(config, &other);
    OK(kinetik_config_free(config));
    return status;
}

static kinetik_status hash_key(const char *text)
{
    kinetik_hash_key hash;
    return kinetik_hash_key_parse(text, &hash);
}

static kinetik_status empty_key(void) { return put(producer, "", 0, "d", 1); }
static kinetik_status key_of_257(void) { return put(producer, long_key, sizeof long_key, "d", 1); }
static kinetik_status emoji_of_257(void) { return put(producer, long_emoji, strlen(long_emoji), "d", 1); }
static kinetik_status no_text(void) { return put(producer, "kkk\xff", 4, "d", 1); }
static kinetik_status hash_key_beyond(void) { return hash_key("340282366920938463463374607431768211456"); }
static kinetik_status hash_key_below(void) { return hash_key("-1"); }
static kinetik_status hash_key_zeros(void) { return hash_key("01"); }
static kinetik_status hash_key_letters(void) { return hash_key("one"); }
static kinetik_status too_large(void) { return put(producer, "k", 1, large, sizeof large); }
static kinetik_status no_stream(void) { return open_with("stream", "nowhere"); }
static kinetik_status no_name(void) { return open_with("stream", "no blanks"); }
static kinetik_status below_zero(void) { return open_with("linger", "-1"); }
static kinetik_status no_scheme(void) { return open_with("endpoint", "ftp://example.com"); }
static kinetik_status parents(void) { return put(producer, "k", 1, "d", 1); }
static kinetik_status null_key(void) { return put(producer, NULL, 5, "d", 1); }
static kinetik_status null_data(void) { return put(producer, "k", 1, NULL, 5); }
static kinetik_status null_settings(void) { return kinetik_producer_open(NULL, &producer); }
static kinetik_status no_handle(void) { return put((kinetik_producer){0}, "k", 1, "d", 1); }
static kinetik_status foreign(void) { return put((kinetik_producer){engine.handle}, "k", 1, "d", 1); }
static kinetik_status beyond_memory(void) { return put(producer, "k", 1, large, SIZE_MAX); }

static kinetik_status null_answer(void)
{
    kinetik_config *config = CONFIG(GOOD);
    kinetik_status status = kinetik_producer_open(config, NULL);
    OK(kinetik_config_free(config));
    return status;
}

static kinetik_status unsaid_aggregate(void)
{
    kinetik_config *config = CONFIG("stream", "orders", "endpoint", "memory://bad-input?quotas=off");
    kinetik_producer other = {0};
    kinetik_status status = kinetik_producer_open(config, &other);
    OK(kinetik_config_free(config));
    return status;
}

/* The slot of a producer that lives, and a generation that it has not seen. */
static kinetik_status never_was(void)
{
    return put((kinetik_producer){producer.handle + (UINT64_C(1000) << 16)}, "k", 1, "d", 1);
}

static kinetik_status closed(void)
{
    kinetik_config *config = CONFIG(GOOD);
    kinetik_producer other = {0};
    OK(kinetik_producer_open(config, &other));
    OK(kinetik_config_free(config));
    OK(kinetik_producer_close(other, 10000, NULL, NULL));
    return put(other, "k", 1, "d", 1);
}

static kinetik_status poll_of(kinetik_reader from)
{
    kinetik_batch batch;
    return kinetik_reader_poll(from, 30000, &batch);
}

/* Opens a reader and reads. Takes the settings. */
static kinetik_status read_with(kinetik_config *config)
{
    kinetik_reader other = {0};
    kinetik_status status = kinetik_reader_open(config, &other);
    OK(kinetik_config_free(config));
    if (status != KINETIK_OK)
        return status;
    status = poll_of(other);
    OK(kinetik_reader_close(other));
    return status;
}

/* The same with one setting changed. */
static kinetik_status read_changed(const char *name, const char *value)
{
    kinetik_config *config = CONFIG(READ, "start", "TRIM_HORIZON");
    kinetik_status status = kinetik_config_set(config, name, value);
    if (status == KINETIK_OK)
        return read_with(config);
    OK(kinetik_config_free(config));
    return status;
}

static kinetik_status unsaid_start(void) { return read_with(CONFIG(READ)); }
static kinetik_status parents_reader(void) { return poll_of(reader); }
static kinetik_status null_reader_settings(void) { return kinetik_reader_open(NULL, &reader); }
static kinetik_status null_batch(void) { return kinetik_reader_poll(reader, 0, NULL); }
static kinetik_status null_positions(void) { return kinetik_reader_positions(reader, NULL); }
static kinetik_status no_reader(void) { return poll_of((kinetik_reader){0}); }
static kinetik_status foreign_reader(void) { return poll_of((kinetik_reader){producer.handle}); }

static kinetik_status whole_duplicates(void)
{
    return read_with(CONFIG(READ, "start", "LATEST", "drop_duplicates", "true", "deaggregate", "false"));
}

static kinetik_status null_reader(void)
{
    kinetik_config *config = CONFIG(READ, "start", "LATEST");
    kinetik_status status = kinetik_reader_open(config, NULL);
    OK(kinetik_config_free(config));
    return status;
}

static kinetik_status reader_never_was(void)
{
    return poll_of((kinetik_reader){reader.handle + (UINT64_C(1000) << 16)});
}

static kinetik_status closed_reader(void)
{
    kinetik_config *config = CONFIG(READ, "start", "LATEST");
    kinetik_reader other = {0};
    OK(kinetik_reader_open(config, &other));
    OK(kinetik_config_free(config));
    OK(kinetik_reader_close(other));
    return poll_of(other);
}

/* A case without a function is a reader with one setting changed. */
static const struct {
    const char *name;
    kinetik_status (*run)(void);
    const char *setting, *value;
} cases[] = {
    {"an empty key", .run = empty_key},
    {"a key of 257 characters", .run = key_of_257},
    {"a key of 257 characters of four bytes", .run = emoji_of_257},
    {"a key that is no Unicode text", .run = no_text},
    {"an explicit hash key of 2^128", .run = hash_key_beyond},
    {"an explicit hash key below zero", .run = hash_key_below},
    {"an explicit hash key with a leading zero", .run = hash_key_zeros},
    {"an explicit hash key in letters", .run = hash_key_letters},
    {"a record one byte over the stream's limit", .run = too_large},
    {"a stream that is not there", .run = no_stream},
    {"a stream's name with a blank", .run = no_name},
    {"a producer that does not say whether it aggregates", .run = unsaid_aggregate},
    {"a setting below zero", .run = below_zero},
    {"an endpoint of an unknown scheme", .run = no_scheme},
    {"a closed producer", .run = closed},
    {"a producer of the parent in a forked child", .run = parents},
    {"NULL in place of a key", .run = null_key},
    {"NULL in place of data", .run = null_data},
    {"NULL in place of settings", .run = null_settings},
    {"NULL in place of an answer", .run = null_answer},
    {"no handle", .run = no_handle},
    {"a handle of something else", .run = foreign},
    {"a handle that never was", .run = never_was},
    {"a length beyond memory", .run = beyond_memory},
    {"a reader that does not say where it begins", .run = unsaid_start},
    {"a start that is no word, time or positions", .setting = "start", .value = "OLDEST"},
    {"a start before 1970", .setting = "start", .value = "-1"},
    {"a start in the future", .setting = "start", .value = "4102444800"},
    {"positions that are no JSON", .setting = "start", .value = "{\"shards\":"},
    {"positions without shards", .setting = "start", .value = "{}"},
    {"positions of something that is no shard", .setting = "start", .value = POSITION("orders", "{}")},
    {"a position that is none", .setting = "start", .value = POSITION(SHARD, "{\"at\":\"LATER\"}")},
    {"a position at a sequence number in letters", .setting = "start", .value = AT("one")},
    {"a position at the sequence number of another shard", .setting = "start", .value = AT("49646437577130777162115407028967465143858078037781250066")},
    {"a position at a sequence number that never was", .setting = "start", .value = AT("99999999999999999999999999999999999999999999999999999999")},
    {"a position at the end of a shard that is open", .setting = "start", .value = POSITION(SHARD, "{\"at\":\"SHARD_END\"}")},
    {"a position in a shard that the stream never had", .setting = "start", .value = POSITION("shardId-000000000007", "{\"at\":\"TRIM_HORIZON\"}")},
    {"positions of another stream", .setting = "start", .value = "{\"stream\":\"others\",\"shards\":{}}"},
    {"an end that is no word and no time", .setting = "until", .value = "tomorrow"},
    {"a mode that is none", .setting = "mode", .value = "push"},
    {"a range filter that is none", .setting = "range_filter", .value = "none"},
    {"a consumer's name with a blank", .setting = "consumer", .value = "no blanks"},
    {"a consumer's ARN that is a stream's", .setting = "consumer", .value = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"},
    {"the ARN of another stream's consumer", .setting = "consumer", .value = "arn:aws:kinesis:us-east-1:000000000000:stream/others/consumer/app:1"},
    {"batches of no records", .setting = "max_records", .value = "0"},
    {"a buffer below zero", .setting = "buffer_bytes", .value = "-1"},
    {"a silence below zero", .setting = "silence", .value = "-1"},
    {"a setting that a reader does not have", .setting = "untill", .value = "now"},
    {"a reader of a stream that is not there", .setting = "stream", .value = "nowhere"},
    {"a reader of a stream's name with a blank", .setting = "stream", .value = "no blanks"},
    {"duplicates dropped without taking aggregates apart", .run = whole_duplicates},
    {"a closed reader", .run = closed_reader},
    {"a reader of the parent in a forked child", .run = parents_reader},
    {"NULL in place of a reader's settings", .run = null_reader_settings},
    {"NULL in place of a reader", .run = null_reader},
    {"NULL in place of a batch", .run = null_batch},
    {"NULL in place of positions", .run = null_positions},
    {"no handle of a reader", .run = no_reader},
    {"a producer's handle in place of a reader's", .run = foreign_reader},
    {"a reader's handle that never was", .run = reader_never_was},
};
enum { CASES = sizeof cases / sizeof *cases };

/* Runs a case: its kind, and every word of its text. `words` is taken apart. */
static void is_refused(size_t number, const char *kind, char *words)
{
    const char *setting = cases[number].setting;
    kinetik_status status = setting ? read_changed(setting, cases[number].value) : cases[number].run();
    const char *name = cases[number].name, *text = last_message();
    if (strcmp(kinetik_status_name(status), kind) != 0) {
        fprintf(stderr, "%s: %s, not %s: %s\n", name, kinetik_status_name(status), kind, text);
        exit(1);
    }
    for (char *rest = words, *word; (word = strsep(&rest, ";"));) {
        word += strspn(word, " ");
        if (!strstr(text, word)) {
            fprintf(stderr, "%s: \"%s\" lacks \"%s\"\n", name, text, word);
            exit(1);
        }
    }
    CHECK(!strstr(text, "kkk") && !strstr(text, "😀"));
}

static void in_a_forked_child(size_t number, const char *kind, char *words)
{
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
        is_refused(number, kind, words);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* One line of the table: `| case | kind | words | languages |`. Whether it is one of C's. */
static bool row_is_tried(char *line)
{
    char name[100], kind[100], words[100], tried_in[100];
    if (sscanf(line, "| %99[^|] | %99[^|] | %99[^|] | %99[^|]", name, kind, words, tried_in) != 4)
        return false;
    char *cells[] = {name, kind, words, tried_in};
    for (int i = 0; i < 4; i++)
        for (size_t end = strlen(cells[i]); end > 0 && cells[i][end - 1] == ' ';)
            cells[i][--end] = '\0';
    if (strcmp(tried_in, "C") != 0 && !strstr(tried_in, ", C"))
        return false;
    size_t number = 0;
    while (number < CASES && strcmp(cases[number].name, name) != 0)
        number++;
    if (number == CASES) {
        fprintf(stderr, "no case for the row \"%s\"\n", name);
        exit(1);
    }
    if (strcmp(kind, "Forked") == 0)
        in_a_forked_child(number, kind, words);
    else
        is_refused(number, kind, words);
    return true;
}

int main(void)
{
    memset(long_key, 'k', sizeof long_key);
    for (int i = 0; i < 257; i++)
        strcat(long_emoji, "😀");
    OK(kinetik_engine_open("bad-input", &engine));
    OK(kinetik_engine_create_stream(engine, "orders", 1));
    kinetik_config *config = CONFIG(GOOD);
    OK(kinetik_producer_open(config, &producer));
    OK(kinetik_config_free(config));
    config = CONFIG(READ, "start", "LATEST");
    OK(kinetik_reader_open(config, &reader));
    OK(kinetik_config_free(config));

    /* The whole page at once: a forked child that exits would move the file on. */
    static char page[1 << 16];
    FILE *file = fopen(getenv("BAD_INPUT"), "r");
    CHECK(file && fread(page, 1, sizeof page - 1, file) > 0 && feof(file));
    fclose(file);
    int rows = 0;
    for (char *rest = page, *line; (line = strsep(&rest, "\n"));)
        rows += row_is_tried(line);
    CHECK(rows == CASES);

    kinetik_ledger ledger = {.struct_size = sizeof ledger};
    OK(kinetik_producer_ledger(producer, &ledger));
    CHECK(ledger.accepted.records == 0);
    OK(kinetik_producer_close(producer, 10000, NULL, NULL));
    OK(kinetik_reader_close(reader));
    OK(kinetik_engine_close(engine));
    return 0;
}

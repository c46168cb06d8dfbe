/* Bad input in C: every row of docs/bad-input.md, which the other languages read, too. */
#define _GNU_SOURCE
#include "check.h"

#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOOD "stream", "orders", "endpoint", "memory://bad-input?quotas=off", "aggregate", "true"

static kinetik_producer producer;
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

static const struct {
    const char *name;
    kinetik_status (*run)(void);
} cases[] = {
    {"an empty key", empty_key},
    {"a key of 257 characters", key_of_257},
    {"a key of 257 characters of four bytes", emoji_of_257},
    {"a key that is no Unicode text", no_text},
    {"an explicit hash key of 2^128", hash_key_beyond},
    {"an explicit hash key below zero", hash_key_below},
    {"an explicit hash key with a leading zero", hash_key_zeros},
    {"an explicit hash key in letters", hash_key_letters},
    {"a record one byte over the stream's limit", too_large},
    {"a stream that is not there", no_stream},
    {"a stream's name with a blank", no_name},
    {"a producer that does not say whether it aggregates", unsaid_aggregate},
    {"a setting below zero", below_zero},
    {"an endpoint of an unknown scheme", no_scheme},
    {"a closed producer", closed},
    {"a producer of the parent in a forked child", parents},
    {"NULL in place of a key", null_key},
    {"NULL in place of data", null_data},
    {"NULL in place of settings", null_settings},
    {"NULL in place of an answer", null_answer},
    {"no handle", no_handle},
    {"a handle of something else", foreign},
    {"a handle that never was", never_was},
    {"a length beyond memory", beyond_memory},
};
enum { CASES = sizeof cases / sizeof *cases };

/* Runs a case: its kind, and every word of its text. `words` is taken apart. */
static void is_refused(size_t number, const char *kind, char *words)
{
    kinetik_status status = cases[number].run();
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
    OK(kinetik_engine_close(engine));
    return 0;
}

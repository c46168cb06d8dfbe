/* The normal end of a program: what its open producers hold is delivered, or told on standard error, within exit_timeout; and
 * calls that block work in its atexit handlers. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static kinetik_producer producer;
static kinetik_reader reader;
static pthread_t first;
static int leftovers;

/* exit() must not be called again from its handlers. */
#define MUST(is_so)                                                                                           \
    do {                                                                                                      \
        if (!(is_so)) {                                                                                       \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #is_so, last_message());                    \
            _exit(1);                                                                                         \
        }                                                                                                     \
    } while (0)

static void flush_producer(void)
{
    MUST(kinetik_producer_flush(producer, 10000, NULL) == KINETIK_OK);
}

static void close_producer(void)
{
    MUST(kinetik_producer_close(producer, 10000, NULL, NULL) == KINETIK_OK);
}

static void take(void *ctx, const kinetik_report *report)
{
    MUST(ctx == &leftovers && report->data_len == 4 && pthread_equal(pthread_self(), first));
    leftovers++;
}

static void close_with_leftovers(void)
{
    MUST(kinetik_producer_close(producer, 10, take, &leftovers) == KINETIK_FLUSH_TIMEOUT && leftovers == 1);
}

static void close_reader(void)
{
    kinetik_batch batch = {0};
    MUST(kinetik_reader_poll(reader, 1, &batch) == KINETIK_TIMED_OUT);
    MUST(kinetik_reader_close(reader) == KINETIK_OK);
}

static const struct {
    const char *name;
    void (*handler)(void);
} handlers[] = {{"flush", flush_producer}, {"close", close_producer}, {"leftovers", close_with_leftovers}, {"reader", close_reader}};

/* The program that ends: puts a record that would linger for a minute, and returns. */
static int put_and_return(const char *endpoint, const char *handler)
{
    kinetik_config *config = CONFIG("stream", "exits", "endpoint", endpoint, "region", "us-east-1", "aggregate", "true",
                                    "linger", "60", "lazy", "true", "exit_timeout_ms", "2000", "start", "LATEST");
    first = pthread_self();
    OK(kinetik_producer_open(config, &producer));
    /* Of another stream: what is put while the first look at the shards is under way is sent when they are known. */
    OK(kinetik_config_set(config, "stream", "quiet"));
    if (strcmp(handler, "reader") == 0)
        OK(kinetik_reader_open(config, &reader));
    OK(kinetik_config_free(config));
    OK(kinetik_producer_put(producer, "key", 3, "data", 4, NULL));
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
        if (strcmp(handler, handlers[i].name) == 0)
            CHECK(atexit(handlers[i].handler) == 0);
    return 7;
}

/* Runs this program again with an endpoint and a handler; what it wrote to standard error. */
static const char *run(const char *program, const char *endpoint, const char *handler)
{
    static char told[4096];
    int end[2];
    CHECK(pipe(end) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(end[1], 2);
        execl(program, program, endpoint, handler, (char *)NULL);
        _exit(1);
    }
    close(end[1]);
    size_t length = 0;
    ssize_t got;
    while (length < sizeof told - 1 && (got = read(end[0], told + length, sizeof told - 1 - length)) > 0)
        length += (size_t)got;
    told[length] = '\0';
    close(end[0]);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
        fprintf(stderr, "the program with the handler %s ended with status %x and wrote: %s\n", handler, (unsigned)status, told);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return told;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return put_and_return(argv[1], argv[2]);
    kinetik_server server = {0};
    kinetik_engine engine = {0};
    char url[64];
    OK(kinetik_server_start("streams=exits:1,quiet:1 quotas=off", &server));
    OK(kinetik_server_endpoint(server, url, sizeof url));
    OK(kinetik_server_engine(server, &engine));

    static const char *const delivering[] = {"none", "flush", "close", "reader"};
    const char *told;
    for (size_t i = 0; i < 4; i++) {
        told = run(argv[0], url, delivering[i]);
        CHECK(told[0] == '\0');
        kinetik_batch stored = {0};
        OK(kinetik_engine_records(engine, "exits", &stored));
        CHECK(stored.len == i + 1);
        kinetik_batch_release(&stored);
    }

    told = run(argv[0], "http://127.0.0.1:9", "leftovers");
    CHECK(told[0] == '\0');
    told = run(argv[0], "http://127.0.0.1:9", "none");
    CHECK(strstr(told, "stream exits: 1 records were left when the program ended") != NULL);
    OK(kinetik_engine_close(engine));
    OK(kinetik_server_stop(server));
    return 0;
}

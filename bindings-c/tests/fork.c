/* A forked child: what the parent opened answers with KINETIK_FORKED or is empty, nothing hangs, and what the child
 * opens works. */
#define _GNU_SOURCE
#include "subscribe.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static kinetik_producer open_producer(const char *endpoint)
{
    kinetik_config *config = CONFIG("stream", "forks", "endpoint", endpoint, "region", "us-east-1", "aggregate", "true");
    kinetik_producer producer = {0};
    OK(kinetik_producer_open(config, &producer));
    OK(kinetik_config_free(config));
    return producer;
}

static kinetik_reader open_reader(const char *endpoint)
{
    kinetik_config *config = CONFIG("stream", "forks", "endpoint", endpoint, "region", "us-east-1", "start", "LATEST");
    kinetik_reader reader = {0};
    OK(kinetik_reader_open(config, &reader));
    OK(kinetik_config_free(config));
    return reader;
}

static void *poll_until_closed(void *reader)
{
    kinetik_batch batch = {0};
    kinetik_status status;
    /* What the child puts comes meanwhile. */
    while ((status = kinetik_reader_poll(*(kinetik_reader *)reader, UINT32_MAX, &batch)) == KINETIK_OK)
        kinetik_batch_release(&batch);
    EXPECT(status, KINETIK_CLOSED);
    return NULL;
}

/* A thread that polls a reader, and has begun to: the reader has asked the service. */
static pthread_t polling(kinetik_engine engine, kinetik_reader *reader)
{
    uint64_t asked = 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, poll_until_closed, reader) == 0);
    while (asked == 0)
        OK(kinetik_engine_metric(engine, "forks", KINETIK_ALL_SHARDS, "GetRecords.Success", &asked));
    return thread;
}

static kinetik_subscription subscribe(const char *endpoint)
{
    kinetik_config *config = CONFIG("endpoint", endpoint, "region", "us-east-1");
    kinetik_client client = {0};
    kinetik_subscription subscription = {0};
    char input[512];
    OK(kinetik_client_open(config, &client));
    OK(kinetik_config_free(config));
    size_t len = subscription_input(client, "forks", "LATEST", input, sizeof input);
    OK(kinetik_client_subscribe(client, (const uint8_t *)input, len, &subscription));
    OK(kinetik_client_close(client));
    return subscription;
}

/* Of what the parent reads, whatever its threads did with it at the fork. */
static void reading_belongs_to_the_parent(kinetik_reader reader, kinetik_subscription subscription)
{
    kinetik_batch batch = {0};
    kinetik_bytes bytes = {0};
    EXPECT(kinetik_reader_poll(reader, 10, &batch), KINETIK_FORKED);
    EXPECT(kinetik_reader_positions(reader, &bytes), KINETIK_FORKED);
    EXPECT(kinetik_reader_stats(reader, &bytes), KINETIK_FORKED);
    EXPECT(kinetik_reader_metrics(reader, "json", &bytes), KINETIK_FORKED);
    EXPECT(kinetik_reader_close(reader), KINETIK_FORKED);
    EXPECT(kinetik_reader_close(reader), KINETIK_CLOSED);
    EXPECT(kinetik_subscription_poll(subscription, 10, &bytes), KINETIK_FORKED);
    OK(kinetik_subscription_close(subscription));
}

int main(void)
{
    kinetik_engine engine = {0};
    kinetik_server server = {0};
    char url[64];
    OK(kinetik_engine_open("forks", &engine));
    OK(kinetik_engine_create_stream(engine, "forks", 1));
    OK(kinetik_server_start("streams=forks:1 quotas=off", &server));
    OK(kinetik_server_endpoint(server, url, sizeof url));
    kinetik_producer memory = open_producer("memory://forks");
    kinetik_producer http = open_producer(url);
    OK(kinetik_producer_put(memory, "k", 1, "d", 1, NULL));
    OK(kinetik_producer_put(http, "k", 1, "d", 1, NULL));
    OK(kinetik_producer_flush(memory, 10000, NULL));
    OK(kinetik_producer_flush(http, 10000, NULL));

    kinetik_engine behind = {0};
    OK(kinetik_server_engine(server, &behind));
    kinetik_subscription subscription = subscribe(url);
    kinetik_reader reader = open_reader(url);
    pthread_t thread = polling(behind, &reader);

    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
        reading_belongs_to_the_parent(reader, subscription);
        EXPECT(kinetik_producer_put(memory, "k", 1, "d", 1, NULL), KINETIK_FORKED);
        OK(kinetik_producer_put(http, "k", 1, "d", 1, NULL));
        OK(kinetik_producer_flush(http, 10000, NULL));
        kinetik_producer own = open_producer(url);
        OK(kinetik_producer_put(own, "k", 1, "from the child", 14, NULL));
        OK(kinetik_producer_close(own, 10000, NULL, NULL));
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    OK(kinetik_reader_close(reader));
    CHECK(pthread_join(thread, NULL) == 0);
    OK(kinetik_subscription_close(subscription));
    OK(kinetik_engine_close(behind));
    OK(kinetik_producer_put(memory, "k", 1, "d", 1, NULL));
    OK(kinetik_producer_close(memory, 10000, NULL, NULL));
    OK(kinetik_producer_close(http, 10000, NULL, NULL));
    OK(kinetik_server_stop(server));
    OK(kinetik_engine_close(engine));
    return 0;
}

/* A forked child: what the parent opened answers with KINETIK_FORKED or is empty, nothing hangs, and what the child
 * opens works. */
#define _GNU_SOURCE
#include "check.h"

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

    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
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
    OK(kinetik_producer_put(memory, "k", 1, "d", 1, NULL));
    OK(kinetik_producer_close(memory, 10000, NULL, NULL));
    OK(kinetik_producer_close(http, 10000, NULL, NULL));
    OK(kinetik_server_stop(server));
    OK(kinetik_engine_close(engine));
    return 0;
}

/* The normal end of a program: what its open producers hold is delivered, or told on standard error, within exit_timeout. */
#define _GNU_SOURCE
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

/* The program that ends: puts a record that would linger for a minute, and returns. */
static int put_and_return(const char *endpoint)
{
    kinetik_config *config = CONFIG("stream", "exits", "endpoint", endpoint, "region", "us-east-1", "aggregate", "true",
                                    "linger", "60", "lazy", "true", "exit_timeout_ms", "2000");
    kinetik_producer producer = {0};
    OK(kinetik_producer_open(config, &producer));
    OK(kinetik_config_free(config));
    OK(kinetik_producer_put(producer, "key", 3, "data", 4, NULL));
    return 7;
}

/* Runs this program again with an endpoint; what it wrote to standard error. */
static const char *run(const char *program, const char *endpoint)
{
    static char told[4096];
    int end[2];
    CHECK(pipe(end) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(end[1], 2);
        execl(program, program, endpoint, (char *)NULL);
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
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return told;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return put_and_return(argv[1]);
    kinetik_server server = {0};
    kinetik_engine engine = {0};
    char url[64];
    OK(kinetik_server_start("streams=exits:1 quotas=off", &server));
    OK(kinetik_server_endpoint(server, url, sizeof url));
    OK(kinetik_server_engine(server, &engine));

    const char *told = run(argv[0], url);
    CHECK(told[0] == '\0');
    kinetik_batch stored = {0};
    OK(kinetik_engine_records(engine, "exits", &stored));
    CHECK(stored.len == 1);
    kinetik_batch_release(&stored);

    told = run(argv[0], "http://127.0.0.1:9");
    CHECK(strstr(told, "stream exits: 1 records were left when the program ended") != NULL);
    OK(kinetik_engine_close(engine));
    OK(kinetik_server_stop(server));
    return 0;
}

/* What kinetik_producer_put() costs its caller: CPU time of the calling thread, least and median of many windows.
 *
 *   cc -O2 benches/c_put.c $(pkg-config --cflags --libs kinetik) && ./a.out */
#define _POSIX_C_SOURCE 200809L
#include <kinetik.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WINDOWS = 60, PUTS = 20000 };

static void check(kinetik_status status)
{
    if (status == KINETIK_OK)
        return;
    kinetik_error_info info = {.struct_size = sizeof info};
    kinetik_last_error(&info);
    fprintf(stderr, "%s\n", info.message);
    exit(1);
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    kinetik_config *config = NULL;
    kinetik_client client = {0};
    kinetik_producer producer = {0};
    kinetik_engine engine = {0};
    kinetik_bytes answer = {0};
    static const char create[] = "{\"StreamName\":\"bench\",\"ShardCount\":4}";
    static char data[200];
    memset(data, 'x', sizeof data);
    check(kinetik_config_new(&config));
    check(kinetik_config_set(config, "stream", "bench"));
    check(kinetik_config_set(config, "endpoint", "memory://bench?quotas=off"));
    check(kinetik_config_set(config, "aggregate", "true"));
    check(kinetik_client_open(config, &client));
    check(kinetik_client_call(client, "CreateStream", (const uint8_t *)create, sizeof create - 1, &answer));
    kinetik_bytes_release(&answer);
    check(kinetik_producer_open(config, &producer));

    double windows[WINDOWS];
    for (int window = 0; window < WINDOWS; window++) {
        double started = cpu_ns();
        for (int i = 0; i < PUTS; i++)
            check(kinetik_producer_put(producer, "user-1234567890", 15, data, sizeof data, NULL));
        windows[window] = (cpu_ns() - started) / PUTS;
        check(kinetik_producer_flush(producer, 60000, NULL));
    }
    qsort(windows, WINDOWS, sizeof *windows, ascending);
    printf("C put, 15 B key + 200 B: least %.0f ns, median %.0f ns\n", windows[0], windows[WINDOWS / 2]);

    check(kinetik_producer_close(producer, 30000, NULL, NULL));
    check(kinetik_client_close(client));
    check(kinetik_engine_open("bench", &engine));
    check(kinetik_engine_reset(engine));
    check(kinetik_engine_close(engine));
    check(kinetik_config_free(config));
}

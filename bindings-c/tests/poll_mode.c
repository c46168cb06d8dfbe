/* Poll mode: no thread and no descriptor, reports and deadlines inside kinetik_producer_poll(). One producer stamps. */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>

static int count(const char *path)
{
    int entries = 0;
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    while (readdir(folder) != NULL)
        entries++;
    closedir(folder);
    return entries;
}

int main(void)
{
    kinetik_engine engine = {0};
    OK(kinetik_engine_open("poll", &engine));
    OK(kinetik_engine_create_stream(engine, "polled", 2));
    int threads = count("/proc/self/task"), descriptors = count("/proc/self/fd");

    kinetik_config *config = CONFIG("stream", "polled", "endpoint", "memory://poll", "aggregate", "true", "poll_mode",
                                    "true", "reports", "all", "stamp", "true");
    kinetik_producer producer = {0};
    OK(kinetik_producer_open(config, &producer));
    CHECK(kinetik_producer_next_wakeup(producer) == -1);
    for (size_t i = 1; i <= 100; i++)
        OK(kinetik_producer_put(producer, "key", 3, "data", 4, (void *)i));
    CHECK(kinetik_producer_next_wakeup(producer) == 0);

    size_t told = 0;
    while (told < 100) {
        kinetik_report reports[16];
        size_t got = 0;
        OK(kinetik_producer_poll(producer, reports, 16, 1000, &got));
        for (size_t i = 0; i < got; i++)
            CHECK(reports[i].status == KINETIK_OK && (size_t)reports[i].opaque == ++told);
        kinetik_reports_release(producer, reports, got);
    }
    kinetik_report none;
    size_t got = 0;
    EXPECT(kinetik_producer_poll(producer, &none, 1, 10, &got), KINETIK_TIMED_OUT);
    CHECK(kinetik_producer_next_wakeup(producer) == -1);
    CHECK(count("/proc/self/task") == threads && count("/proc/self/fd") == descriptors);
    OK(kinetik_producer_put(producer, "key", 3, "last", 4, NULL));
    OK(kinetik_producer_close(producer, 10000, NULL, NULL));
    CHECK(count("/proc/self/task") == threads && count("/proc/self/fd") == descriptors);
    CHECK(kinetik_producer_next_wakeup(producer) == -1);
    OK(kinetik_config_free(config));

    kinetik_reader reader = {0};
    kinetik_batch batch = {0};
    size_t read = 0;
    config = CONFIG("stream", "polled", "endpoint", "memory://poll", "start", "TRIM_HORIZON", "until", "now",
                    "drop_duplicates", "true", "duplicate_window", "1000");
    OK(kinetik_reader_open(config, &reader));
    OK(kinetik_config_free(config));
    while (kinetik_reader_poll(reader, 1000, &batch) == KINETIK_OK) {
        read += batch.len;
        kinetik_batch_release(&batch);
    }
    CHECK(read == 101);
    OK(kinetik_reader_close(reader));
    OK(kinetik_engine_close(engine));
    return 0;
}

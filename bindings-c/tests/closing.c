/* Closing while another thread waits: the wait ends at once with KINETIK_CLOSED. */
#define _GNU_SOURCE
#include "subscribe.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static kinetik_producer producer;
static kinetik_subscription subscription;
static atomic_int waiting;

static void *poll_producer(void *unused)
{
    kinetik_report report;
    size_t got = 0;
    (void)unused;
    atomic_store(&waiting, (int)syscall(SYS_gettid));
    EXPECT(kinetik_producer_poll(producer, &report, 1, UINT32_MAX, &got), KINETIK_CLOSED);
    return NULL;
}

static void *poll_subscription(void *unused)
{
    kinetik_bytes event = {0};
    kinetik_status status;
    (void)unused;
    atomic_store(&waiting, (int)syscall(SYS_gettid));
    while ((status = kinetik_subscription_poll(subscription, UINT32_MAX, &event)) == KINETIK_OK)
        kinetik_bytes_release(&event);
    EXPECT(status, KINETIK_CLOSED);
    return NULL;
}

static int is_asleep(int thread)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    CHECK(file && fgets(text, sizeof text, file));
    fclose(file);
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[2] == 'S';
}

/* A thread that waits. */
static pthread_t begin(void *(*wait)(void *))
{
    pthread_t thread;
    atomic_store(&waiting, 0);
    CHECK(pthread_create(&thread, NULL, wait, NULL) == 0);
    while (atomic_load(&waiting) == 0 || !is_asleep(atomic_load(&waiting)))
        sched_yield();
    return thread;
}

static void closing_a_producer_ends_a_poll(const char *poll_mode)
{
    kinetik_config *config = CONFIG("stream", "closing", "endpoint", "memory://closing", "aggregate", "true", "linger", "60",
                                    "poll_mode", poll_mode);
    OK(kinetik_producer_open(config, &producer));
    OK(kinetik_config_free(config));
    OK(kinetik_producer_put(producer, "key", 3, "data", 4, NULL));
    pthread_t thread = begin(poll_producer);
    OK(kinetik_producer_close(producer, 10000, NULL, NULL));
    CHECK(pthread_join(thread, NULL) == 0);
}

static void closing_a_subscription_ends_a_poll(void)
{
    kinetik_config *config = CONFIG("endpoint", "memory://closing");
    kinetik_client client = {0};
    char input[512];
    OK(kinetik_client_open(config, &client));
    OK(kinetik_config_free(config));
    size_t len = subscription_input(client, "closing", "LATEST", input, sizeof input);
    OK(kinetik_client_subscribe(client, (const uint8_t *)input, len, &subscription));
    pthread_t thread = begin(poll_subscription);
    OK(kinetik_subscription_close(subscription));
    CHECK(pthread_join(thread, NULL) == 0);
    OK(kinetik_client_close(client));
}

int main(void)
{
    kinetik_engine engine = {0};
    /* A wait that goes on would go on for weeks. */
    alarm(120);
    OK(kinetik_engine_open("closing", &engine));
    OK(kinetik_engine_create_stream(engine, "closing", 1));
    closing_a_producer_ends_a_poll("false");
    closing_a_producer_ends_a_poll("true");
    closing_a_subscription_ends_a_poll();
    OK(kinetik_engine_close(engine));
    return 0;
}

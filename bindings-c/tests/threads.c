/* Many threads on one producer while another closes it: each put is taken or refused, none crashes, and every record
 * that was taken is delivered. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8, PUTS = 20000 };

static kinetik_producer producer;
static atomic_long taken, refused, started;

static void *put(void *unused)
{
    (void)unused;
    atomic_fetch_add(&started, 1);
    for (int i = 0; i < PUTS; i++) {
        kinetik_status status = kinetik_producer_put(producer, "key", 3, "payload", 7, NULL);
        if (status == KINETIK_OK)
            atomic_fetch_add(&taken, 1);
        else if (status == KINETIK_CLOSED || status == KINETIK_BUFFER_FULL)
            atomic_fetch_add(&refused, 1);
        else
            EXPECT(status, KINETIK_OK);
    }
    return NULL;
}

int main(void)
{
    kinetik_engine engine = {0};
    kinetik_config *config = CONFIG("stream", "threads", "endpoint", "memory://threads?quotas=off", "aggregate", "true",
                                    "start", "TRIM_HORIZON", "until", "now");
    kinetik_client client = {0};
    kinetik_bytes answer = {0};
    static const char create[] = "{\"StreamName\":\"threads\",\"ShardCount\":2}";
    OK(kinetik_client_open(config, &client));
    OK(kinetik_client_call(client, "CreateStream", (const uint8_t *)create, sizeof create - 1, &answer));
    kinetik_bytes_release(&answer);
    OK(kinetik_engine_open("threads", &engine));
    OK(kinetik_producer_open(config, &producer));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, put, NULL) == 0);
    while (atomic_load(&taken) < THREADS * PUTS / 4)
        ;
    OK(kinetik_producer_close(producer, 30000, NULL, NULL));
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(taken + refused == THREADS * PUTS);

    kinetik_reader reader = {0};
    long count = 0;
    OK(kinetik_reader_open(config, &reader));
    for (;;) {
        kinetik_batch batch = {0};
        kinetik_status status = kinetik_reader_poll(reader, 10000, &batch);
        if (status == KINETIK_END)
            break;
        OK(status);
        count += (long)batch.len;
        kinetik_batch_release(&batch);
    }
    CHECK(count == taken);
    OK(kinetik_reader_close(reader));
    OK(kinetik_client_close(client));
    OK(kinetik_engine_close(engine));
    OK(kinetik_config_free(config));
    return 0;
}

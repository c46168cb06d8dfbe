/* Threads that use a handle while another frees it: each call finds all of the object or nothing, and the last one that found
 * it frees it, which valgrind sees. Threads come and go meanwhile. */
#include "check.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

enum { ROUNDS = 400, THREADS = 4, CALLS = 40 };

static _Atomic(kinetik_config *) shared;
static atomic_long found, missed;

static void *use(void *unused)
{
    (void)unused;
    for (int i = 0; i < CALLS; i++) {
        kinetik_config *config = atomic_load(&shared);
        kinetik_status status = kinetik_config_set(config, "stream", i % 2 ? "orders" : "a-stream-whose-name-is-longer");
        if (status != KINETIK_CLOSED)
            EXPECT(status, KINETIK_OK);
        atomic_fetch_add(status == KINETIK_OK ? &found : &missed, 1);
    }
    return NULL;
}

static void replace(void)
{
    kinetik_config *config = NULL;
    OK(kinetik_config_new(&config));
    kinetik_config *old = atomic_exchange(&shared, config);
    if (old)
        OK(kinetik_config_free(old));
}

int main(void)
{
    /* What was freed is overwritten at once. */
    mallopt(M_PERTURB, 0x5a);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];
        replace();
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, use, NULL) == 0);
        for (int i = 0; i < THREADS; i++)
            replace();
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(found + missed == (long)ROUNDS * THREADS * CALLS && found > 0);
    OK(kinetik_config_free(shared));
    EXPECT(kinetik_config_set(shared, "stream", "orders"), KINETIK_CLOSED);
    return 0;
}

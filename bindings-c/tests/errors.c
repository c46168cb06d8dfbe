/* Handles that are none, closed, foreign or garbage, settings, sizes: each a typed error, and the process lives. */
#include "check.h"

#include <stdint.h>

static void every_pointer_may_be_null(void)
{
    kinetik_producer producer = {0};
    kinetik_reader reader = {0};
    kinetik_client client = {0};
    kinetik_engine engine = {0};
    kinetik_server server = {0};
    EXPECT(kinetik_config_new(NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_config_set(NULL, "stream", "s"), KINETIK_INVALID_HANDLE);
    OK(kinetik_config_free(NULL));
    EXPECT(kinetik_producer_open(NULL, &producer), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_reader_open(NULL, &reader), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_client_open(NULL, &client), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_engine_open(NULL, &engine), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_engine_open("x", NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_server_start(NULL, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_engine_fault(engine, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_server_engine(server, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_engine_clock_now(engine, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_engine_metric(engine, NULL, 0, NULL, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_server_endpoint(server, NULL, 0), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_aggregate(NULL, 1, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_deaggregate(NULL, 1, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_last_error(NULL), KINETIK_INVALID_HANDLE);
    kinetik_bytes_release(NULL);
    kinetik_batch_release(NULL);
    kinetik_user_records_release(NULL);
    kinetik_reports_release(producer, NULL, 3);
}

static void handles_that_are_none_or_foreign_are_told_apart(void)
{
    kinetik_producer producer = {0};
    EXPECT(kinetik_producer_put(producer, "k", 1, "d", 1, NULL), KINETIK_INVALID_HANDLE);
    CHECK(strstr(last_message(), "none"));
    kinetik_engine engine = {0};
    OK(kinetik_engine_open("errors", &engine));
    producer.handle = engine.handle;
    EXPECT(kinetik_producer_put(producer, "k", 1, "d", 1, NULL), KINETIK_INVALID_HANDLE);
    CHECK(strstr(last_message(), "something else"));
    OK(kinetik_engine_close(engine));
    EXPECT(kinetik_engine_close(engine), KINETIK_CLOSED);
    CHECK(strstr(last_message(), "before"));
}

static void a_fault_fails_what_it_names_and_is_forgotten(void)
{
    static const char list[] = "{}";
    kinetik_config *config = NULL;
    kinetik_engine engine = {0};
    kinetik_client client = {0};
    kinetik_bytes answer = {0};
    OK(kinetik_engine_open("faults", &engine));
    OK(kinetik_config_new(&config));
    OK(kinetik_config_set(config, "endpoint", "memory://faults"));
    OK(kinetik_client_open(config, &client));
    EXPECT(kinetik_engine_fault(engine, "{\"operation\":\"ListStream\"}"), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_engine_fault(engine, "{\"operation\":\"ListStream\",\"lose_answer\":true}"), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "did you mean ListStreams?"));
    static const char denied[] = "{\"operation\":\"ListStreams\",\"error\":\"InvalidArgumentException\",\"times\":2}";
    OK(kinetik_engine_fault(engine, denied));
    EXPECT(kinetik_client_call(client, "ListStreams", (const uint8_t *)list, 2, &answer), KINETIK_INVALID_ARGUMENT);
    OK(kinetik_engine_clear_faults(engine));
    OK(kinetik_client_call(client, "ListStreams", (const uint8_t *)list, 2, &answer));
    kinetik_bytes_release(&answer);
    uint64_t before = 0, after = 0;
    OK(kinetik_engine_round_trip(engine, 30));
    OK(kinetik_engine_clock_now(engine, &before));
    OK(kinetik_client_call(client, "ListStreams", (const uint8_t *)list, 2, &answer));
    OK(kinetik_engine_clock_now(engine, &after));
    CHECK(after - before >= 29);
    kinetik_bytes_release(&answer);
    OK(kinetik_engine_round_trip(engine, 0));
    OK(kinetik_client_close(client));
    OK(kinetik_config_free(config));
    OK(kinetik_engine_close(engine));
}

static void the_clock_and_the_metrics_of_a_servers_engine_are_reached(void)
{
    kinetik_server server = {0};
    kinetik_engine engine = {0};
    uint64_t before = 0, after = 0, records = 1;
    OK(kinetik_server_start("streams=orders:2", &server));
    OK(kinetik_server_engine(server, &engine));
    OK(kinetik_engine_clock_freeze(engine));
    OK(kinetik_engine_clock_now(engine, &before));
    OK(kinetik_engine_clock_advance(engine, 301000));
    OK(kinetik_engine_clock_now(engine, &after));
    CHECK(after - before == 301000);
    OK(kinetik_engine_clock_resume(engine));
    OK(kinetik_engine_metric(engine, "orders", KINETIK_ALL_SHARDS, "IncomingRecords", &records));
    CHECK(records == 0);
    OK(kinetik_engine_metric(engine, "orders", 1, "IncomingBytes", &records));
    EXPECT(kinetik_engine_metric(engine, "orders", 2, "IncomingBytes", &records), KINETIK_NOT_FOUND);
    EXPECT(kinetik_engine_metric(engine, "orders", 0, "IncomingByte", &records), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "did you mean IncomingBytes?"));
    OK(kinetik_engine_close(engine));
    OK(kinetik_server_stop(server));
}

static void a_million_garbage_handles_crash_nothing(void)
{
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < 1000000 / 4; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        kinetik_producer producer = {state};
        kinetik_reader reader = {state};
        kinetik_batch batch;
        uint64_t left;
        EXPECT(kinetik_producer_put(producer, "k", 1, "d", 1, NULL), KINETIK_INVALID_HANDLE);
        EXPECT(kinetik_producer_flush(producer, 0, &left), KINETIK_INVALID_HANDLE);
        EXPECT(kinetik_reader_poll(reader, 0, &batch), KINETIK_INVALID_HANDLE);
        EXPECT(kinetik_config_free((kinetik_config *)(uintptr_t)(state | 1u << 20)), KINETIK_INVALID_HANDLE);
    }
}

static void settings_are_checked_when_they_are_set(void)
{
    kinetik_config *config = NULL;
    OK(kinetik_config_new(&config));
    EXPECT(kinetik_config_set(config, "agregate", "true"), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "aggregate"));
    EXPECT(kinetik_config_set(config, "aggregate", "perhaps"), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_config_set(config, "stream", "no blanks"), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_config_set(config, "endpoint", "ftp://x"), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_config_set(config, "stream", "\xff"), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_config_set(config, NULL, "x"), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_config_set(config, "stream", NULL), KINETIK_INVALID_HANDLE);

    kinetik_producer producer = {0};
    EXPECT(kinetik_producer_open(config, &producer), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "stream"));
    OK(kinetik_config_set(config, "stream", "s"));
    EXPECT(kinetik_producer_open(config, &producer), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "aggregate"));
    kinetik_reader reader = {0};
    EXPECT(kinetik_reader_open(config, &reader), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "start"));
    OK(kinetik_config_free(config));
    EXPECT(kinetik_config_set(config, "stream", "s"), KINETIK_CLOSED);
}

static void structs_without_their_size_are_refused(void)
{
    kinetik_error_info info = {0};
    EXPECT(kinetik_last_error(&info), KINETIK_INVALID_ARGUMENT);
    info.struct_size = 1 << 20;
    EXPECT(kinetik_last_error(&info), KINETIK_INVALID_ARGUMENT);
}

static void asking_wrongly_for_the_last_error_does_not_change_it(void)
{
    kinetik_producer producer = {0};
    kinetik_error_info info = {0};
    EXPECT(kinetik_producer_put(producer, "k", 1, "d", 1, NULL), KINETIK_INVALID_HANDLE);
    EXPECT(kinetik_last_error(&info), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_last_error(NULL), KINETIK_INVALID_HANDLE);
    CHECK(strstr(last_message(), "producer is none"));
}

static void an_array_that_is_none_is_told_and_nothing_of_it_taken(void)
{
    kinetik_producer producer = {0};
    kinetik_put record = {0};
    size_t taken = 7;
    EXPECT(kinetik_producer_put_many(producer, NULL, 5, &taken), KINETIK_INVALID_HANDLE);
    CHECK(taken == 0 && strstr(last_message(), "records: is NULL"));
    taken = 7;
    const void *odd = (const char *)&record + 1;
    EXPECT(kinetik_producer_put_many(producer, odd, 1, &taken), KINETIK_INVALID_HANDLE);
    CHECK(taken == 0 && strstr(last_message(), "records: the pointer is misaligned"));
}

static void an_empty_key_is_not_all_keys(void)
{
    kinetik_producer producer = {0};
    EXPECT(kinetik_producer_resume(producer, "", 0, NULL), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "partition_key"));
}

static void an_older_callers_struct_is_filled_as_far_as_it_goes(void)
{
    struct {
        kinetik_error_info info;
        char behind[8];
    } place;
    memset(&place, 0x55, sizeof place);
    place.info.struct_size = offsetof(kinetik_error_info, operation);
    OK(kinetik_last_error(&place.info));
    CHECK(place.info.message && ((unsigned char *)&place.info.operation)[0] == 0x55);
}

static void statuses_have_names(void)
{
    CHECK(strcmp(kinetik_status_name(KINETIK_OK), "Ok") == 0);
    CHECK(strcmp(kinetik_status_name(KINETIK_BUFFER_FULL), "BufferFull") == 0);
    CHECK(strcmp(kinetik_status_name(77), "Unknown") == 0);
    CHECK(kinetik_version() >= 100);
}

int main(void)
{
    kinetik_error_info info = {.struct_size = sizeof info};
    EXPECT(kinetik_last_error(&info), KINETIK_END);
    every_pointer_may_be_null();
    a_fault_fails_what_it_names_and_is_forgotten();
    the_clock_and_the_metrics_of_a_servers_engine_are_reached();
    handles_that_are_none_or_foreign_are_told_apart();
    a_million_garbage_handles_crash_nothing();
    settings_are_checked_when_they_are_set();
    structs_without_their_size_are_refused();
    asking_wrongly_for_the_last_error_does_not_change_it();
    an_array_that_is_none_is_told_and_nothing_of_it_taken();
    an_empty_key_is_not_all_keys();
    an_older_callers_struct_is_filled_as_far_as_it_goes();
    statuses_have_names();
    return 0;
}

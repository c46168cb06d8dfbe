/* A server of this process, reached over HTTP by a client, a producer and a reader. */
#define _GNU_SOURCE
#include "subscribe.h"

/* Registers a consumer, subscribes it to shard 0 and waits for the records that are there. */
static void a_subscription_hands_out_its_events(kinetik_client client)
{
    kinetik_bytes answer = {0};
    char input[512];
    size_t len = subscription_input(client, "orders", "TRIM_HORIZON", input, sizeof input);
    EXPECT(kinetik_client_call(client, "SubscribeToShard", (const uint8_t *)input, len, &answer),
           KINETIK_INVALID_ARGUMENT);
    kinetik_subscription subscription = {0};
    EXPECT(kinetik_client_subscribe(client, (const uint8_t *)"{}", 2, &subscription), KINETIK_INVALID_ARGUMENT);
    OK(kinetik_client_subscribe(client, (const uint8_t *)input, len, &subscription));
    OK(kinetik_subscription_poll(subscription, 10000, &answer));
    CHECK(memmem(answer.data, answer.len, "\"Records\":[", 11));
    kinetik_bytes_release(&answer);
    EXPECT(kinetik_subscription_poll(subscription, 1, &answer), KINETIK_TIMED_OUT);
    OK(kinetik_subscription_close(subscription));
    EXPECT(kinetik_subscription_poll(subscription, 1, &answer), KINETIK_CLOSED);
}

/* An engine's settings stand among the options; what is wrong with one is said by its name. */
static void the_options_set_up_the_engine(void)
{
    kinetik_server server = {0};
    kinetik_engine engine = {0};
    EXPECT(kinetik_server_start("shard_limit=many", &server), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "shard_limit: expected a whole number"));
    EXPECT(kinetik_server_start("account=12", &server), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "account: expected twelve digits"));
    EXPECT(kinetik_server_start("qotas=off", &server), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "did you mean quotas?"));
    EXPECT(kinetik_server_start("streams=a:2,b:2 shard_limit=3", &server), KINETIK_LIMIT_EXCEEDED);
    EXPECT(kinetik_engine_open("no blanks", &engine), KINETIK_INVALID_ARGUMENT);

    OK(kinetik_server_start("streams=a:2 shard_limit=3 region=eu-west-1 account=123456789012 memory=1048576 "
                            "when_full=trim state_delay_ms=5 on_demand_stream_limit=1 quotas=on", &server));
    OK(kinetik_server_engine(server, &engine));
    EXPECT(kinetik_engine_create_stream(engine, "b", 2), KINETIK_LIMIT_EXCEEDED);
    OK(kinetik_engine_create_stream(engine, "b", 1));
    OK(kinetik_engine_close(engine));
    OK(kinetik_server_stop(server));
}

int main(void)
{
    the_options_set_up_the_engine();
    kinetik_server server = {0};
    char url[64], small[4];
    EXPECT(kinetik_server_start("streams=orders", &server), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_server_start("colour=red", &server), KINETIK_INVALID_ARGUMENT);
    OK(kinetik_server_start("streams=orders:2 quotas=off", &server));
    OK(kinetik_server_endpoint(server, url, sizeof url));
    EXPECT(kinetik_server_endpoint(server, small, sizeof small), KINETIK_INVALID_ARGUMENT);
    CHECK(strncmp(url, "http://127.0.0.1:", 17) == 0);

    kinetik_config *config = CONFIG("stream", "orders", "endpoint", url, "region", "us-east-1", "aggregate", "true",
                                    "start", "TRIM_HORIZON", "until", "now", "wire", "cbor", "proxy", "none",
                                    "access_key_id", "AKID", "secret_access_key", "canary", "use_fips_endpoint", "false",
                                    "account_id_endpoint_mode", "disabled", "connect_timeout_ms", "1500",
                                    "request_timeout", "5", "timeout", "20", "max_attempts", "2");
    EXPECT(kinetik_config_set(config, "proxy", "socks5://canary@host"), KINETIK_INVALID_ARGUMENT);
    CHECK(strstr(last_message(), "proxy") && !strstr(last_message(), "canary"));
    EXPECT(kinetik_config_set(config, "wire", "xml"), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_config_set(config, "proxi", "none"), KINETIK_INVALID_ARGUMENT);
    kinetik_client client = {0};
    kinetik_bytes answer = {0};
    static const char put[] = "{\"StreamName\":\"orders\",\"PartitionKey\":\"k\",\"Data\":\"SGVsbG8=\"}";
    OK(kinetik_client_open(config, &client));
    OK(kinetik_client_call(client, "PutRecord", (const uint8_t *)put, sizeof put - 1, &answer));
    CHECK(answer.len > 60 && memmem(answer.data, answer.len, "SequenceNumber", 14));
    kinetik_bytes_release(&answer);
    EXPECT(kinetik_client_call(client, "PutNothing", NULL, 0, &answer), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_client_call(client, "DescribeStream", (const uint8_t *)"{", 1, &answer), KINETIK_INVALID_ARGUMENT);
    static const char unknown[] = "{\"StreamName\":\"nowhere\"}";
    EXPECT(kinetik_client_call(client, "DescribeStream", (const uint8_t *)unknown, sizeof unknown - 1, &answer),
           KINETIK_NOT_FOUND);
    kinetik_error_info info = {.struct_size = sizeof info};
    OK(kinetik_last_error(&info));
    CHECK(info.http_status == 400 && info.request_id && strlen(info.request_id) == 36);

    kinetik_producer producer = {0};
    OK(kinetik_producer_open(config, &producer));
    for (int i = 0; i < 1000; i++)
        OK(kinetik_producer_put(producer, "k", 1, "payload", 7, NULL));
    OK(kinetik_producer_close(producer, 30000, NULL, NULL));

    kinetik_reader reader = {0};
    size_t count = 0;
    OK(kinetik_reader_open(config, &reader));
    for (;;) {
        kinetik_batch batch = {0};
        kinetik_status status = kinetik_reader_poll(reader, 10000, &batch);
        if (status == KINETIK_END)
            break;
        OK(status);
        count += batch.len;
        kinetik_batch_release(&batch);
    }
    CHECK(count == 1001);
    OK(kinetik_reader_close(reader));
    a_subscription_hands_out_its_events(client);

    kinetik_engine engine = {0};
    kinetik_batch stored = {0};
    OK(kinetik_server_engine(server, &engine));
    EXPECT(kinetik_engine_records(engine, "nowhere", &stored), KINETIK_NOT_FOUND);
    OK(kinetik_engine_records(engine, "orders", &stored));
    CHECK(stored.len == 1001);
    OK(kinetik_engine_reset(engine));
    size_t payloads = 0;
    for (size_t i = 0; i < stored.len; i++)
        payloads += stored.records[i].data_len == 7 && memcmp(stored.records[i].data, "payload", 7) == 0;
    CHECK(payloads == 1000);
    kinetik_batch_release(&stored);
    kinetik_batch_release(&stored);
    OK(kinetik_engine_close(engine));
    OK(kinetik_client_close(client));
    OK(kinetik_config_free(config));
    OK(kinetik_server_stop(server));
    EXPECT(kinetik_server_stop(server), KINETIK_CLOSED);
    return 0;
}

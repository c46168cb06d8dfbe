// The C++ face: RAII, statuses, exceptions where asked for, spans.
#include <kinetik.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <stdexcept>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);             \
            std::exit(1);                                                                    \
        }                                                                                    \
    } while (0)

// Puts two records that nobody takes.
static void fill(kinetik::producer &producer)
{
    kinetik::config nowhere;
    nowhere.set("stream", "orders").set("endpoint", "http://127.0.0.1:9").set("region", "us-east-1");
    nowhere.set("aggregate", "true").set("lazy", "true");
    producer.open(nowhere).or_throw();
    producer.put("key", std::string_view("one")).or_throw();
    producer.put("key", std::string_view("two")).or_throw();
}

static void an_exception_of_a_leftovers_function_comes_out_of_close()
{
    kinetik::producer producer;
    fill(producer);
    int offered = 0;
    try {
        (void)producer.close(0, [&](const kinetik_report &) {
            throw std::logic_error(offered++ == 0 ? "the first" : "another");
        });
        CHECK(false);
    } catch (const std::logic_error &error) {
        CHECK(error.what() == std::string("the first"));
    }
    CHECK(offered == 2);
    CHECK(producer.raw().handle == 0);
}

static void what_is_open_is_closed_before_it_is_opened_again(const kinetik::config &config)
{
    kinetik::producer producer;
    producer.open(config).or_throw();
    kinetik_producer before = producer.raw();
    producer.open(config).or_throw();
    CHECK(kinetik_producer_put(before, "k", 1, "d", 1, nullptr) == KINETIK_CLOSED);
    CHECK(producer.resume(std::string_view()).code() == KINETIK_INVALID_ARGUMENT);
    producer.close().or_throw();
}

int main()
{
    kinetik_engine engine{};
    kinetik::status(kinetik_engine_open("raii", &engine)).or_throw();
    kinetik::status(kinetik_engine_create_stream(engine, "orders", 2)).or_throw();

    kinetik::config config;
    config.set("stream", "orders").set("endpoint", "memory://raii").set("aggregate", "true");
    try {
        config.set("agregate", "true");
        CHECK(false);
    } catch (const kinetik::error &error) {
        CHECK(error.code() == KINETIK_INVALID_ARGUMENT);
        CHECK(std::string(error.what()).find("aggregate") != std::string::npos);
    }

    an_exception_of_a_leftovers_function_comes_out_of_close();
    what_is_open_is_closed_before_it_is_opened_again(config);

    std::set<std::string> sent;
    {
        kinetik::producer opened;
        opened.open(config).or_throw();
        kinetik::producer producer = std::move(opened);
        for (int i = 0; i < 100; i++) {
            std::string data = "payload " + std::to_string(i);
            producer.put("key-" + std::to_string(i % 7), data).or_throw();
            sent.insert(data);
        }
        const std::array<std::byte, 3> raw{std::byte{'r'}, std::byte{'a'}, std::byte{'w'}};
        producer.put("key", std::span<const std::byte>(raw)).or_throw();
        sent.insert("raw");
        kinetik::status refused = producer.put("", std::string_view("data"));
        CHECK(!refused && refused.code() == KINETIK_INVALID_ARGUMENT);
        CHECK(refused.message().find("partition_key") != std::string::npos);
        producer.flush().or_throw();
        CHECK(producer.ledger().delivered.records == 101);
        CHECK(producer.metrics("json").find("\"UserRecordsPut\":101") != std::string::npos);
        producer.close().or_throw();
    }

    config.set("start", "TRIM_HORIZON").set("until", "now");
    kinetik::reader reader;
    reader.open(config).or_throw();
    kinetik::batch batch;
    for (;;) {
        kinetik::status status = reader.poll(batch, 10000);
        if (status.code() == KINETIK_END)
            break;
        status.or_throw();
        for (const kinetik_record &record : batch)
            CHECK(sent.erase(std::string(kinetik::data(record))) == 1);
    }
    CHECK(sent.empty());
    kinetik::status(kinetik_engine_close(engine)).or_throw();
}

// The C++ face: RAII, statuses, exceptions where asked for, spans.
#include <kinetik.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);             \
            std::exit(1);                                                                    \
        }                                                                                    \
    } while (0)

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

// kinetik for C++17 and later: RAII over kinetik.h. Calls return a kinetik::status; or_throw() turns it into an exception
// where that is asked for. With C++20, payloads may be std::span.
#ifndef KINETIK_HPP
#define KINETIK_HPP

#include <kinetik.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace kinetik {

// What went wrong, as an exception: the status and the whole text.
class error : public std::runtime_error {
public:
    error(kinetik_status status, const std::string &text) : std::runtime_error(text), status_(status) {}
    kinetik_status code() const noexcept { return status_; }

private:
    kinetik_status status_;
};

// What a call answered.
class [[nodiscard]] status {
public:
    status(kinetik_status value) noexcept : value_(value) {}
    bool ok() const noexcept { return value_ == KINETIK_OK; }
    explicit operator bool() const noexcept { return ok(); }
    kinetik_status code() const noexcept { return value_; }
    const char *name() const noexcept { return kinetik_status_name(value_); }

    // The text of this thread's last error; call it before the next kinetik call.
    std::string message() const
    {
        kinetik_error_info info{};
        info.struct_size = sizeof info;
        return kinetik_last_error(&info) == KINETIK_OK ? info.message : name();
    }

    void or_throw() const
    {
        if (!ok())
            throw error(value_, message());
    }

private:
    kinetik_status value_;
};

// Settings by name.
class config {
public:
    config() { status(kinetik_config_new(&raw_)).or_throw(); }
    config(config &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    config &operator=(config &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~config() { kinetik_config_free(raw_); }

    // Throws kinetik::error for a name that does not exist.
    config &set(const std::string &name, const std::string &value)
    {
        status(kinetik_config_set(raw_, name.c_str(), value.c_str())).or_throw();
        return *this;
    }
    const kinetik_config *raw() const noexcept { return raw_; }

private:
    kinetik_config *raw_ = nullptr;
};

// Records on their way out. Leaving the scope closes it for at most 30 s; call close() to learn how that went.
class producer {
public:
    producer() noexcept = default;
    producer(producer &&other) noexcept : raw_(std::exchange(other.raw_, kinetik_producer{})) {}
    producer &operator=(producer &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~producer()
    {
        if (raw_.handle != 0)
            kinetik_producer_close(raw_, 30000, nullptr, nullptr);
    }

    // One that is open is closed first, as at the end of its scope.
    status open(const config &settings) noexcept
    {
        *this = producer();
        return kinetik_producer_open(settings.raw(), &raw_);
    }

    status put(std::string_view key, std::string_view data, void *opaque = nullptr) noexcept
    {
        return kinetik_producer_put(raw_, key.data(), key.size(), data.data(), data.size(), opaque);
    }
#if __cplusplus >= 202002L
    status put(std::string_view key, std::span<const std::byte> data, void *opaque = nullptr) noexcept
    {
        return kinetik_producer_put(raw_, key.data(), key.size(), data.data(), data.size(), opaque);
    }
#endif
    status put_wait(std::string_view key, std::string_view data, std::uint32_t timeout_ms, void *opaque = nullptr) noexcept
    {
        return kinetik_producer_put_wait(raw_, key.data(), key.size(), data.data(), data.size(), opaque, timeout_ms);
    }
    status flush(std::uint32_t timeout_ms = 30000) noexcept { return kinetik_producer_flush(raw_, timeout_ms, nullptr); }

    // In ordered mode: takes records of a key again after one failed, or of all keys.
    status resume(std::string_view key) noexcept
    {
        // NULL would mean all keys.
        return kinetik_producer_resume(raw_, key.data() ? key.data() : "", key.size(), nullptr);
    }
    status resume_all() noexcept { return kinetik_producer_resume(raw_, nullptr, 0, nullptr); }

    // Closes; `leftover` is called once per record that was not delivered and not reported. The first exception that it throws
    // is thrown on when all were offered.
    status close(std::uint32_t timeout_ms = 30000, std::function<void(const kinetik_report &)> leftover = {})
    {
        struct calls {
            std::function<void(const kinetik_report &)> function;
            std::exception_ptr thrown;
        } calls{std::move(leftover), nullptr};
        // No exception may pass through C.
        auto call = [](void *ctx, const kinetik_report *report) {
            auto &calls = *static_cast<struct calls *>(ctx);
            if (!calls.function)
                return;
            try {
                calls.function(*report);
            } catch (...) {
                if (!calls.thrown)
                    calls.thrown = std::current_exception();
            }
        };
        status closed = kinetik_producer_close(std::exchange(raw_, kinetik_producer{}), timeout_ms, call, &calls);
        if (calls.thrown)
            std::rethrow_exception(calls.thrown);
        return closed;
    }

    kinetik_ledger ledger() const
    {
        kinetik_ledger ledger{};
        ledger.struct_size = sizeof ledger;
        status(kinetik_producer_ledger(raw_, &ledger)).or_throw();
        return ledger;
    }

    // What was counted: "json", "prometheus", "emf" or "otlp".
    std::string metrics(const char *format) const
    {
        kinetik_bytes text{};
        status(kinetik_producer_metrics(raw_, format, &text)).or_throw();
        std::string copy(reinterpret_cast<const char *>(text.data), text.len);
        kinetik_bytes_release(&text);
        return copy;
    }
    kinetik_producer raw() const noexcept { return raw_; }

private:
    kinetik_producer raw_{};
};

// Some records of one shard; iterate it.
class batch {
public:
    batch() noexcept = default;
    batch(batch &&other) noexcept : raw_(std::exchange(other.raw_, kinetik_batch{})) {}
    batch &operator=(batch &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~batch() { kinetik_batch_release(&raw_); }

    const kinetik_record *begin() const noexcept { return raw_.records; }
    const kinetik_record *end() const noexcept { return raw_.records + raw_.len; }
    std::size_t size() const noexcept { return raw_.len; }
    kinetik_batch *raw() noexcept { return &raw_; }

private:
    kinetik_batch raw_{};
};

inline std::string_view key(const kinetik_record &record) { return {record.key, record.key_len}; }
inline std::string_view data(const kinetik_record &record)
{
    return {reinterpret_cast<const char *>(record.data), record.data_len};
}

// Records on their way in.
class reader {
public:
    reader() noexcept = default;
    reader(reader &&other) noexcept : raw_(std::exchange(other.raw_, kinetik_reader{})) {}
    reader &operator=(reader &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~reader()
    {
        if (raw_.handle != 0)
            kinetik_reader_close(raw_);
    }

    // One that is open is closed first.
    status open(const config &settings) noexcept
    {
        *this = reader();
        return kinetik_reader_open(settings.raw(), &raw_);
    }

    // KINETIK_OK with records, KINETIK_TIMED_OUT without, KINETIK_END at the end.
    status poll(batch &records, std::uint32_t timeout_ms = 1000) noexcept
    {
        records = batch();
        return kinetik_reader_poll(raw_, timeout_ms, records.raw());
    }

private:
    kinetik_reader raw_{};
};

} // namespace kinetik

#endif

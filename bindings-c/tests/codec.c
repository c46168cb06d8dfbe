/* The codec and the nouns: golden bytes, hostile bytes, hashes and text forms. */
#include "check.h"

static void aggregates_are_the_bytes_that_other_implementations_write(void)
{
    static const unsigned char golden[] = {
        0xf3, 0x89, 0x9a, 0xc2, 0x0a, 0x01, 0x61, 0x0a, 0x01, 0x62, 0x1a, 0x09, 0x08, 0x00, 0x1a, 0x05, 0x68,
        0x65, 0x6c, 0x6c, 0x6f, 0x1a, 0x09, 0x08, 0x01, 0x1a, 0x05, 0x77, 0x6f, 0x72, 0x6c, 0x64, 0x7c, 0xf4,
        0x52, 0x28, 0xcd, 0x79, 0x94, 0x1b, 0x05, 0x6e, 0x67, 0x43, 0x99, 0x0b, 0xf8, 0xab,
    };
    kinetik_put records[] = {
        {.key = "a", .key_len = 1, .data = "hello", .data_len = 5},
        {.key = "b", .key_len = 1, .data = "world", .data_len = 5},
    };
    kinetik_bytes aggregate = {0};
    OK(kinetik_aggregate(records, 2, &aggregate));
    CHECK(aggregate.len == sizeof golden && memcmp(aggregate.data, golden, sizeof golden) == 0);

    kinetik_user_records unpacked = {0};
    OK(kinetik_deaggregate(aggregate.data, aggregate.len, &unpacked));
    kinetik_bytes_release(&aggregate);
    kinetik_bytes_release(&aggregate);
    CHECK(unpacked.aggregated && unpacked.len == 2);
    CHECK(unpacked.records[1].key_len == 1 && unpacked.records[1].key[0] == 'b');
    CHECK(unpacked.records[1].data_len == 5 && memcmp(unpacked.records[1].data, "world", 5) == 0);
    CHECK(!unpacked.records[1].has_explicit_hash_key);
    kinetik_user_records_release(&unpacked);
    kinetik_user_records_release(&unpacked);
}

static void explicit_hash_keys_travel_with_their_record(void)
{
    kinetik_hash_key zero = {0, 0};
    kinetik_put records[] = {
        {.key = "a", .key_len = 1, .data = "1", .data_len = 1, .explicit_hash_key = &zero},
        {.key = "b", .key_len = 1, .data = "2", .data_len = 1},
    };
    kinetik_bytes aggregate = {0};
    kinetik_user_records unpacked = {0};
    OK(kinetik_aggregate(records, 2, &aggregate));
    OK(kinetik_deaggregate(aggregate.data, aggregate.len, &unpacked));
    CHECK(unpacked.records[0].has_explicit_hash_key && !unpacked.records[1].has_explicit_hash_key);
    kinetik_user_records_release(&unpacked);
    kinetik_bytes_release(&aggregate);
}

static void bytes_that_are_no_aggregate_come_out_as_they_are(void)
{
    kinetik_user_records unpacked = {0};
    OK(kinetik_deaggregate((const uint8_t *)"plain", 5, &unpacked));
    CHECK(!unpacked.aggregated && unpacked.len == 1);
    CHECK(unpacked.records[0].data_len == 5 && memcmp(unpacked.records[0].data, "plain", 5) == 0);
    kinetik_user_records_release(&unpacked);
    OK(kinetik_deaggregate(NULL, 0, &unpacked));
    CHECK(unpacked.len == 1 && unpacked.records[0].data_len == 0);
    kinetik_user_records_release(&unpacked);
}

static void a_bad_record_is_named_by_its_index(void)
{
    kinetik_put records[] = {
        {.key = "a", .key_len = 1, .data = "1", .data_len = 1},
        {.key = "", .key_len = 0, .data = "2", .data_len = 1},
    };
    kinetik_bytes aggregate = {0};
    EXPECT(kinetik_aggregate(records, 2, &aggregate), KINETIK_INVALID_ARGUMENT);
    kinetik_error_info info = {.struct_size = sizeof info};
    OK(kinetik_last_error(&info));
    CHECK(info.record_index == 1 && strstr(info.message, "partition_key") && strstr(info.message, "256"));
}

static void hashes_and_their_text_forms_agree(void)
{
    kinetik_hash_key hash = {0}, again = {0};
    char text[40];
    OK(kinetik_hash_partition_key("a", 1, &hash));
    OK(kinetik_hash_key_format(hash, text, sizeof text));
    CHECK(strcmp(text, "16955237001963240173058271559858726497") == 0);
    OK(kinetik_hash_key_parse(text, &again));
    CHECK(memcmp(&hash, &again, sizeof hash) == 0);
    EXPECT(kinetik_hash_key_format(hash, text, 10), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_hash_key_parse("340282366920938463463374607431768211456", &again), KINETIK_INVALID_ARGUMENT);
    EXPECT(kinetik_hash_key_parse("-1", &again), KINETIK_INVALID_ARGUMENT);
    OK(kinetik_shard_id_format(3, text, sizeof text));
    CHECK(strcmp(text, "shardId-000000000003") == 0);
}

int main(void)
{
    aggregates_are_the_bytes_that_other_implementations_write();
    explicit_hash_keys_travel_with_their_record();
    bytes_that_are_no_aggregate_come_out_as_they_are();
    a_bad_record_is_named_by_its_index();
    hashes_and_their_text_forms_agree();
    return 0;
}

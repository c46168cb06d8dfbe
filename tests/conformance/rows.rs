//! Which behaviours show which row of reference/kinesis-api.md: its sections 5.1 to 5.4 and 6.1, by slugs of ours.

use std::collections::BTreeSet;

use kinetik::api::Operation;

/// A row, and the behaviours that show it.
type Row = (&'static str, &'static [&'static str]);

#[rustfmt::skip]
const TYPES: &[Row] = &[
    ("5.1 string", &["a_boolean_or_a_number_is_no_string"]),
    ("5.1 integer", &["a_string_or_a_boolean_is_no_integer"]),
    ("5.1 boolean", &["a_number_or_an_unknown_word_is_no_boolean", "words_for_truth_are_taken_in_any_case"]),
    ("5.1 blob", &["a_boolean_or_a_number_is_no_blob", "base64_has_a_length_of_a_multiple_of_four",
        "base64_has_its_own_alphabet", "base64_ends_in_bits_of_zero"]),
    ("5.1 timestamp", &["a_string_or_a_boolean_is_no_timestamp"]),
    ("5.1 list, map, structure", &["a_scalar_is_no_list", "a_scalar_is_no_map", "a_scalar_is_no_structure"]),
    ("5.1 any scalar or list", &["a_list_or_a_map_is_no_string", "a_list_or_a_map_is_no_integer",
        "a_list_or_a_map_is_no_boolean", "members_within_lists_maps_and_structures_have_types_as_well"]),
    ("5.1 integers are floored and saturate", &["fractions_are_floored_and_large_integers_saturate"]),
];

#[rustfmt::skip]
const CONSTRAINTS: &[Row] = &[
    ("5.2 count and plural", &["all_violations_of_a_request_are_told_together", "no_shards_are_too_few"]),
    ("5.2 at most ten", &["no_more_than_ten_violations_are_told"]),
    ("5.2 paths", &["elements_of_a_list_are_counted_from_one"]),
    ("5.2 values left out", &["a_records_data_are_told_without_their_value", "records_are_1_to_500"]),
    ("5.2 before the stream", &["constraints_are_judged_before_the_stream_is_looked_for"]),
    ("5.2 not null", &["a_stream_to_be_made_needs_a_name", "an_iterator_needs_a_shard_and_a_type"]),
    ("5.2 length", &["a_name_of_129_characters_is_too_long", "a_read_needs_an_iterator_of_at_most_512_characters"]),
    ("5.2 value", &["a_reads_limit_is_1_to_10000", "limits_of_listings_are_1_to_10000"]),
    ("5.2 pattern", &["a_name_with_a_blank_breaks_the_pattern", "a_hash_key_is_a_decimal_without_leading_zeros"]),
    ("5.2 value set", &["an_iterator_type_is_one_of_five", "a_new_shard_count_names_all_that_it_lacks"]),
    ("5.2 list elements", &["keys_of_tags_to_remove_are_1_to_50_of_1_to_128_characters"]),
    ("5.2 map keys and values", &["a_tags_key_has_1_to_128_characters", "a_tags_value_has_up_to_256_characters"]),
    ("5.2 empty name", &["an_empty_name_breaks_pattern_and_length"]),
    ("5.2 neither name nor arn", &["neither_name_nor_arn_is_an_invalid_argument"]),
];

#[rustfmt::skip]
const OPERATIONS: &[Row] = &[
    ("5.3 CreateStream exists", &["a_duplicate_is_refused_with_the_services_text", "a_duplicate_is_told_before_the_shard_quota"]),
    ("5.3 CreateStream shard quota", &["more_shards_than_the_account_has_are_refused_with_the_quotas_text"]),
    ("5.3 CreateStream creating", &["five_streams_are_made_at_once"]),
    ("5.3 DeleteStream not found", &["delete_stream_finds_nothing"]),
    ("5.3 DeleteStream consumers", &["a_stream_with_consumers_is_deleted_only_by_force"]),
    ("5.3 DescribeStream not found", &["describe_stream_finds_nothing"]),
    ("5.3 DescribeStreamSummary not found", &["describe_stream_summary_finds_nothing"]),
    ("5.3 ListTagsForStream not found", &["list_tags_finds_nothing"]),
    ("5.3 ListShards neither", &["a_listing_needs_a_stream_or_a_token"]),
    ("5.3 ListShards both", &["a_token_excludes_what_it_remembers", "a_listing_tells_a_token_too_many_before_it_reads_it"]),
    ("5.3 ListShards not found", &["list_shards_finds_nothing"]),
    ("5.3 PutRecord not found", &["put_record_finds_nothing", "a_put_finds_no_stream_before_it_judges_its_hash_key"]),
    ("5.3 PutRecord hash key", &["a_hash_key_beyond_the_ring_is_refused"]),
    ("5.3 PutRecord ordering", &["an_ordering_number_must_be_one_and_not_of_the_future",
        "an_ordering_number_may_be_of_an_old_layout",
        "a_puts_hash_key_is_judged_before_its_ordering_number"]),
    ("5.3 PutRecord throttled", &["a_throttled_record_is_refused_with_the_same_text"]),
    ("5.3 PutRecords not found", &["put_records_finds_nothing", "a_batch_finds_no_stream_before_it_judges_its_hash_keys"]),
    ("5.3 PutRecords hash key", &["one_bad_hash_key_fails_the_whole_batch"]),
    ("5.3 PutRecords size", &["a_batch_above_ten_mebibytes_is_refused", "a_batch_of_ten_mebibytes_with_its_keys_is_taken"]),
    ("5.3 GetShardIterator shard text", &["shard_ids_that_name_nothing_are_repeated_as_written",
        "a_shard_text_is_judged_before_the_stream_is_looked_for"]),
    ("5.3 GetShardIterator not found", &["get_shard_iterator_finds_no_shard_of_a_stream_that_is_not_there",
        "an_iterator_finds_no_shard_before_it_judges_its_start"]),
    ("5.3 GetShardIterator number too many", &["a_number_with_latest_or_trim_horizon_is_refused",
        "a_number_too_many_is_told_before_it_is_decoded"]),
    ("5.3 GetShardIterator number missing", &["a_sequence_type_needs_a_number", "a_missing_number_is_told_for_both_types"]),
    ("5.3 GetShardIterator undecodable", &["a_number_that_decodes_to_nothing_is_refused"]),
    ("5.3 GetShardIterator other shard", &["a_number_of_another_shard_is_refused",
        "a_number_of_an_old_layout_names_its_shard"]),
    ("5.3 GetShardIterator other stream", &["a_number_of_another_stream_is_refused",
        "a_number_of_2013_did_not_come_from_a_stream_of_today"]),
    ("5.3 GetShardIterator version 0", &["a_version_0_number_of_the_shard_is_an_internal_failure"]),
    ("5.3 GetShardIterator no time", &["at_timestamp_needs_a_time"]),
    ("5.3 GetShardIterator future", &["a_timestamp_of_the_future_is_refused"]),
    ("5.3 GetRecords malformed", &["garbage_is_no_iterator"]),
    ("5.3 GetRecords expired", &["an_iterator_lives_five_minutes", "an_expired_iterator_is_told_before_a_missing_stream"]),
    ("5.3 GetRecords gone", &["get_records_finds_no_shard_of_a_deleted_stream", "an_iterator_of_a_forgotten_shard_finds_nothing"]),
    ("5.3 GetRecords earlier stream", &["an_iterator_of_an_earlier_stream_of_the_name_is_an_internal_failure"]),
    ("5.3 SplitShard shard text", &["a_split_names_the_shard_it_does_not_find"]),
    ("5.3 SplitShard not found", &["split_shard_finds_nothing"]),
    ("5.3 SplitShard not active", &["a_split_tells_the_streams_state_before_a_missing_shard"]),
    ("5.3 SplitShard no shard", &["a_split_tells_a_missing_shard_before_the_shard_quota"]),
    ("5.3 SplitShard quota", &["a_split_tells_the_shard_quota_before_its_hash_key"]),
    ("5.3 SplitShard hash", &["a_split_at_the_edge_of_a_shard_is_refused", "a_split_beyond_the_shards_end_is_refused"]),
    ("5.3 SplitShard closed", &["a_closed_shard_is_not_split_or_merged_again",
        "a_split_tells_quota_and_hash_key_before_a_closed_shard"]),
    ("5.3 MergeShards first four", &["merge_shards_finds_nothing", "a_merge_tells_the_missing_one_of_its_shards",
        "a_merge_tells_its_lower_shard_first", "a_merge_tells_a_missing_shard_before_a_closed_one"]),
    ("5.3 MergeShards not adjacent", &["only_neighbours_in_order_are_merged"]),
    ("5.3 UpdateShardCount not found", &["update_shard_count_finds_nothing"]),
    ("5.3 UpdateShardCount not active", &["a_new_shard_count_tells_the_streams_state_first"]),
    ("5.3 UpdateShardCount double, half", &["more_than_double_and_less_than_half_are_refused"]),
    ("5.3 UpdateShardCount quota", &["a_target_above_the_quota_is_refused",
        "shards_that_are_open_only_on_the_way_to_a_target_count", "a_stream_grows_to_ten_thousand_shards"]),
    ("5.3 UpdateShardCount ten a day", &["a_stream_is_rescaled_ten_times_a_day"]),
    ("5.3 UpdateShardCount on demand", &["an_on_demand_stream_is_not_resharded_by_hand"]),
    ("5.3 retention not found", &["increase_retention_finds_nothing", "decrease_retention_finds_nothing"]),
    ("5.3 retention too short", &["retention_below_a_day_is_refused"]),
    ("5.3 retention too long", &["retention_above_a_year_is_refused",
        "a_retention_out_of_bounds_is_told_before_the_wrong_direction"]),
    ("5.3 retention wrong way", &["retention_moves_only_the_way_its_operation_says"]),
    ("5.3 tags not found", &["add_tags_finds_nothing", "remove_tags_finds_nothing"]),
    ("5.3 tags characters", &["characters_outside_the_set_are_refused", "tags_to_remove_have_legal_characters"]),
    ("5.3 tags fifty", &["a_fifty_first_tag_is_refused"]),
    ("5.3 consumers not found", &["an_unknown_consumer_is_not_found"]),
    ("5.3 SubscribeToShard not ready", &["a_consumer_that_is_being_made_cannot_subscribe"]),
    ("5.3 SubscribeToShard duplicate", &["within_five_seconds_another_subscription_is_refused"]),
    ("5.3 DeleteResourcePolicy none", &["deleting_a_policy_that_is_not_there_fails"]),
];

#[rustfmt::skip]
const THROTTLING: &[Row] = &[
    ("5.4 PutRecord and entries", &["a_throttled_record_is_refused_with_the_same_text",
        "a_throttled_entry_names_account_stream_and_shard"]),
    ("5.4 GetRecords", &["a_shard_answers_five_reads_a_second"]),
    ("5.4 control plane", &["describe_stream_is_answered_ten_times_a_second", "a_rate_of_a_stream_is_its_own"]),
    ("5.4 entry failed inside", &["an_entry_that_failed_inside_says_so"]),
];

#[rustfmt::skip]
const PROBES: &[Row] = &[
    ("6.1 start of shard 1", &["fresh_shards_divide_the_ring_at_two_to_the_128"]),
    ("6.1 hash 2^127 - 1", &["an_explicit_hash_key_replaces_the_md5"]),
    ("6.1 hash 2^128 - 1", &["an_explicit_hash_key_replaces_the_md5"]),
    ("6.1 hash 2^128", &["a_hash_key_beyond_the_ring_is_refused"]),
    ("6.1 sequence numbers", &["a_number_has_56_digits", "a_number_tells_version_creation_index_time_and_shard"]),
    ("6.1 encryption of a plain put", &["a_put_answers_shard_and_number_and_no_encryption"]),
    ("6.1 empty partition key", &["an_empty_partition_key_is_too_short"]),
    ("6.1 257 characters", &["a_partition_key_of_257_characters_is_too_long"]),
    ("6.1 1 MiB + 1", &["a_payload_above_the_streams_limit_breaks_a_constraint"]),
    ("6.1 1 MiB and a key", &["payload_and_key_together_above_the_limit_are_refused"]),
    ("6.1 501 records", &["more_than_500_records_break_a_constraint"]),
    ("6.1 12 MB", &["a_batch_above_ten_mebibytes_is_refused"]),
    ("6.1 2,000 records a second", &["two_thousand_records_in_a_second_are_half_refused"]),
    ("6.1 neither name nor arn", &["neither_name_nor_arn_is_an_invalid_argument"]),
    ("6.1 unknown stream", &["an_unknown_stream_is_named_by_every_operation"]),
    ("6.1 illegal name", &["an_illegal_name_breaks_a_constraint"]),
    ("6.1 create duplicate", &["a_duplicate_is_refused_with_the_services_text"]),
    ("6.1 garbage iterator", &["garbage_is_no_iterator"]),
    ("6.1 latest with a number", &["a_number_with_latest_or_trim_horizon_is_refused"]),
    ("6.1 iterator type FOO", &["an_unknown_iterator_type_breaks_a_constraint"]),
    ("6.1 shard-0", &["shard_ids_are_read_in_every_tolerated_form"]),
    ("6.1 future timestamp", &["a_timestamp_of_the_future_is_refused"]),
    ("6.1 split at the start", &["a_split_at_the_edge_of_a_shard_is_refused"]),
    ("6.1 2 to 50", &["more_than_double_and_less_than_half_are_refused"]),
    ("6.1 2 to 3", &["two_to_three_gives_thirds_with_true_parents"]),
    ("6.1 closed parent", &["the_end_of_a_closed_shard_names_its_children_and_gives_no_iterator"]),
    ("6.1 retention 9000", &["retention_above_a_year_is_refused"]),
    ("6.1 consumer arn", &["a_consumers_arn_ends_in_its_creation_second"]),
    ("6.1 subscription", &["a_subscription_tells_what_is_there_and_then_what_arrives"]),
    ("6.1 dry run", &["a_dry_run_is_checked_and_stores_nothing"]),
    ("6.1 ListQueues", &["an_account_has_no_queues_and_no_channels"]),
    ("6.1 no policy", &["a_resource_without_a_policy_has_an_empty_one"]),
    ("6.1 body hello", &["a_body_that_is_no_json_has_no_text"]),
    ("6.1 unsigned", &["an_unsigned_request_lacks_a_token"]),
    ("6.1 unknown operation", &["an_unknown_operation_is_refused_by_its_name"]),
    ("6.1 CBOR ListStreams", &["a_listing_is_answered_in_cbor"]),
    ("6.1 GET /", &["what_is_no_post_is_not_ours"]),
    ("6.1 JS v3 over http", &["http_2_is_spoken_with_who_begins_it"]),
];

/// An error case of each operation that the engine answers.
#[rustfmt::skip]
const ERRORS: &[(Operation, &str)] = &[
    (Operation::AddTagsToStream, "a_fifty_first_tag_is_refused"),
    (Operation::CreateStream, "a_duplicate_is_refused_with_the_services_text"),
    (Operation::DecreaseStreamRetentionPeriod, "retention_moves_only_the_way_its_operation_says"),
    (Operation::DeleteResourcePolicy, "deleting_a_policy_that_is_not_there_fails"),
    (Operation::DeleteStream, "delete_stream_finds_nothing"),
    (Operation::DeregisterStreamConsumer, "an_unknown_consumer_is_not_found"),
    (Operation::DescribeAccountSettings, "account_settings_are_described_five_times_a_second"),
    (Operation::DescribeLimits, "describe_limits_is_answered_once_a_second"),
    (Operation::DescribeStream, "describe_stream_finds_nothing"),
    (Operation::DescribeStreamConsumer, "an_unknown_consumer_is_not_found"),
    (Operation::DescribeStreamSummary, "describe_stream_summary_finds_nothing"),
    (Operation::DisableEnhancedMonitoring, "encryption_and_monitoring_need_a_stream"),
    (Operation::EnableEnhancedMonitoring, "encryption_and_monitoring_need_a_stream"),
    (Operation::GetRecords, "garbage_is_no_iterator"),
    (Operation::GetResourcePolicy, "policies_of_an_unknown_stream_are_not_found"),
    (Operation::GetShardIterator, "an_iterator_type_is_one_of_five"),
    (Operation::IncreaseStreamRetentionPeriod, "retention_above_a_year_is_refused"),
    (Operation::ListShards, "a_listing_needs_a_stream_or_a_token"),
    (Operation::ListStreamConsumers, "consumers_of_an_unknown_stream_are_not_found"),
    (Operation::ListStreams, "limits_of_listings_are_1_to_10000"),
    (Operation::ListTagsForResource, "tags_of_unknown_resources_are_not_found"),
    (Operation::ListTagsForStream, "tags_of_a_page_are_1_to_50"),
    (Operation::MergeShards, "only_neighbours_in_order_are_merged"),
    (Operation::PutRecord, "a_hash_key_beyond_the_ring_is_refused"),
    (Operation::PutRecords, "one_bad_hash_key_fails_the_whole_batch"),
    (Operation::PutResourcePolicy, "a_policy_is_a_json_object"),
    (Operation::RegisterStreamConsumer, "a_stream_has_twenty_consumers"),
    (Operation::RemoveTagsFromStream, "tags_to_remove_have_legal_characters"),
    (Operation::SplitShard, "a_split_at_the_edge_of_a_shard_is_refused"),
    (Operation::StartStreamEncryption, "encryption_is_by_kms"),
    (Operation::StopStreamEncryption, "encryption_and_monitoring_need_a_stream"),
    (Operation::SubscribeToShard, "within_five_seconds_another_subscription_is_refused"),
    (Operation::TagResource, "a_resource_has_fifty_tags"),
    (Operation::UntagResource, "tags_of_unknown_resources_are_not_found"),
    (Operation::UpdateAccountSettings, "a_commitments_status_is_one_of_two"),
    (Operation::UpdateMaxRecordSize, "a_record_size_lies_between_one_and_ten_mebibytes"),
    (Operation::UpdateShardCount, "more_than_double_and_less_than_half_are_refused"),
    (Operation::UpdateStreamMode, "a_stream_changes_its_mode_twice_a_day"),
    (Operation::UpdateStreamRecordDistributionStrategy, "a_distribution_is_in_force_at_once_and_for_on_demand_streams_only"),
    (Operation::UpdateStreamWarmThroughput, "warm_throughput_needs_the_mode_and_the_commitment"),
];

const ALL: [&[Row]; 5] = [TYPES, CONSTRAINTS, OPERATIONS, THROTTLING, PROBES];

#[test]
fn every_row_of_the_reference_is_shown_by_behaviours_that_there_are() {
    let known: BTreeSet<_> = crate::all().map(|(name, _)| name).collect();
    let mut rows = BTreeSet::new();
    for (row, shown_by) in ALL.into_iter().flatten() {
        assert!(rows.insert(row), "two rows are {row:?}");
        assert!(!shown_by.is_empty(), "nothing shows {row:?}");
        for name in *shown_by {
            assert!(
                known.contains(name),
                "{row:?}: there is no behaviour {name:?}"
            );
        }
    }
}

#[test]
fn every_operation_but_those_of_queues_and_channels_has_an_error_case() {
    let known: BTreeSet<_> = crate::all().map(|(name, _)| name).collect();
    let is_channel = |operation: Operation| operation.name().contains("Channel");
    for operation in Operation::ALL {
        let error = ERRORS.iter().find(|(of, _)| *of == operation);
        match error {
            Some((_, name)) => {
                assert!(known.contains(name), "{operation:?}: no behaviour {name:?}");
            }
            None => assert!(
                operation.is_queue() || is_channel(operation),
                "{operation:?}"
            ),
        }
    }
    assert_eq!(ERRORS.len(), 40);
}

/// As many as the sections have: rows of 5.1 with its note, rules and notes of 5.2, checks of 5.3, rows of 5.4 and of
/// 6.1.
#[test]
fn no_row_is_left_out() {
    let counts = ALL.map(<[Row]>::len);
    assert_eq!(counts, [8, 14, 58, 4, 38]);
}

#[test]
fn there_are_at_least_three_hundred_behaviours() {
    assert!(crate::all().count() >= 300, "{}", crate::all().count());
}

/* One hop of tests/relay.rs: goes on from the positions on standard input, and tells what it read and where it stands. */
#include <kinetik.h>

#include <stdio.h>
#include <stdlib.h>

static void ok(kinetik_status status)
{
    kinetik_error_info error = {.struct_size = sizeof error};
    if (status == KINETIK_OK)
        return;
    kinetik_last_error(&error);
    fprintf(stderr, "%s: %s\n", kinetik_status_name(status), error.message);
    exit(1);
}

int main(int argc, char **argv)
{
    static char start[1 << 16];
    kinetik_config *config = NULL;
    kinetik_reader reader = {0};
    kinetik_batch batch = {0};
    kinetik_bytes positions = {0};
    if (argc != 3 || fread(start, 1, sizeof start - 1, stdin) == 0)
        return 2;
    ok(kinetik_config_new(&config));
    ok(kinetik_config_set(config, "stream", "orders"));
    ok(kinetik_config_set(config, "endpoint", argv[1]));
    ok(kinetik_config_set(config, "max_records", argv[2]));
    ok(kinetik_config_set(config, "start", start));
    ok(kinetik_config_set(config, "until", "now"));
    ok(kinetik_reader_open(config, &reader));
    kinetik_status status = kinetik_reader_poll(reader, 30000, &batch);
    if (status != KINETIK_END)
        ok(status);
    for (size_t i = 0; i < batch.len; i++) {
        const kinetik_record *record = &batch.records[i];
        printf("%.*s %.*s\n", (int)record->key_len, record->key, (int)record->data_len, (const char *)record->data);
    }
    kinetik_batch_release(&batch);
    ok(kinetik_reader_positions(reader, &positions));
    printf("%.*s\n", (int)positions.len, (const char *)positions.data);
    kinetik_bytes_release(&positions);
    ok(kinetik_reader_close(reader));
    ok(kinetik_config_free(config));
    return 0;
}

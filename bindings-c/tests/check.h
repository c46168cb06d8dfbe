/* What the C tests share: a check that says where it failed and what kinetik said. */
#ifndef CHECK_H
#define CHECK_H

#include <kinetik.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                      \
    do {                                                                                                      \
        if (!(condition)) {                                                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                   \
            exit(1);                                                                                          \
        }                                                                                                     \
    } while (0)

#define EXPECT(call, status) expect((call), (status), #call, __FILE__, __LINE__)
#define OK(call) EXPECT(call, KINETIK_OK)

static inline const char *last_message(void)
{
    static char text[2048];
    kinetik_error_info info = {.struct_size = sizeof info};
    text[0] = '\0';
    if (kinetik_last_error(&info) == KINETIK_OK)
        snprintf(text, sizeof text, "%s", info.message);
    return text;
}

static inline void expect(kinetik_status got, kinetik_status wanted, const char *call, const char *file, int line)
{
    if (got == wanted)
        return;
    fprintf(stderr, "%s:%d: %s answered %s, not %s: %s\n", file, line, call, kinetik_status_name(got),
            kinetik_status_name(wanted), last_message());
    exit(1);
}

/* Settings: name, value, name, value, NULL. */
static inline kinetik_config *config_of(const char *const *settings)
{
    kinetik_config *config = NULL;
    OK(kinetik_config_new(&config));
    for (; *settings; settings += 2)
        OK(kinetik_config_set(config, settings[0], settings[1]));
    return config;
}

#define CONFIG(...) config_of((const char *const[]){__VA_ARGS__, NULL})

#endif

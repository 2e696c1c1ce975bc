/* The page of metrics, when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers.h"
#include "memory_store.h"

static const char *failing = "none";

FILE *__real_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size);
int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);

FILE *__wrap_open_memstream(char **text, size_t *size) {
    return strcmp(failing, __func__ + strlen("__wrap_")) == 0 ? NULL
                                                              : __real_open_memstream(text, size);
}

int __wrap_fclose(FILE *file) {
    int r = __real_fclose(file);
    return strcmp(failing, __func__ + strlen("__wrap_")) == 0 ? EOF : r;
}

static fd_response ask(fd_engine *engine, const char *failing_call) {
    fd_request request = {.engine = engine};
    fd_response response = {.request_id = "x"};
    failing = failing_call;
    fd_metrics_page(&request, &response);
    failing = "none";
    return response;
}

static void without_memory_for_the_page_the_response_is_503_and_complete(void **state) {
    (void)state;
    static const char *const calls[] = {"open_memstream", "fclose"};
    fd_engine_options options = fd_engine_defaults();
    fd_fault fault = {0};
    fd_store *store = NULL;
    fd_engine *engine = NULL;
    assert_int_equal(fd_store_open_memory(&store), 0);
    assert_int_equal(fd_engine_open(&options, store, &engine, &fault), 0);
    for (size_t i = 0; i < FD_LENGTH(calls); i++) {
        fd_response response = ask(engine, calls[i]);
        assert_int_equal(response.status, 503);
        assert_string_equal(response.content_type, "application/problem+json");
        assert_non_null(strstr(response.body, "not enough memory"));
        assert_int_equal(response.size, strlen(response.body));
        free(response.body);
        response = ask(engine, "none");
        assert_int_equal(response.status, 200);
        assert_non_null(strstr(response.body, "\nfisherd_items 0\n"));
        free(response.body);
    }
    fd_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_for_the_page_the_response_is_503_and_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The page of metrics, where there is no memory for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory_store.h"
#include "problem.h"
#include "router.h"

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

static fd_response ask(fd_engine *engine, const char *what) {
    fd_request request = {.engine = engine, .request_id = "x"};
    fd_response response = {0};
    failing = what;
    fd_metrics_page(&request, &response);
    failing = "none";
    return response;
}

static void a_page_that_there_is_no_memory_for_is_unavailable_and_not_cut_off(void **state) {
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
        assert_non_null(strstr(response.body, "there is no memory"));
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
        cmocka_unit_test(a_page_that_there_is_no_memory_for_is_unavailable_and_not_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

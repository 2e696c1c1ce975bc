/* Methods and paths lead to routes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router.h"

/* The name of the route, or words for the failure. The id is valid until the next call. */
static const char *routed(const char *method, const char *path, const char **ret_id,
                          const char **ret_allow) {
    static char id[300];
    const fd_route *route = NULL;
    char *segment = NULL;
    *ret_id = *ret_allow = NULL;
    int r = fd_router_find(method, path, &route, &segment, ret_allow);
    if (segment) {
        assert_true(strlen(segment) < sizeof(id));
        (void)strcpy(id, segment);
        free(segment);
        *ret_id = id;
    }
    assert_true((r == 0) == (route != NULL));
    assert_true((r == -EOPNOTSUPP) == (*ret_allow != NULL));
    return r == 0 ? route->name : r == -ENOENT ? "no path" : "no method";
}

static void a_method_and_a_path_lead_to_their_route(void **state) {
    (void)state;
    const struct {
        const char *method, *path, *name, *id;
    } cases[] = {
        {"POST", "/v1/items", "items_add", NULL},
        {"GET", "/v1/items", "items_list", NULL},
        {"HEAD", "/v1/items", "items_list", NULL},
        {"GET", "/v1/items/p0%20r0%3f", "item_get", "p0 r0?"},
        {"GET", "/v1/items/org%2Fmodel", "item_get", "org/model"},
        {"GET", "/v1/items/%2F%2f", "item_get", "//"},
        {"GET", "/v1/items/%2E%2e", "item_get", ".."},
        {"GET", "/v1/items/%5C%25", "item_get", "\\%"},
        {"GET", "/%76%31/items/x", "item_get", "x"},
        {"POST", "/v1/assignments/a%2Frenew/renew", "assignment_renew", "a/renew"},
        {"DELETE", "/v1/labels/a%2Frenew", "label_retract", "a/renew"},
        {"HEAD", "/v1/items/x", "item_get", "x"},
        {"PUT", "/v1/labels/x", "label_correct", "x"},
        {"DELETE", "/v1/labels/x", "label_retract", "x"},
        {"POST", "/v1/assignments/a1/renew", "assignment_renew", "a1"},
        {"DELETE", "/v1/assignments/a1", "assignment_return", "a1"},
        {"GET", "/", "page", NULL},
        {"GET", "/static/label.js", "static", "label.js"},
        {"GET", "/v1/model", "model", NULL},
        {"POST", "/v1/model/train", "train", NULL},
        {"GET", "/livez", "livez", NULL},
        {"GET", "/healthz", "healthz", NULL},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        const char *id, *allow;
        assert_string_equal(routed(cases[i].method, cases[i].path, &id, &allow), cases[i].name);
        if (cases[i].id)
            assert_string_equal(id, cases[i].id);
        else
            assert_null(id);
    }
}

static void unknown_paths_are_not_found(void **state) {
    (void)state;
    const char *const paths[] = {"",
                                 "/v1/assignments/a/renew/",
                                 "/v1",
                                 "/v1/items/",
                                 "/v1/items/a/b",
                                 "/v1%2Fitems",
                                 "/v1/items%2Fa",
                                 "/%2Flivez",
                                 "/v1/items/a/b/c/d/e/f/g/h/i",
                                 "//livez",
                                 "/v1//items",
                                 "livez",
                                 "/v1/itemsx",
                                 "/V1/items",
                                 "/livez/"};
    for (size_t i = 0; i < FD_LENGTH(paths); i++) {
        const char *id, *allow;
        assert_string_equal(routed("GET", paths[i], &id, &allow), "no path");
    }
}

static void a_wrong_method_gives_the_methods_that_the_path_takes(void **state) {
    (void)state;
    const struct {
        const char *method, *path, *allow;
    } cases[] = {
        {"DELETE", "/v1/items", "GET, HEAD, POST"},
        {"POST", "/v1/items/x", "GET, HEAD"},
        {"GET", "/v1/score", "POST"},
        {"HEAD", "/v1/score", "POST"},
        {"get", "/livez", "GET, HEAD"},
        {"BREW", "/metrics", "GET, HEAD"},
        {"PUT", "/v1/project", "GET, HEAD, PATCH"},
        {"PATCH", "/v1/scores", "PUT"},
        {"PATCH", "/v1/items/x/scores", "PUT"},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        const char *id, *allow;
        assert_string_equal(routed(cases[i].method, cases[i].path, &id, &allow), "no method");
        assert_string_equal(allow, cases[i].allow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_method_and_a_path_lead_to_their_route),
        cmocka_unit_test(unknown_paths_are_not_found),
        cmocka_unit_test(a_wrong_method_gives_the_methods_that_the_path_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

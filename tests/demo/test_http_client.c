/* The HTTP client of the demo and its annotators. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <microhttpd.h>

#include "http_client.h"

/* ---- library calls that fail on request ---- */

static const char *failing = "none";

static bool fails(const char *name) {
    return strcmp(failing, name) == 0;
}

#define FAILING(type, name, parameters, arguments)                                                 \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        return fails(#name) ? NULL : __real_##name arguments;                                      \
    }

FAILING(void *, calloc, (size_t n, size_t size), (n, size))
FAILING(FILE *, open_memstream, (char **text, size_t *size), (text, size))
FAILING(char *, json_dumps, (const json_t *value, size_t flags), (value, flags))
FAILING(CURL *, curl_easy_init, (void), ())
FAILING(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text),
        (list, text))

int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);

int __wrap_fclose(FILE *file) {
    int r = __real_fclose(file);
    return fails("fclose") ? EOF : r;
}

/* ---- a server ---- */

static struct MHD_Daemon *server;
static char url[64];

static const struct {
    const char *path;
    unsigned status;
    const char *text;
} responses[] = {
    {"/json", 200, "{\"a\": 1}"},         {"/accepted", 202, "[]"},  {"/text", 200, "hello"},
    {"/refused", 409, "{\"b\": \"no\"}"}, {"/broken", 500, "not {"},
};

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *text) {
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* /echo returns the body of a JSON request, and an empty one for any other content type. */
static enum MHD_Result respond(void *context, struct MHD_Connection *connection, const char *path,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **state) {
    static char body[256];
    (void)context, (void)method, (void)version;
    if (!*state) {
        *state = body;
        body[0] = '\0';
        return MHD_YES;
    }
    if (*size > 0) {
        (void)snprintf(body, sizeof(body), "%.*s", (int)*size, data);
        *size = 0;
        return MHD_YES;
    }
    for (size_t i = 0; i < FD_LENGTH(responses); i++)
        if (strcmp(path, responses[i].path) == 0)
            return queue(connection, responses[i].status, responses[i].text);
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    return queue(connection, 200, type && strcmp(type, "application/json") == 0 ? body : "");
}

static int begin(void **state) {
    (void)state;
    server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL,
                              respond, NULL, MHD_OPTION_END);
    assert_non_null(server);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u",
                   MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
    return 0;
}

static int end(void **state) {
    (void)state;
    MHD_stop_daemon(server);
    return 0;
}

static fd_client *new_client(void) {
    fd_client *client = NULL;
    assert_int_equal(fd_client_new(url, &client), 0);
    return client;
}

/* ---- tests ---- */

static void request_and_response_are_json(void **state) {
    FD_CLEANUP(fd_client_freep) fd_client *client = new_client();
    fd_fault fault = {0};
    json_t *response;
    (void)state;
    assert_int_equal(
        fd_client_call(client, "POST", "/echo", json_pack("{s:i}", "x", 7), &response, &fault), 0);
    assert_int_equal(json_integer_value(json_object_get(response, "x")), 7);
    json_decref(response);
    assert_int_equal(fd_client_call(client, "GET", "/json", NULL, &response, &fault), 0);
    assert_int_equal(json_integer_value(json_object_get(response, "a")), 1);
    json_decref(response);
    assert_int_equal(fd_client_call(client, "GET", "/accepted", NULL, &response, &fault), 0);
    assert_true(json_is_array(response));
    json_decref(response);
}

static void an_error_or_a_response_that_is_not_json_is_quoted_in_the_fault(void **state) {
    FD_CLEANUP(fd_client_freep) fd_client *client = new_client();
    static const char *const details[][2] = {
        {"/text", "GET /text answered 200: hello"},
        {"/refused", "GET /refused answered 409: {\"b\": \"no\"}"},
        {"/broken", "GET /broken answered 500: not {"},
    };
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(details); i++) {
        fd_fault fault = {0};
        json_t *response = NULL;
        assert_int_equal(fd_client_call(client, "GET", details[i][0], NULL, &response, &fault),
                         -EPROTO);
        assert_string_equal(fault.detail, details[i][1]);
        assert_null(response);
    }
}

static void the_fault_names_the_request_when_no_server_responds(void **state) {
    FD_CLEANUP(fd_client_freep) fd_client *client = NULL;
    fd_fault fault = {0};
    json_t *response = NULL;
    (void)state;
    assert_int_equal(fd_client_new("http://127.0.0.1:0", &client), 0);
    assert_int_equal(fd_client_call(client, "GET", "/json", NULL, &response, &fault),
                     -ECONNREFUSED);
    assert_non_null(strstr(fault.detail, "GET http://127.0.0.1:0/json: "));
    assert_null(response);
}

static void a_call_fails_without_memory_and_the_next_one_succeeds(void **state) {
    static const char *const of_new[] = {"calloc", "curl_easy_init", "curl_slist_append"};
    static const char *const of_call[] = {"json_dumps", "open_memstream", "fclose"};
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(of_new); i++) {
        fd_client *client = NULL;
        failing = of_new[i];
        assert_int_equal(fd_client_new(url, &client), -ENOMEM);
        assert_null(client);
        failing = "none";
    }
    FD_CLEANUP(fd_client_freep) fd_client *client = new_client();
    for (size_t i = 0; i < FD_LENGTH(of_call); i++) {
        fd_fault fault = {0};
        json_t *response = NULL;
        failing = of_call[i];
        assert_int_equal(
            fd_client_call(client, "POST", "/echo", json_pack("[i]", 1), &response, &fault),
            -ENOMEM);
        assert_null(response);
        failing = "none";
        assert_int_equal(
            fd_client_call(client, "POST", "/echo", json_pack("[i]", 1), &response, &fault), 0);
        json_decref(response);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_and_response_are_json),
        cmocka_unit_test(an_error_or_a_response_that_is_not_json_is_quoted_in_the_fault),
        cmocka_unit_test(the_fault_names_the_request_when_no_server_responds),
        cmocka_unit_test(a_call_fails_without_memory_and_the_next_one_succeeds),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

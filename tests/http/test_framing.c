/* Where requests begin and end, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "framing.h"
#include "macros.h"

enum { HEAD_MAX = 16 << 10 };

typedef struct verdict {
    unsigned status;
    const char *detail;
    uint64_t heads, requests;
    size_t ended; /* bytes up to the end of the last request that ended */
} verdict;

static void feed(fd_framing *framing, verdict *found, const char *data, size_t size,
                 size_t before) {
    size_t ended;
    bool is_fine = fd_framing_read(framing, data, size, &ended);
    assert_true(ended <= size);
    assert_true(is_fine == (framing->status == 0));
    if (ended > 0)
        found->ended = before + ended;
}

/* The bytes in pieces that end at `first` and then every `step` bytes. */
static verdict verdict_of(const char *data, size_t size, size_t first, size_t step) {
    fd_framing *framing = calloc(1, sizeof(*framing));
    verdict found = {0};
    assert_non_null(framing);
    framing->head_max = HEAD_MAX;
    for (size_t at = 0, end = first; at < size; at = end, end += step) {
        end = end < size ? end : size;
        char *exact = malloc(end - at + 1);
        assert_non_null(exact);
        memcpy(exact + 1, data + at, end - at);
        feed(framing, &found, exact + 1, end - at, at);
        free(exact);
    }
    found.status = framing->status;
    found.detail = framing->detail;
    found.heads = framing->heads;
    found.requests = framing->requests;
    assert_true((found.status == 0) == (found.detail == NULL));
    assert_true(found.requests <= found.heads && found.heads <= found.requests + 1);
    free(framing);
    return found;
}

static void assert_same(verdict a, verdict b) {
    assert_int_equal(a.status, b.status);
    assert_ptr_equal(a.detail, b.detail);
    assert_int_equal(a.heads, b.heads);
    assert_int_equal(a.requests, b.requests);
    assert_int_equal(a.ended, b.ended);
}

/* The verdict, which must be the same for every split in two and byte by byte. */
static verdict verdict_on(const char *data, size_t size) {
    verdict whole = verdict_of(data, size, size, 1);
    for (size_t first = 1; first < size && size < 1000; first++)
        assert_same(whole, verdict_of(data, size, first, size));
    assert_same(whole, verdict_of(data, size, 1, 1));
    assert_same(whole, verdict_of(data, size, 3, 7));
    return whole;
}

static unsigned status_of(const char *request) {
    verdict found = verdict_on(request, strlen(request));
    if (found.status == 0)
        assert_int_equal(found.ended, strlen(request)); /* the tests' requests are whole */
    else
        assert_int_equal(found.requests, 0);
    return found.status;
}

/* A GET with one more line in its head. */
static unsigned status_with(const char *header) {
    char request[3 * FD_HEADER_MAX];
    (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", header);
    return status_of(request);
}

/* Chunks after a head that says so. */
static unsigned status_of_chunks(const char *chunks) {
    char request[1000];
    (void)snprintf(request, sizeof(request),
                   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s", chunks);
    return status_of(request);
}

static void assert_status(unsigned status, unsigned (*of)(const char *text),
                          const char *const *texts) {
    for (; *texts; texts++) {
        unsigned found = of(*texts);
        if (found != status)
            fail_msg("%u instead of %u: %s", found, status, *texts);
    }
}

#define ASSERT_STATUS(status, of, ...)                                                             \
    assert_status(status, of, (const char *const[]){__VA_ARGS__, NULL})

static void a_request_line_is_a_method_a_target_and_a_version(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_of, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
                  "M-SEARCH /a?b HTTP/1.1\r\nHost: x\r\n\r\n",
                  "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_STATUS(400, status_of, "GET /\r\n\r\n", "GET\r\n\r\n", "/ HTTP/1.1\r\n",
                  "GET  / HTTP/1.1\r\n", "GET /  HTTP/1.1\r\n", "GET / HTTP/1.1 \r\n",
                  " GET / HTTP/1.1\r\n", "GET\t/\tHTTP/1.1\r\n", "GET / http/1.1\r\n",
                  "GET / HTTP/1.\r\n", "GET / HTTP/11\r\n", "GET / HTTP/1.10\r\n",
                  "GET / HTTP/01.1\r\n", "GET / HTTP/x.1\r\n", "GET / HTTP/1,1\r\n",
                  "G(T / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "GET /a b HTTP/1.1\r\n",
                  "\r\n\r\nGET / HTTP/1.1\r\n", "GET /%00 HTTP/1.1\r\n");
    ASSERT_STATUS(505, status_of, "GET / HTTP/2.0\r\n", "GET / HTTP/1.2\r\n", "GET / HTTP/0.9\r\n",
                  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    ASSERT_STATUS(501, status_of, "CONNECT x:1 HTTP/1.1\r\n", "TRACE / HTTP/1.1\r\n");
}

static void an_absolute_target_names_the_host_of_the_host_header(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_of, "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
                  "GET HTTPS://X:443/a?b HTTP/1.1\r\nA: b\r\nHost: x\r\n\r\n",
                  "GET http://x HTTP/1.1\r\nHost: X:80\r\n\r\n",
                  "GET http://[::1]:5/ HTTP/1.1\r\nHost: [::1]:5\r\n\r\n",
                  "GET http://x/ HTTP/1.0\r\n\r\n",
                  "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: y\r\n\r\n");
    ASSERT_STATUS(400, status_of, "GET http://x/ HTTP/1.1\r\nHost: y\r\n\r\n",
                  "GET http://x/ HTTP/1.1\r\nHost: x:1\r\n\r\n", "GET http://x/ HTTP/1.1\r\n\r\n",
                  "GET http:/// HTTP/1.1\r\n", "GET http://a@x/ HTTP/1.1\r\n",
                  "GET http://x:a/ HTTP/1.1\r\n", "GET http:x HTTP/1.1\r\n",
                  "GET file:///x HTTP/1.1\r\n");
}

static void a_line_ends_with_carriage_return_and_line_feed(void **state) {
    (void)state;
    ASSERT_STATUS(400, status_of, "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\n\r\n",
                  "GET / HTTP/1.1\r\nHost: x\r\n\n", "GET / HTTP/1.1\rHost: x\r\r",
                  "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", "\nGET / HTTP/1.1\r\n",
                  "GET / HTTP/1.1\r\nHost: x\rA\n\r\n");
}

static void control_characters_in_the_head_are_refused(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        char request[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b?c\r\n\r\n";
        size_t size = sizeof(request) - 1;
        *strrchr(request, '?') = (char)c;
        bool is_fine = c == '\t' || (c >= ' ' && c != 0x7f);
        assert_int_equal(verdict_on(request, size).status, is_fine ? 0 : 400);
    }
}

static void the_target_is_checked_and_limited_in_length(void **state) {
    (void)state;
    char request[3 * FD_REQUEST_TARGET_MAX];
    for (size_t more = 0; more < 3; more++) {
        char target[3 * FD_REQUEST_TARGET_MAX];
        size_t size = more == 2 ? 2 * FD_REQUEST_TARGET_MAX : FD_REQUEST_TARGET_MAX + more;
        memset(target, 'a', size);
        target[0] = '/';
        target[size] = '\0';
        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
        assert_int_equal(status_of(request), more == 0 ? 0 : 414);
    }
    ASSERT_STATUS(400, status_of, "GET /../a HTTP/1.1\r\n", "GET /a#b HTTP/1.1\r\n");
}

static void the_number_of_query_parameters_is_limited(void **state) {
    (void)state;
    for (int count = FD_PARAMETERS_MAX; count <= FD_PARAMETERS_MAX + 1; count++) {
        char request[1000] = "GET /?a";
        for (int i = 1; i < count; i++)
            (void)strcat(request, "&a");
        (void)strcat(request, " HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(status_of(request), count == FD_PARAMETERS_MAX ? 0 : 400);
    }
}

static void a_request_has_exactly_one_host_except_in_http_1_0(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_of, "GET / HTTP/1.1\r\nhOST:x\r\n\r\n",
                  "GET / HTTP/1.0\r\nHost: x\r\n\r\n", "GET / HTTP/1.0\r\nA: x\r\n\r\n");
    ASSERT_STATUS(400, status_of, "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nA: x\r\n\r\n",
                  "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n");
    ASSERT_STATUS(400, status_with, "Host: x", "HOST: y");
}

static unsigned status_of_host(const char *host) {
    char request[1000];
    (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost:%s\r\n\r\n", host);
    return status_of(request);
}

static void a_host_is_a_name_or_an_address_with_or_without_a_port(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_of_host, "x", " \ta.b-c_d~e.F9", "x:0", "127.0.0.1:65535", "[::1]",
                  "[fe80::1.2.3.4]:80");
    ASSERT_STATUS(400, status_of_host, "", " ", "x y", "x,y", "x:", "x:a", "x:123456", ":80", "u@x",
                  "x/", "[::1", "[]", "[x]", "[::1]x", "[::1]:", "x:1:2", "\xc3\xa9", "x%41", "x?");
    char longest[300];
    memset(longest, 'x', sizeof(longest));
    longest[256] = '\0';
    assert_int_equal(status_of_host(longest), 400);
    longest[255] = '\0';
    assert_int_equal(status_of_host(longest), 0);
}

static void content_length_is_one_number(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_with, "Content-Length: 0", "content-LENGTH:\t 00");
    ASSERT_STATUS(400, status_with, "Content-Length:", "Content-Length: +1", "Content-Length: -1",
                  "Content-Length: 0x1", "Content-Length: 1,1", "Content-Length: 1 1",
                  "Content-Length: 1a", "Content-Length: \"1\"", "Content-Length: 0 ",
                  "Content-Length: 1000000000000000", "Content-Length: 0\r\nContent-Length: 0",
                  "Content-Length: 0\r\ncontent-length: 5");
}

static void chunked_is_the_only_transfer_encoding_and_excludes_content_length(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_with, "Transfer-Encoding: chunked\r\n\r\n0",
                  "transfer-encoding:\tChunked\r\n\r\n0");
    ASSERT_STATUS(400, status_with, "Transfer-Encoding:", "Transfer-Encoding: gzip",
                  "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked",
                  "Transfer-Encoding: chunked, gzip", "Transfer-Encoding: chunked;x=1",
                  "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: ,chunked",
                  "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked ",
                  "Transfer-Encoding: \"chunked\"",
                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                  "Transfer-Encoding: chunked\r\nContent-Length: 0",
                  "Content-Length: 0\r\nTransfer-Encoding: chunked",
                  "Content-Length: 0\r\nTransfer-Encoding: identity");
    ASSERT_STATUS(400, status_of, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void a_header_is_one_line_and_its_name_is_a_token(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_with, "X_a.b-c~1!: y", "A:", "A::", "A: \xc3\xa9");
    ASSERT_STATUS(400, status_with, ": x", "A : x", "A\t: x", "a b: x", "a(b): x", "\xc3\xa9: x",
                  "A", " A: x", "A: x\r\n y", "A: x\r\n\ty", "Transfer-Encoding:\r\n chunked",
                  "Content-Length : 5");
}

static void some_headers_may_be_given_only_once(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_with, "A: x\r\nA: x", "Accept: a\r\nAccept: b",
                  "Upgrade: a\r\nUpgrade: b");
    ASSERT_STATUS(400, status_with, "Content-Type: a\r\ncontent-type: a",
                  "Authorization: a\r\nAuthorization: a", "Cookie: a=b\r\nCookie: c=d",
                  "Expect: 100-continue\r\nExpect: 100-continue",
                  "Content-Length: 0\r\ncontent-length: 0");
    ASSERT_STATUS(
        0, status_of,
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n{}");
    ASSERT_STATUS(400, status_with, "Expect: 100-continue",
                  "Expect: 100-continue\r\nContent-Length: 0");
    ASSERT_STATUS(417, status_with, "Expect: 200-ok", "Expect:", "Expect: 100-continue, x");
}

static void the_numbers_of_headers_and_cookies_are_limited(void **state) {
    (void)state;
    for (int count = FD_HEADERS_MAX; count <= FD_HEADERS_MAX + 1; count++) {
        char headers[1000] = "A: x";
        for (int i = 2; i < count; i++) /* and Host */
            (void)strcat(headers, "\r\nA: x");
        assert_int_equal(status_with(headers), count == FD_HEADERS_MAX ? 0 : 431);
    }
    for (int count = FD_COOKIES_MAX; count <= FD_COOKIES_MAX + 1; count++) {
        char cookies[1000] = "Cookie: a=b";
        for (int i = 1; i < count; i++)
            (void)strcat(cookies, ";a=b");
        assert_int_equal(status_with(cookies), count == FD_COOKIES_MAX ? 0 : 431);
    }
}

static void the_lengths_of_a_header_and_of_the_head_are_limited(void **state) {
    (void)state;
    static char headers[2 * FD_HEADER_MAX];
    memset(headers, 'a', sizeof(headers));
    headers[1] = ':';
    headers[FD_HEADER_MAX] = '\0';
    assert_int_equal(status_with(headers), 0);
    headers[FD_HEADER_MAX] = 'a';
    headers[FD_HEADER_MAX + 1] = '\0';
    assert_int_equal(status_with(headers), 431);

    /* Two lines that end just where the limit is, or one after. */
    size_t others = strlen("GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n");
    for (size_t more = 0; more < 2; more++) {
        size_t size = HEAD_MAX - others + more;
        memset(headers, 'a', size);
        headers[size] = '\0';
        headers[1] = ':';
        memcpy(headers + size / 2, "\r\na:", 4);
        assert_int_equal(status_with(headers), more == 0 ? 0 : 431);
    }
}

static void a_body_is_as_long_as_content_length(void **state) {
    (void)state;
    static const char two[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n"
                              "GET / \0\r\n\n\x7f\n"
                              "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    verdict found = verdict_on(two, sizeof(two) - 1);
    assert_int_equal(found.status, 0);
    assert_int_equal(found.requests, 2);
    assert_int_equal(found.ended, sizeof(two) - 1);
}

static void chunks_are_as_long_as_their_sizes(void **state) {
    (void)state;
    ASSERT_STATUS(0, status_of_chunks, "0\r\n\r\n", "5\r\n12345\r\n0\r\n\r\n",
                  "a\r\n0\r\n\r\n\r\n12\n\r\n0\r\n\r\n", "0A\r\n1234567890\r\n000\r\n\r\n");
    ASSERT_STATUS(400, status_of_chunks, "\r\n", " 0\r\n\r\n", "0 \r\n\r\n", "0x5\r\n", "-1\r\n",
                  "+1\r\n", "g\r\n", "1000000000000000\r\n", "5;a=b\r\n12345\r\n", "5\n", "5;\n",
                  "5\r\n123456\r\n", "5\r\n12345\n", "5\r\n12345\r5", "0\r\nA: x\r\n\r\n",
                  "0\r\n\n", "0\r\nx\r\n", "0\r\n\rx", "2\r\n1\r\n0\r\n\r\n");
}

static void a_chunk_size_is_refused_at_its_first_wrong_byte(void **state) {
    (void)state;
    static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    const char *const wrong[] = {"-", "g", " ", ";", "\r", "5 ", "5;", "000000000000000a"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++) {
        char data[200];
        int size = snprintf(data, sizeof(data), "%s%s", head, wrong[i]);
        assert_int_equal(verdict_on(data, (size_t)size).status, 400);
        assert_int_equal(verdict_on(data, (size_t)size - 1).status, 0);
    }
}

static void a_wrong_request_does_not_affect_the_ones_before_it(void **state) {
    (void)state;
    static const char first[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    char data[200];
    int size = snprintf(data, sizeof(data), "%s%s%s", first, first, "GET /\r\n\r\n");
    verdict found = verdict_on(data, (size_t)size);
    assert_int_equal(found.status, 400);
    assert_int_equal(found.requests, 2);
    assert_int_equal(found.ended, 2 * (sizeof(first) - 1));
}

static void a_request_does_not_affect_the_next_one(void **state) {
    (void)state;
    ASSERT_STATUS(
        0, status_of,
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n0\r\n\r\n"
        "\r\nPOST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx"
        "\r\nHEAD / HTTP/1.1\r\nHost: x\r\nContent-Type: a\r\n\r\n"
        "\r\nGET / HTTP/1.1\r\nHost: x\r\nContent-Type: a\r\n\r\n");
    char many[800 * 30] = "";
    for (int i = 0; i < 800; i++)
        (void)strcat(many, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    verdict found = verdict_on(many, strlen(many));
    assert_int_equal(found.status, 0);
    assert_int_equal(found.requests, 800);
}

static void the_verdict_on_random_bytes_does_not_depend_on_how_they_are_split(void **state) {
    (void)state;
    static const char *const parts[] = {"GET / HTTP/1.1\r\n",
                                        "Host: x\r\n",
                                        "\r\n",
                                        "0\r\n",
                                        "5\r\n",
                                        "Content-Length: 7\r\n",
                                        "Transfer-Encoding: chunked\r\n",
                                        "abcde\r\n",
                                        "\n",
                                        "\r",
                                        " ",
                                        "\t",
                                        ":",
                                        "a",
                                        "A: b\r\n"};
    uint64_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        char data[600] = "GET / HTTP/1.1\r\nHost: x\r\n";
        while (strlen(data) < 60) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            (void)strcat(data, parts[(seed >> 33) % FD_LENGTH(parts)]);
        }
        (void)verdict_on(data, strlen(data));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_line_is_a_method_a_target_and_a_version),
        cmocka_unit_test(an_absolute_target_names_the_host_of_the_host_header),
        cmocka_unit_test(a_line_ends_with_carriage_return_and_line_feed),
        cmocka_unit_test(control_characters_in_the_head_are_refused),
        cmocka_unit_test(the_target_is_checked_and_limited_in_length),
        cmocka_unit_test(the_number_of_query_parameters_is_limited),
        cmocka_unit_test(a_request_has_exactly_one_host_except_in_http_1_0),
        cmocka_unit_test(a_host_is_a_name_or_an_address_with_or_without_a_port),
        cmocka_unit_test(content_length_is_one_number),
        cmocka_unit_test(chunked_is_the_only_transfer_encoding_and_excludes_content_length),
        cmocka_unit_test(a_header_is_one_line_and_its_name_is_a_token),
        cmocka_unit_test(some_headers_may_be_given_only_once),
        cmocka_unit_test(the_numbers_of_headers_and_cookies_are_limited),
        cmocka_unit_test(the_lengths_of_a_header_and_of_the_head_are_limited),
        cmocka_unit_test(a_body_is_as_long_as_content_length),
        cmocka_unit_test(chunks_are_as_long_as_their_sizes),
        cmocka_unit_test(a_chunk_size_is_refused_at_its_first_wrong_byte),
        cmocka_unit_test(a_wrong_request_does_not_affect_the_ones_before_it),
        cmocka_unit_test(a_request_does_not_affect_the_next_one),
        cmocka_unit_test(the_verdict_on_random_bytes_does_not_depend_on_how_they_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

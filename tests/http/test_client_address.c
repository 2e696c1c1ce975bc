/* Addresses, networks, and the client behind proxies. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client_address.h"

static fd_address parsed(const char *text) {
    fd_address address;
    if (fd_address_parse(text, strlen(text), &address) < 0)
        fail_msg("\"%s\" is not taken for an address", text);
    return address;
}

static void assert_prints(const fd_address *address, const char *expected) {
    char text[INET6_ADDRSTRLEN];
    fd_address_print(address, text);
    assert_string_equal(text, expected);
}

/* ---- one address ---- */

static void an_address_may_have_a_port(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:80", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:DB8:0::1]:65535", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[::ffff:192.0.2.1]:80", "192.0.2.1"},
        {"::", "unknown"},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        fd_address address = parsed(cases[i][0]);
        assert_prints(&address, cases[i][1]);
    }
}

static void anything_but_an_address_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "unknown",
        "_hidden",
        "localhost",
        "192.0.2",
        "192.0.2.1.1",
        "192.0.2.256",
        "0300.0.2.1",
        "0x7f.1",
        "192.0.2.1:",
        "192.0.2.1:http",
        "192.0.2.1:80:80",
        "192.0.2.1:123456",
        "192.0.2.1 ",
        "192.0.2.1/24",
        "[192.0.2.1]",
        "[192.0.2.1]:80",
        "2001:db8::1::2",
        "2001:db8::12345",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]80",
        "[2001:db8::1]:",
        "[2001:db8::1]:x",
        "fe80::1%eth0",
        "\"[2001:db8::1]\"",
        "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001",
    };
    fd_address address;
    for (size_t i = 0; i < FD_LENGTH(cases); i++)
        if (fd_address_parse(cases[i], strlen(cases[i]), &address) != -EINVAL)
            fail_msg("\"%s\" is taken for an address", cases[i]);
    assert_int_equal(fd_address_parse("192.0.2.1\0x", 11, &address), -EINVAL);
}

static void only_the_given_length_is_read(void **state) {
    (void)state;
    fd_address address;
    assert_int_equal(fd_address_parse("192.0.2.12, 10.0.0.1", 9, &address), 0);
    assert_prints(&address, "192.0.2.1");
}

static void a_socket_address_is_the_same_as_its_text(void **state) {
    (void)state;
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    (void)inet_pton(AF_INET, "192.0.2.1", &ipv4.sin_addr);
    (void)inet_pton(AF_INET6, "2001:db8::1", &ipv6.sin6_addr);
    fd_address address = fd_address_of((struct sockaddr *)&ipv4), expected = parsed("192.0.2.1");
    assert_memory_equal(&address, &expected, sizeof(address));
    address = fd_address_of((struct sockaddr *)&ipv6);
    expected = parsed("2001:db8::1");
    assert_memory_equal(&address, &expected, sizeof(address));
    (void)inet_pton(AF_INET6, "::ffff:192.0.2.1", &ipv6.sin6_addr);
    address = fd_address_of((struct sockaddr *)&ipv6);
    assert_prints(&address, "192.0.2.1");
    address = fd_address_of(&other);
    assert_prints(&address, "unknown");
    address = fd_address_of(NULL);
    assert_prints(&address, "unknown");
}

/* ---- networks ---- */

static bool contains(const char *list, const char *text) {
    FD_CLEANUP(fd_networks_clear) fd_networks networks = {0};
    fd_fault fault = {0};
    if (fd_networks_parse(list, &networks, &fault) < 0)
        fail_msg("\"%s\": %s", list, fault.detail);
    fd_address address = parsed(text);
    return fd_networks_contain(&networks, &address);
}

static void a_network_contains_the_addresses_that_share_its_first_bits(void **state) {
    (void)state;
    static const struct {
        const char *list, *address;
        bool inside;
    } cases[] = {
        {"", "127.0.0.1", false},
        {" , ", "127.0.0.1", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.1", "::1", false},
        {"::1", "::1", true},
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "a00::", false},
        {"192.168.1.128/25", "192.168.1.127", false},
        {"192.168.1.128/25", "192.168.1.128", true},
        {"192.168.1.1/32", "192.168.1.0", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "1.2.3.4", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"fc00::/7", "fdff::1", true},
        {"fc00::/7", "fe00::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"10.0.0.1,::1 192.0.2.0/24", "192.0.2.77", true},
        {"10.0.0.1,::1 192.0.2.0/24", "::1", true},
        {"10.0.0.1, ::1,\t192.0.2.0/24,", "10.0.0.1", true},
        {"10.0.0.1,::1 192.0.2.0/24", "10.0.0.2", false},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++)
        if (contains(cases[i].list, cases[i].address) != cases[i].inside)
            fail_msg("%s in \"%s\": %d expected", cases[i].address, cases[i].list, cases[i].inside);
}

static void the_fault_names_an_entry_that_is_neither_address_nor_network(void **state) {
    (void)state;
    static const char *const cases[] = {
        "example.com", "10.0.0.0/33", "::/129",   "10.0.0.0/",    "10.0.0.0/-1",
        "10.0.0.0/8x", "10.0.0.0/+8", "10.0.0/8", "10.0.0.1/8",   "fd00::/7",
        "10.0.0.0/ 8", "/8",          "[::1]",    "127.0.0.1:80", "10.0.0.0;10.0.0.1",
        "10.0.0.0/08x"};
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        char list[128];
        fd_networks networks = {0};
        fd_fault fault = {0};
        (void)snprintf(list, sizeof(list), "127.0.0.1, %s", cases[i]);
        if (fd_networks_parse(list, &networks, &fault) != -EINVAL)
            fail_msg("\"%s\" is taken for a network", cases[i]);
        assert_null(networks.networks);
        assert_non_null(strstr(fault.detail, "is neither an address nor a network"));
    }
}

/* ---- the client ---- */

static fd_client find(const char *peer, const char *const *forwarded, size_t n, const char *proto,
                      bool is_encrypted) {
    FD_CLEANUP(fd_networks_clear) fd_networks trusted = {0};
    fd_fault fault = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(fd_networks_parse("127.0.0.1, 10.0.0.0/8, fd00::/8", &trusted, &fault), 0);
    assert_int_equal(inet_pton(AF_INET, peer, &address.sin_addr), 1);
    return fd_client_identify(&trusted, (struct sockaddr *)&address, forwarded, n, proto,
                              is_encrypted);
}

static void assert_unknown(const char *peer, const char *forwarded) {
    assert_string_equal(find(peer, &forwarded, 1, NULL, false).text, "unknown");
}

static void assert_client(const char *peer, const char *forwarded, const char *expected) {
    fd_client client = find(peer, &forwarded, forwarded ? 1 : 0, NULL, false);
    fd_address address = parsed(expected);
    if (strcmp(client.text, expected) != 0)
        fail_msg("\"%s\" by %s is %s, not %s", forwarded, peer, client.text, expected);
    assert_memory_equal(&client.address, &address, sizeof(address));
}

static void the_client_is_the_rightmost_address_that_is_not_trusted(void **state) {
    (void)state;
    assert_client("192.0.2.1", NULL, "192.0.2.1");
    assert_client("192.0.2.1", "198.51.100.1", "192.0.2.1");
    assert_client("192.0.2.1", "10.0.0.1", "192.0.2.1");
    assert_client("127.0.0.1", NULL, "127.0.0.1");
    assert_unknown("127.0.0.1", "");
    assert_unknown("127.0.0.1", ", 10.0.0.1");
    assert_client("127.0.0.1", "198.51.100.1", "198.51.100.1");
    assert_client("127.0.0.1", " 198.51.100.1:4711 ", "198.51.100.1");
    assert_client("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1");
    assert_client("127.0.0.1", "203.0.113.9,198.51.100.1,10.0.0.1", "198.51.100.1");
    assert_client("127.0.0.1", "203.0.113.9, 198.51.100.1,\t10.0.0.1 , fd00::7", "198.51.100.1");
    assert_client("10.1.2.3", "2001:db8::1", "2001:db8::1");
    assert_client("10.1.2.3", "[2001:db8::1]:443", "2001:db8::1");
    assert_client("10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1");
}

static void a_trusted_proxy_that_names_no_client_is_told_from_a_client(void **state) {
    (void)state;
    static const char *const empty = "", *const named = "127.0.0.1";
    assert_true(find("127.0.0.1", NULL, 0, NULL, false).is_proxy);
    assert_true(find("10.1.2.3", NULL, 0, "https", true).is_proxy);
    assert_false(find("192.0.2.1", NULL, 0, NULL, false).is_proxy);
    assert_false(find("127.0.0.1", &named, 1, NULL, false).is_proxy);
    assert_string_equal(find("127.0.0.1", &named, 1, NULL, false).text, "127.0.0.1");
    assert_false(fd_address_is_loopback(
        &(fd_address[]){find("127.0.0.1", &empty, 1, NULL, false).address}[0]));
}

static void a_client_whose_entry_is_not_an_address_is_unknown(void **state) {
    (void)state;
    static const char *const lists[] = {
        "unknown",
        "198.51.100.1, unknown",
        "198.51.100.1,",
        "198.51.100.1,,10.0.0.1",
        "198.51.100.1 10.0.0.1",
        "198.51.100.1, <script>, 10.0.0.1",
    };
    for (size_t i = 0; i < FD_LENGTH(lists); i++) {
        fd_client client = find("127.0.0.1", &lists[i], 1, NULL, false);
        assert_string_equal(client.text, "unknown");
        assert_false(fd_address_is_loopback(&client.address));
    }
    assert_client("127.0.0.1", "?, 198.51.100.1", "198.51.100.1");
}

static void several_headers_are_one_list(void **state) {
    (void)state;
    static const char *const headers[] = {"203.0.113.9", "198.51.100.1, 10.0.0.1", "10.0.0.2"};
    assert_string_equal(find("127.0.0.1", headers, 3, NULL, false).text, "198.51.100.1");
    assert_string_equal(find("127.0.0.1", headers, 1, NULL, false).text, "203.0.113.9");
    static const char *const broken[] = {"203.0.113.9", "?", "10.0.0.2"};
    assert_string_equal(find("127.0.0.1", broken, 3, NULL, false).text, "unknown");
}

static void only_a_trusted_proxy_says_whether_its_client_is_encrypted(void **state) {
    (void)state;
    static const struct {
        const char *peer, *proto;
        bool is_encrypted, expected;
    } cases[] = {
        {"127.0.0.1", NULL, false, false},         {"127.0.0.1", NULL, true, true},
        {"127.0.0.1", "https", false, true},       {"127.0.0.1", "HTTPS", false, true},
        {"127.0.0.1", "http", true, false},        {"127.0.0.1", "", true, false},
        {"127.0.0.1", "https,http", false, false}, {"127.0.0.1", "http, https", false, true},
        {"127.0.0.1", "httpsx", false, false},     {"192.0.2.1", "https", false, false},
        {"192.0.2.1", "http", true, true},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++)
        assert_int_equal(
            find(cases[i].peer, NULL, 0, cases[i].proto, cases[i].is_encrypted).is_secure,
            cases[i].expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_may_have_a_port),
        cmocka_unit_test(anything_but_an_address_is_refused),
        cmocka_unit_test(only_the_given_length_is_read),
        cmocka_unit_test(a_socket_address_is_the_same_as_its_text),
        cmocka_unit_test(a_network_contains_the_addresses_that_share_its_first_bits),
        cmocka_unit_test(the_fault_names_an_entry_that_is_neither_address_nor_network),
        cmocka_unit_test(the_client_is_the_rightmost_address_that_is_not_trusted),
        cmocka_unit_test(a_trusted_proxy_that_names_no_client_is_told_from_a_client),
        cmocka_unit_test(a_client_whose_entry_is_not_an_address_is_unknown),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(only_a_trusted_proxy_says_whether_its_client_is_encrypted),
    };
    return cmocka_run_group_tests_name("client_address", tests, NULL, NULL);
}

/* The certificate that is served, when GnuTLS runs out of memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <gnutls/x509.h>

#include "tls.h"

static const char certificate_path[] = "certificate.pem", key_path[] = "key.pem";

/* GnuTLS's allocation number `failing`, counted from 1, fails; 0: none. */
static size_t allocations, failing;
static gnutls_alloc_function usual_malloc;
static gnutls_calloc_function usual_calloc;

static void *failing_malloc(size_t size) {
    return ++allocations == failing ? NULL : usual_malloc(size);
}

static void *failing_calloc(size_t n, size_t size) {
    return ++allocations == failing ? NULL : usual_calloc(n, size);
}

static void fail_at(size_t number) {
    allocations = 0;
    failing = number;
}

static void write_data(const char *path, gnutls_datum_t data) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data.data, 1, data.size, file), data.size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    gnutls_free(data.data);
}

/* A self-signed certificate and its key, in the current folder. */
static void make_pair(void) {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t data;
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(
                         key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &data), 0);
    write_data(key_path, data);
    assert_int_equal(gnutls_x509_crt_init(&certificate), 0);
    assert_int_equal(gnutls_x509_crt_set_version(certificate, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(certificate, "1", 1), 0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(certificate, time(NULL)), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(certificate, time(NULL) + 3600), 0);
    assert_int_equal(gnutls_x509_crt_set_key(certificate, key), 0);
    assert_int_equal(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &data), 0);
    write_data(certificate_path, data);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
}

static int begin(void **state) {
    static char folder[] = "/tmp/fisherd-tls-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    make_pair();
    *state = folder;
    usual_malloc = gnutls_malloc;
    usual_calloc = gnutls_calloc;
    gnutls_malloc = failing_malloc;
    gnutls_calloc = failing_calloc;
    return 0;
}

static int end(void **state) {
    gnutls_malloc = usual_malloc;
    gnutls_calloc = usual_calloc;
    assert_int_equal(unlink(certificate_path), 0);
    assert_int_equal(unlink(key_path), 0);
    return rmdir(*state);
}

static int load(fd_tls **ret, fd_fault *fault) {
    *fault = (fd_fault){0};
    return fd_tls_load(certificate_path, key_path, ret, fault);
}

/* Does what GnuTLS does in a handshake with the certificate that it gets. */
static int shake_hands(void) {
    gnutls_pcert_st *certificates;
    gnutls_ocsp_data_st *ocsp;
    gnutls_privkey_t key;
    unsigned n, ocsp_n, flags;
    if (fd_tls_find(NULL, NULL, &certificates, &n, &ocsp, &ocsp_n, &key, &flags) < 0)
        return -1;
    assert_int_equal(n, 1);
    assert_int_equal(flags, GNUTLS_CERT_RETR_DEINIT_ALL);
    assert_true(!ocsp && ocsp_n == 0);
    gnutls_pcert_deinit(&certificates[0]);
    gnutls_free(certificates);
    gnutls_privkey_deinit(key);
    return 0;
}

/* GnuTLS reports some of its own failures as malformed input, but none as a pair that does not
 * belong together. */
static void without_memory_loading_a_certificate_fails_and_works_again_afterwards(void **state) {
    (void)state;
    fd_tls *tls;
    fd_fault fault = {0};
    fail_at(0);
    assert_int_equal(load(&tls, &fault), 0);
    fd_tls_free(tls);
    size_t all = allocations;
    assert_true(all > 10);
    /* The first is in gnutls_load_file, which checks malloc but not a replacement of it. */
    for (size_t number = 2; number <= all; number++) {
        fail_at(number);
        int r = load(&tls, &fault);
        assert_true(r == -ENOMEM || r == -EINVAL);
        assert_null(strstr(fault.detail, "does not belong"));
        fail_at(0);
        assert_int_equal(load(&tls, &fault), 0);
        fd_tls_free(tls);
    }
}

static void without_memory_a_handshake_fails_and_the_next_one_works(void **state) {
    (void)state;
    fd_tls *tls;
    fd_fault fault = {0};
    fail_at(0);
    assert_int_equal(load(&tls, &fault), 0);
    assert_int_equal(shake_hands(), -1); /* nothing is served yet */
    fd_tls_serve(tls);
    fail_at(0);
    assert_int_equal(shake_hands(), 0);
    size_t all = allocations;
    assert_true(all > 5);
    for (size_t number = 1; number <= all; number++) {
        fail_at(number);
        assert_int_equal(shake_hands(), -1);
        fail_at(0);
        assert_int_equal(shake_hands(), 0);
    }
    fd_tls_serve(NULL);
    assert_int_equal(shake_hands(), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_loading_a_certificate_fails_and_works_again_afterwards),
        cmocka_unit_test(without_memory_a_handshake_fails_and_the_next_one_works),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

/* Loads the certificate and key of TLS, and hands copies of them to handshakes. */
#include "tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "secret.h"
#include "thread.h"

enum { KEY_MAX = 64 << 10, KEY_ID_SIZE = 32 };

struct fd_tls {
    gnutls_x509_crt_t *certificates; /* [n] */
    unsigned n;
    gnutls_x509_privkey_t key;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static fd_tls *served; /* guarded by lock */

void fd_tls_free(fd_tls *tls) {
    for (unsigned i = 0; i < tls->n; i++)
        gnutls_x509_crt_deinit(tls->certificates[i]);
    gnutls_free(tls->certificates);
    gnutls_x509_privkey_deinit(tls->key);
    free(tls);
}

/* ---- loading ---- */

static int refuse(fd_fault *fault, const char *path, int error) {
    if (error == GNUTLS_E_MEMORY_ERROR)
        return -ENOMEM;
    return fd_fault_set(fault, -EINVAL, "", "%s: %s", path, gnutls_strerror(error));
}

static int load_certificates(fd_tls *tls, const char *path, fd_fault *fault) {
    gnutls_datum_t data = {0};
    int error = gnutls_load_file(path, &data);
    if (error == 0)
        error = gnutls_x509_crt_list_import2(&tls->certificates, &tls->n, &data,
                                             GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(data.data);
    return error < 0 ? refuse(fault, path, error) : 0;
}

static int load_key(fd_tls *tls, const char *path, fd_fault *fault) {
    FD_FREE char *text = NULL;
    size_t size;
    int r = fd_secret_read(path, KEY_MAX, &text, &size, fault);
    if (r < 0)
        return r;
    gnutls_datum_t data = {(unsigned char *)text, (unsigned)size};
    int error = gnutls_x509_privkey_init(&tls->key);
    if (error == 0)
        error = gnutls_x509_privkey_import2(tls->key, &data, GNUTLS_X509_FMT_PEM, NULL,
                                            GNUTLS_PKCS_PLAIN);
    explicit_bzero(text, size);
    return error < 0 ? refuse(fault, path, error) : 0;
}

/* The first certificate must belong to the key. */
static int check_pair(const fd_tls *tls, const char *certificate_path, const char *key_path,
                      fd_fault *fault) {
    unsigned char one[KEY_ID_SIZE], other[KEY_ID_SIZE];
    size_t one_size = sizeof(one), other_size = sizeof(other);
    int error =
        gnutls_x509_crt_get_key_id(tls->certificates[0], GNUTLS_KEYID_USE_SHA256, one, &one_size);
    if (error == 0)
        error =
            gnutls_x509_privkey_get_key_id(tls->key, GNUTLS_KEYID_USE_SHA256, other, &other_size);
    if (error < 0)
        return refuse(fault, certificate_path, error);
    if (memcmp(one, other, KEY_ID_SIZE) != 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "the certificate in %s does not belong to the key in %s",
                            certificate_path, key_path);
    return 0;
}

static void warn_if_expired(const fd_tls *tls, const char *path) {
    if (gnutls_x509_crt_get_expiration_time(tls->certificates[0]) < time(NULL))
        fd_log(FD_LOG_WARNING, "certificate-expired", FD_STR("file", path));
}

int fd_tls_load(const char *certificate_path, const char *key_path, fd_tls **ret, fd_fault *fault) {
    FD_CLEANUP(fd_tls_freep) fd_tls *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return -ENOMEM;
    int r = load_certificates(tls, certificate_path, fault);
    if (r == 0)
        r = load_key(tls, key_path, fault);
    if (r == 0)
        r = check_pair(tls, certificate_path, key_path, fault);
    if (r != 0)
        return r;
    warn_if_expired(tls, certificate_path);
    *ret = FD_STEAL(tls);
    return 0;
}

/* ---- serving ---- */

static fd_tls *exchange_served(fd_tls *tls) {
    FD_WRITE_LOCKED(&lock);
    fd_tls *old = served;
    served = tls;
    return old;
}

void fd_tls_serve(fd_tls *tls) {
    fd_tls *old = exchange_served(tls);
    if (old)
        fd_tls_free(old);
}

static void free_array(gnutls_pcert_st **copies) {
    gnutls_free(*copies);
}

static void free_key(gnutls_privkey_t *key) {
    gnutls_privkey_deinit(*key);
}

static int copy_pair(const fd_tls *tls, gnutls_pcert_st **ret_certificates, unsigned *ret_n,
                     gnutls_privkey_t *ret_key) {
    unsigned n = tls->n;
    FD_CLEANUP(free_array) gnutls_pcert_st *copies = gnutls_calloc(n, sizeof(*copies));
    FD_CLEANUP(free_key) gnutls_privkey_t key = NULL;
    int error = copies ? gnutls_privkey_init(&key) : GNUTLS_E_MEMORY_ERROR;
    if (error == 0)
        error = gnutls_privkey_import_x509(key, tls->key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (error == 0)
        error = gnutls_pcert_import_x509_list(copies, tls->certificates, &n, 0);
    if (error < 0)
        return error;
    *ret_certificates = FD_STEAL(copies);
    *ret_n = n;
    *ret_key = FD_STEAL(key);
    return 0;
}

/* Each handshake gets copies, so that the certificate can be replaced meanwhile. */
int fd_tls_find(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                gnutls_pcert_st **ret_certificates, unsigned *ret_n, gnutls_ocsp_data_st **ret_ocsp,
                unsigned *ret_ocsp_n, gnutls_privkey_t *ret_key, unsigned *ret_flags) {
    (void)session;
    (void)info;
    *ret_ocsp = NULL;
    *ret_ocsp_n = 0;
    *ret_flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    FD_READ_LOCKED(&lock);
    int error = served ? copy_pair(served, ret_certificates, ret_n, ret_key)
                       : GNUTLS_E_NO_CERTIFICATE_FOUND;
    return error < 0 ? -1 : 0;
}

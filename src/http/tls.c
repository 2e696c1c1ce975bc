#include "tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "secret.h"

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
    if (tls->key)
        gnutls_x509_privkey_deinit(tls->key);
    free(tls);
}

/* ---- loading ---- */

static int refuse(fd_fault *fault, const char *path, int error) {
    if (error == GNUTLS_E_MEMORY_ERROR)
        return -ENOMEM;
    return fd_fault_set(fault, -EINVAL, "", "%s: %s", path, gnutls_strerror(error));
}

static void free_data(gnutls_datum_t *data) {
    if (data->data)
        explicit_bzero(data->data, data->size);
    free(data->data);
}

static int load_certificates(fd_tls *tls, const char *path, fd_fault *fault) {
    FD_CLEANUP(free_data) gnutls_datum_t data = {0};
    int error = gnutls_load_file(path, &data);
    if (error == 0)
        error = gnutls_x509_crt_list_import2(&tls->certificates, &tls->n, &data,
                                             GNUTLS_X509_FMT_PEM, 0);
    return error < 0 ? refuse(fault, path, error) : 0;
}

static int load_key(fd_tls *tls, const char *path, fd_fault *fault) {
    FD_CLEANUP(free_data) gnutls_datum_t data = {0};
    char *text;
    size_t size;
    int r = fd_secret_read(path, KEY_MAX, &text, &size, fault);
    if (r < 0)
        return r;
    data = (gnutls_datum_t){(unsigned char *)text, (unsigned)size};
    int error = gnutls_x509_privkey_init(&tls->key);
    if (error == 0)
        error = gnutls_x509_privkey_import2(tls->key, &data, GNUTLS_X509_FMT_PEM, NULL,
                                            GNUTLS_PKCS_PLAIN);
    return error < 0 ? refuse(fault, path, error) : 0;
}

/* Whether the first certificate is that of the key. */
static bool belong_together(const fd_tls *tls) {
    unsigned char one[KEY_ID_SIZE], other[KEY_ID_SIZE];
    size_t one_size = sizeof(one), other_size = sizeof(other);
    return tls->n > 0 &&
           gnutls_x509_crt_get_key_id(tls->certificates[0], GNUTLS_KEYID_USE_SHA256, one,
                                      &one_size) == 0 &&
           gnutls_x509_privkey_get_key_id(tls->key, GNUTLS_KEYID_USE_SHA256, other, &other_size) ==
               0 &&
           one_size == other_size && memcmp(one, other, one_size) == 0;
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
    if (r < 0)
        return r;
    if (!belong_together(tls))
        return fd_fault_set(fault, -EINVAL, "", "the certificate in %s is not of the key in %s",
                            certificate_path, key_path);
    warn_if_expired(tls, certificate_path);
    *ret = FD_STEAL(tls);
    return 0;
}

/* ---- serving ---- */

void fd_tls_serve(fd_tls *tls) {
    (void)pthread_rwlock_wrlock(&lock);
    fd_tls *old = served;
    served = tls;
    (void)pthread_rwlock_unlock(&lock);
    if (old)
        fd_tls_free(old);
}

static void free_copies(gnutls_pcert_st *copies, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        gnutls_pcert_deinit(&copies[i]);
    gnutls_free(copies);
}

static int copy_certificates(const fd_tls *tls, gnutls_pcert_st **ret) {
    gnutls_pcert_st *copies = gnutls_calloc(tls->n, sizeof(*copies));
    if (!copies)
        return GNUTLS_E_MEMORY_ERROR;
    for (unsigned i = 0; i < tls->n; i++) {
        int error = gnutls_pcert_import_x509(&copies[i], tls->certificates[i], 0);
        if (error < 0) {
            free_copies(copies, i);
            return error;
        }
    }
    *ret = copies;
    return 0;
}

static int copy_key(const fd_tls *tls, gnutls_privkey_t *ret) {
    gnutls_privkey_t copy;
    int error = gnutls_privkey_init(&copy);
    if (error < 0)
        return error;
    error = gnutls_privkey_import_x509(copy, tls->key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (error < 0) {
        gnutls_privkey_deinit(copy);
        return error;
    }
    *ret = copy;
    return 0;
}

/* Each handshake gets copies of its own, so that another certificate may be served meanwhile. */
int fd_tls_find(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                gnutls_pcert_st **ret_certificates, unsigned *ret_n, gnutls_ocsp_data_st **ret_ocsp,
                unsigned *ret_ocsp_n, gnutls_privkey_t *ret_key, unsigned *ret_flags) {
    (void)session;
    (void)info;
    gnutls_pcert_st *copies = NULL;
    (void)pthread_rwlock_rdlock(&lock);
    unsigned n = served ? served->n : 0;
    int error = served ? copy_certificates(served, &copies) : GNUTLS_E_NO_CERTIFICATE_FOUND;
    if (error == 0)
        error = copy_key(served, ret_key);
    (void)pthread_rwlock_unlock(&lock);
    if (error < 0) {
        if (copies)
            free_copies(copies, n);
        return -1;
    }
    *ret_certificates = copies;
    *ret_n = n;
    *ret_ocsp = NULL;
    *ret_ocsp_n = 0;
    *ret_flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    return 0;
}

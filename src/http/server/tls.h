/*
 * The certificate for new connections, through libmicrohttpd's GnuTLS. The process has one, because
 * GnuTLS's callback does not say which server it asks for.
 */
#ifndef FD_TLS_H
#define FD_TLS_H

#include <gnutls/abstract.h>

#include "fault.h"
#include "macros.h"

/* TLS 1.2 and 1.3, with forward secrecy. */
#define FD_TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE"

typedef struct fd_tls fd_tls;

/* Reads a certificate, with its chain, and its key, both in PEM. -EINVAL with a fault where they
 * cannot be parsed or do not belong together. The key is read as fd_secret_read does. */
int fd_tls_load(const char *certificate_path, const char *key_path, fd_tls **ret,
                fd_fault *fault) FD_MUST_CHECK;
void fd_tls_free(fd_tls *tls);
FD_DEFINE_CLEANUP(fd_tls, fd_tls_free)

/* Handshakes use this one from now on; NULL: none. Takes it. */
void fd_tls_serve(fd_tls *tls);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK2. */
gnutls_certificate_retrieve_function3 fd_tls_find;

#endif

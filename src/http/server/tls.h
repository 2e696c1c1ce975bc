/*
 * The certificate that new connections are served by, through libmicrohttpd's GnuTLS. There is one
 * for the process, because GnuTLS asks for it without saying for whom.
 */
#ifndef FD_TLS_H
#define FD_TLS_H

#include <gnutls/abstract.h>

#include "fault.h"
#include "macros.h"

/* TLS 1.2 and 1.3 with keys that do not outlive their connection. */
#define FD_TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE"

typedef struct fd_tls fd_tls;

/* A certificate with those that vouch for it, and its key, both PEM. -EINVAL with a fault where
 * they are no such or do not belong together; the key is read as fd_secret_read does. */
int fd_tls_load(const char *certificate_path, const char *key_path, fd_tls **ret,
                fd_fault *fault) FD_MUST_CHECK;
void fd_tls_free(fd_tls *tls);
FD_DEFINE_CLEANUP(fd_tls, fd_tls_free)

/* Handshakes from now on use this one, which must not be freed any more, or none. */
void fd_tls_serve(fd_tls *tls);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK2. */
gnutls_certificate_retrieve_function3 fd_tls_find;

#endif

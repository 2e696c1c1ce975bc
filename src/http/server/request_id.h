/* Request ids: each request has one, which its response, its problem document and the log repeat.
 */
#ifndef FD_REQUEST_ID_H
#define FD_REQUEST_ID_H

enum { FD_REQUEST_ID_SIZE = 65 }; /* with the NUL */

void fd_request_id_make(char id[static FD_REQUEST_ID_SIZE]);

/* Takes the client's own id if it has 1 to 64 letters, digits, '.', '_' and '-' alone, and makes
 * one otherwise. NULL: the client gave none. */
void fd_request_id_choose(const char *given, char id[static FD_REQUEST_ID_SIZE]);

#endif

/* The server's state, which its files share. */
#ifndef FD_SERVER_STATE_H
#define FD_SERVER_STATE_H

#include <pthread.h>
#include <stdbool.h>

#include "client_address.h"
#include "connection_slots.h"
#include "memory_budget.h"
#include "server.h"

struct MHD_Daemon;

struct fd_server {
    fd_server_options options;
    fd_server_hooks hooks;
    fd_metrics *metrics;
    struct MHD_Daemon *daemon;
    fd_networks trusted; /* proxies */
    int socket;          /* listens */
    uint16_t port;
    fd_memory_budget *memory;    /* of all requests */
    fd_memory_budget own_memory; /* unless the options name another one */

    pthread_mutex_t lock;
    pthread_cond_t changed;    /* a request ended while draining, or stopping began */
    fd_connection_slots slots; /* guarded by lock, as all below */
    unsigned running;          /* requests between their body's end, or that of the headers of a
                                  streamed one, and their completion */
    bool is_draining;          /* fd_server_stop waits for `running` to reach 0 */
    bool is_stopping;
    pthread_t deadline_thread; /* closes connections whose deadline has passed */
};

#endif

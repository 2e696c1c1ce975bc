/* Calls the daemon over HTTP, with libcurl. */
#include "http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct fd_client {
    CURL *curl;
    struct curl_slist *headers;
    char url[128];
};

int fd_client_new(const char *url, fd_client **ret) {
    FD_CLEANUP(fd_client_freep) fd_client *client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    (void)snprintf(client->url, sizeof(client->url), "%s", url);
    client->curl = curl_easy_init();
    client->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!client->curl || !client->headers)
        return -ENOMEM;
    *ret = FD_STEAL(client);
    return 0;
}

void fd_client_free(fd_client *client) {
    curl_slist_free_all(client->headers);
    curl_easy_cleanup(client->curl);
    free(client);
}

static size_t on_data(char *data, size_t size, size_t n, void *context) {
    return fwrite(data, size, n, context);
}

static int perform(fd_client *client, const char *method, const char *path, const char *body,
                   FILE *out, long *status, fd_fault *fault) {
    char url[512];
    (void)snprintf(url, sizeof(url), "%s%s", client->url, path);
    curl_easy_reset(client->curl);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, out);
    if (body) {
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode code = curl_easy_perform(client->curl);
    if (code != CURLE_OK)
        return fd_fault_set(fault, -ECONNREFUSED, "", "%s %s: %s", method, url,
                            curl_easy_strerror(code));
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, status);
    return 0;
}

int fd_client_call(fd_client *client, const char *method, const char *path, json_t *body,
                   json_t **ret, fd_fault *fault) {
    FD_JSON json_t *given = body;
    FD_FREE char *text = given ? json_dumps(given, JSON_COMPACT) : NULL;
    if (given && !text)
        return -ENOMEM;
    FD_FREE char *response = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&response, &size);
    if (!out)
        return -ENOMEM;

    long status = 0;
    int r = perform(client, method, path, text, out, &status, fault);
    if (fclose(out) != 0)
        return -ENOMEM;
    if (r < 0)
        return r;
    *ret = json_loadb(response, size, 0, NULL);
    if (*ret && status / 100 == 2)
        return 0;
    json_decref(*ret);
    *ret = NULL;
    return fd_fault_set(fault, -EPROTO, "", "%s %s answered %ld: %.200s", method, path, status,
                        response);
}

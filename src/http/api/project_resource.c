/* /v1/project: shows and changes the settings of the project. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "prior_scores.h"
#include "problem.h"
#include "project.h"

/* ---- the project as JSON ---- */

static int add_score(json_t *scores, const char *name, fd_trust trust, size_t items, size_t all) {
    return json_object_set_new(scores, name,
                               json_pack("{s:s, s:I, s:I}", "trust", fd_trust_names[trust], "items",
                                         (json_int_t)items, "missing", (json_int_t)(all - items)));
}

/* Scores that items have, then those that have settings only. */
static json_t *scores_json(const fd_project_settings *settings, const fd_score_counts *counts) {
    json_t *scores = json_object();
    int r = scores ? 0 : -1;
    for (size_t i = 0; i < counts->n && r == 0; i++)
        r = add_score(scores, counts->names[i],
                      fd_project_settings_trust(settings, counts->names[i]), counts->counts[i],
                      counts->items);
    for (size_t i = 0; i < settings->n_scores && r == 0; i++)
        if (!json_object_get(scores, settings->scores[i].name))
            r = add_score(scores, settings->scores[i].name, settings->scores[i].trust, 0,
                          counts->items);
    if (r < 0)
        json_decref(FD_STEAL(scores));
    return scores;
}

static json_t *project_json(fd_engine *engine, const fd_project_state *project) {
    fd_score_counts counts = fd_engine_score_counts(engine);
    bool is_changed = project->version > 0;
    const char *author = project->author[0] != '\0' ? project->author : NULL;
    return json_pack("{s:I, s:s?, s:o, s:I, s:s, s:o}", "version", (json_int_t)project->version,
                     "author", author, "changed_at",
                     is_changed ? fd_json_time(project->created_ms) : json_null(), "items",
                     (json_int_t)counts.items, "better_length",
                     fd_better_length_names[project->settings.better_length], "scores",
                     scores_json(&project->settings, &counts));
}

static void print_tag(const fd_project_state *project, char tag[static 40]) {
    (void)snprintf(tag, 40, "\"%llu\"", (unsigned long long)project->version);
}

static void respond(const fd_request *request, fd_response *response,
                    const fd_project_state *project) {
    fd_json_respond(response, 200, project_json(request->engine, project));
    if (response->status == 200)
        print_tag(project, response->etag);
}

void fd_project_get(const fd_request *request, fd_response *response) {
    fd_project_state project;
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_engine_project(request->engine, &project);
    respond(request, response, &project);
}

/* ---- PATCH ---- */

/* Whether one element of an If-Match header is a tag. Compression makes a tag a weak one; a version
 * is the same with it. */
static bool is_tag(const char *text, size_t size, const char *tag) {
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    if (size == 1 && *text == '*')
        return true;
    bool is_weak = size > 2 && strncmp(text, "W/", 2) == 0;
    text += is_weak ? 2 : 0;
    size -= is_weak ? 2 : 0;
    return size == strlen(tag) && strncmp(text, tag, size) == 0;
}

static bool matches(const char *header, const fd_project_state *project) {
    char tag[40];
    print_tag(project, tag);
    for (const char *at = header; *at; at += *at == ',') {
        at += strspn(at, " \t");
        size_t size = strcspn(at, ",");
        if (is_tag(at, size, tag))
            return true;
        at += size;
    }
    return false;
}

enum { TRIES = 100 };

/* -ECANCELED: the version is not the one that the client expects. */
static int change(const fd_request *request, const json_t *patch, fd_project_state *ret,
                  fd_fault *fault) {
    const char *name = request->identity->name;
    int r = -EEXIST;
    /* Without a condition a patch applies to whatever is there. */
    for (int i = 0; i < TRIES && r == -EEXIST; i++) {
        fd_engine_project(request->engine, ret);
        if (request->if_match && !matches(request->if_match, ret))
            return -ECANCELED;
        fd_project_settings settings = ret->settings;
        r = fd_project_settings_merge(&settings, patch, fault);
        if (r == 0)
            r = fd_engine_project_change(request->engine, ret->version, &settings,
                                         name[0] != '\0' ? name : NULL, ret);
    }
    return r == -EEXIST ? -EBUSY : r;
}

void fd_project_patch(const fd_request *request, fd_response *response) {
    FD_JSON json_t *patch = NULL;
    fd_fault fault = {.more = request->more_faults};
    fd_project_state project;
    if (!fd_query_accept_none(&request->query, response))
        return;
    int r = fd_json_parse(request->body, request->body_size, &patch, &fault);
    if (r == 0)
        r = change(request, patch, &project, &fault);
    if (r == -ECANCELED)
        fd_problem(response, 412, "the project has another version than If-Match names");
    else if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        respond(request, response, &project);
}

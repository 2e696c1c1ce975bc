/* POST /v1/label-studio/webhook: annotations of Label Studio become labels. The id of a label is
 * made from that of its annotation, so that a repeat changes nothing, an annotation that was
 * updated is a correction, and a deleted one a retraction. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "label_studio_tasks.h"
#include "labels.h"
#include "problem.h"

enum { ANNOTATIONS_MAX = 20000, NAME_SIZE = 48 };

/* What a call has done. */
struct done {
    size_t accepted, corrected, retracted, created;
};

/* An annotation; the strings are made of its numbers. */
struct annotation {
    char id[NAME_SIZE];
    char annotator[NAME_SIZE];
    fd_label label; /* without the items */
};

/* ---- members ---- */

static int read_list(const json_t *root, const char *name, fd_task_list *ret, fd_fault *fault) {
    const fd_path at = {.name = name};
    *ret = (fd_task_list){name, json_object_get(root, name)};
    if (!json_is_array(ret->value) && !json_is_object(ret->value))
        return fd_json_fault(fault, &at, "is missing: the webhook must send its payload");
    if (json_array_size(ret->value) > ANNOTATIONS_MAX)
        return fd_json_fault(fault, &at, "must have at most %d elements", ANNOTATIONS_MAX);
    return 0;
}

static int member_fault(const fd_task_list *list, size_t i, const char *member, const char *detail,
                        fd_fault *fault) {
    const fd_path name = {.name = list->name};
    const fd_path element = {.parent = &name, .index = i};
    return fd_json_member_fault(fault, json_is_array(list->value) ? &element : &name, member,
                                detail);
}

static int read_id(const fd_task_list *list, size_t i, char id[static NAME_SIZE], fd_fault *fault) {
    const json_t *number = json_object_get(fd_task_list_get(list, i), "id");
    if (!json_is_integer(number))
        return member_fault(list, i, "id", "must be the number of an annotation", fault);
    (void)snprintf(id, NAME_SIZE, "label-studio-%lld", (long long)json_integer_value(number));
    return 0;
}

/* A number, or the user as an object. */
static void read_annotator(const json_t *annotation, char name[static NAME_SIZE]) {
    const json_t *by = json_object_get(annotation, "completed_by");
    const json_t *number = json_is_object(by) ? json_object_get(by, "id") : by;
    if (json_is_integer(number))
        (void)snprintf(name, NAME_SIZE, "label-studio-user-%lld",
                       (long long)json_integer_value(number));
    else
        (void)snprintf(name, NAME_SIZE, "label-studio");
}

static bool has_tie(const json_t *value) {
    const json_t *choices = json_object_get(value, "choices");
    const char *choice = json_string_value(json_array_get(choices, 0));
    return choice && strcmp(choice, "tie") == 0;
}

/* A tie stands beside the side that may have been selected before. Without either, somebody looked
 * and did not decide: a skip. */
static fd_preference preference_of(const json_t *annotation) {
    const json_t *results = json_object_get(annotation, "result");
    fd_preference preference = FD_PREFER_SKIP;
    if (json_is_true(json_object_get(annotation, "was_cancelled")))
        return FD_PREFER_SKIP;
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *value = json_object_get(json_array_get(results, i), "value");
        const char *selected = json_string_value(json_object_get(value, "selected"));
        if (has_tie(value))
            return FD_PREFER_TIE;
        if (selected && strcmp(selected, "left") == 0)
            preference = FD_PREFER_A;
        else if (selected && strcmp(selected, "right") == 0)
            preference = FD_PREFER_B;
    }
    return preference;
}

static int64_t duration_of(const json_t *annotation) {
    double seconds = json_number_value(json_object_get(annotation, "lead_time"));
    return seconds > 0 && seconds < (double)FD_INTEGER_MAX / 1e3 ? llround(seconds * 1e3) : -1;
}

static int read_annotation(const fd_task_list *list, size_t i, struct annotation *ret,
                           fd_fault *fault) {
    const json_t *annotation = fd_task_list_get(list, i);
    int r = read_id(list, i, ret->id, fault);
    if (r < 0)
        return r;
    if (!json_is_array(json_object_get(annotation, "result")))
        return member_fault(list, i, "result", "must be a list", fault);
    read_annotator(annotation, ret->annotator);
    ret->label = (fd_label){.id = ret->id,
                            .preference = preference_of(annotation),
                            .annotator = ret->annotator,
                            .duration_ms = duration_of(annotation)};
    return 0;
}

/* ---- the task of each annotation ---- */

/* As a rule the tasks are in the order of the annotations. */
static int find_task(const fd_task_list *annotations, const fd_task_list *tasks, size_t i,
                     size_t *ret, fd_fault *fault) {
    size_t n = fd_task_list_count(tasks);
    const json_t *wanted = json_object_get(fd_task_list_get(annotations, i), "task");
    for (size_t k = 0; k < n; k++) {
        *ret = (i + k) % n;
        if (!json_is_array(tasks->value) ||
            json_equal(json_object_get(fd_task_list_get(tasks, *ret), "id"), wanted))
            return 0;
    }
    return member_fault(annotations, i, "task", "is not the number of a task that is sent", fault);
}

/* ---- created and updated ---- */

static int revise(const fd_request *request, const fd_label *label, struct done *done) {
    uint32_t revision;
    int r = fd_engine_label_revise(request->engine, label->id, NULL, label->preference,
                                   label->duration_ms, NULL, &revision);
    done->corrected += r == 0;
    return r;
}

/* A label that is there already, with other content or with an older one of the same. */
static int add_one(const fd_request *request, const fd_label *label, bool is_update,
                   struct done *done, fd_fault *fault) {
    fd_added added = {0};
    int r = fd_engine_labels_add(request->engine, label, 1, &added, fault);
    if (r == -EEXIST || (r == 0 && added.unchanged > 0 && is_update)) {
        *fault = (fd_fault){0};
        return revise(request, label, done);
    }
    done->accepted += added.created;
    return r;
}

/* A fault that points at "/labels/i/a" is about the data of the task. */
static int locate(const fd_task_list *tasks, const size_t *task_of, int error, fd_fault *fault) {
    static const char list[] = "/labels/";
    const fd_fault told = *fault;
    if (strncmp(told.pointer, list, sizeof(list) - 1) != 0)
        return error;
    char *end;
    size_t i = strtoul(told.pointer + sizeof(list) - 1, &end, 10);
    const json_t *data = json_object_get(fd_task_list_get(tasks, task_of[i]), "data");
    bool is_b = strcmp(end, "/b") == 0, has_ids = json_object_get(data, "item1") != NULL;
    const char *const members[2][2] = {{"text1", "text2"}, {"item1", "item2"}};
    return fd_task_list_fault(tasks, task_of[i], members[has_ids][is_b], told.detail, fault);
}

static int add_all(const fd_request *request, const fd_label *labels, size_t n, bool is_update,
                   struct done *done, fd_fault *fault) {
    fd_added added = {0};
    int r = n > 1 || !is_update ? fd_engine_labels_add(request->engine, labels, n, &added, fault)
                                : -EEXIST;
    done->accepted = r == 0 ? added.created : 0;
    if (r != -EEXIST)
        return r;
    *fault = (fd_fault){0};
    for (size_t i = 0; i < n; i++) {
        r = add_one(request, &labels[i], is_update, done, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_annotations(const fd_request *request, const json_t *root, bool is_update,
                            struct done *done, fd_fault *fault) {
    fd_task_list annotations, tasks;
    int r = read_list(root, "annotation", &annotations, fault);
    if (r == 0)
        r = read_list(root, "task", &tasks, fault);
    if (r < 0)
        return r;
    size_t n = fd_task_list_count(&annotations), n_tasks = fd_task_list_count(&tasks);
    r = fd_request_take_memory(request,
                               n * (sizeof(struct annotation) + sizeof(fd_label) + sizeof(size_t)) +
                                   n_tasks * sizeof(fd_task_pair),
                               fault);
    if (r < 0)
        return r;
    FD_FREE struct annotation *read = calloc(n ? n : 1, sizeof(*read));
    FD_FREE fd_label *labels = calloc(n ? n : 1, sizeof(*labels));
    FD_FREE size_t *task_of = calloc(n ? n : 1, sizeof(*task_of));
    FD_FREE fd_task_pair *pairs = calloc(n_tasks ? n_tasks : 1, sizeof(*pairs));
    if (!read || !labels || !task_of || !pairs)
        return -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = read_annotation(&annotations, i, &read[i], fault);
        if (r == 0)
            r = find_task(&annotations, &tasks, i, &task_of[i], fault);
    }
    if (r == 0)
        r = fd_task_pairs_find(request, &tasks, pairs, &done->created, fault);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        labels[i] = read[i].label;
        labels[i].a = pairs[task_of[i]].a;
        labels[i].b = pairs[task_of[i]].b;
    }
    r = add_all(request, labels, n, is_update, done, fault);
    return r < 0 ? locate(&tasks, task_of, r, fault) : 0;
}

/* ---- deleted ---- */

/* One that never came is not here either. */
static int retract_annotations(const fd_request *request, const json_t *root, struct done *done,
                               fd_fault *fault) {
    char id[NAME_SIZE];
    uint32_t revision;
    fd_task_list list;
    int r = read_list(root, "annotations", &list, fault);
    size_t n = r == 0 ? fd_task_list_count(&list) : 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_id(&list, i, id, fault);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = read_id(&list, i, id, fault);
        if (r == 0)
            r = fd_engine_label_revise(request->engine, id, NULL, FD_PREFER_RETRACTED, -1, NULL,
                                       &revision);
        done->retracted += r == 0;
        r = r == -ENOENT ? 0 : r;
    }
    return r;
}

/* ---- POST /v1/label-studio/webhook ---- */

static bool is_one_of(const char *action, const char *one, const char *other) {
    return strcmp(action, one) == 0 || strcmp(action, other) == 0;
}

static int take(const fd_request *request, struct done *done, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    int r = fd_json_parse(request->body, request->body_size, &root, fault);
    if (r < 0)
        return r;
    const char *action = json_string_value(json_object_get(root, "action"));
    if (!action)
        return fd_json_fault(fault, &(fd_path){.name = "action"}, "must be a text");
    if (is_one_of(action, "ANNOTATION_CREATED", "ANNOTATIONS_CREATED"))
        return take_annotations(request, root, false, done, fault);
    if (strcmp(action, "ANNOTATION_UPDATED") == 0)
        return take_annotations(request, root, true, done, fault);
    if (is_one_of(action, "ANNOTATIONS_DELETED", "ANNOTATION_DELETED"))
        return retract_annotations(request, root, done, fault);
    return 0; /* projects, tasks, the button for training: the daemon trains by itself */
}

void fd_label_studio_webhook(const fd_request *request, fd_response *response) {
    struct done done = {0};
    fd_fault fault = {0};
    if (!fd_query_accept_none(&request->query, response))
        return;
    int r = take(request, &done, &fault);
    response->is_audited = done.created + done.corrected + done.retracted > 0 &&
                           request->identity->authentication != FD_AUTHENTICATION_NONE;
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_respond(response, 200,
                        json_pack("{s:s, s:I, s:I, s:I}", "status", "ok", "accepted",
                                  (json_int_t)done.accepted, "corrected",
                                  (json_int_t)done.corrected, "retracted",
                                  (json_int_t)done.retracted));
}

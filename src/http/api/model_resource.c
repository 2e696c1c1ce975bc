/* /v1/model: the model that serves, its progress, and training on request. */
#include <errno.h>
#include <math.h>

#include "coefficients_json.h"
#include "embedder_json.h"
#include "embedder_record.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "learning_progress.h"
#include "model_versions.h"
#include "model_versions_resource.h"
#include "problem.h"
#include "trainer.h"

/* ---- GET /v1/model ---- */

static const char *const trainer_states[] = {
    [FD_TRAINER_IDLE] = "idle",
    [FD_TRAINER_TRAINING] = "training",
    [FD_TRAINER_FAILED] = "failed",
};

/* 0 until the first item sets it. */
static json_t *size_json(size_t size) {
    return size > 0 ? json_integer((json_int_t)size) : json_null();
}

static json_t *shape_json(const fi_shape *shape) {
    return json_pack("{s:o, s:I, s:I, s:I}", "inputs", size_json(shape->inputs), "components",
                     (json_int_t)shape->components, "hidden_layers",
                     (json_int_t)shape->hidden_layers, "hidden_width",
                     (json_int_t)shape->hidden_width);
}

static json_t *trainer_json(const fd_model_info *model) {
    bool training = model->worker == FD_TRAINER_TRAINING;
    return json_pack("{s:s, s:o}", "state", trainer_states[model->worker], "progress",
                     training ? fd_json_real(model->progress) : json_null());
}

/* ---- its progress ---- */

static json_t *curve_json(const fd_progress *progress) {
    FD_JSON json_t *rows = json_array();
    for (size_t i = 0; i < progress->n_curve; i++) {
        const fd_curve_point *point = &progress->curve[i];
        json_t *row = json_pack("{s:I, s:I, s:I, s:o, s:o}", "version", (json_int_t)point->version,
                                "labels", (json_int_t)point->labels, "held_out_labels",
                                (json_int_t)point->held_out_labels, "held_out_loss",
                                fd_json_real(point->held_out_loss), "held_out_accuracy",
                                fd_json_real(point->held_out_accuracy));
        if (json_array_append_new(rows, row) < 0)
            return NULL;
    }
    return FD_STEAL(rows);
}

static json_t *arm_json(const fd_arm_fit *arm) {
    return json_pack("{s:I, s:o, s:o, s:o}", "held_out_labels", (json_int_t)arm->labels,
                     "held_out_accuracy", fd_json_real(arm->accuracy), "held_out_accuracy_low",
                     fd_json_real(arm->accuracy_low), "held_out_accuracy_high",
                     fd_json_real(arm->accuracy_high));
}

/* Without an exam null. A difference is that to the last stage, of the same answers. */
static json_t *exam_json(const fi_exam *exam) {
    if (exam->answers == 0)
        return json_null();
    FD_JSON json_t *stages = json_array();
    for (size_t k = 0; k < FI_EXAM_STAGES; k++) {
        bool last = k + 1 == FI_EXAM_STAGES;
        json_t *stage =
            json_pack("{s:o, s:o, s:o, s:o}", "labels", fd_json_real(exam->labels[k]), "loss",
                      fd_json_real(exam->losses[k]), "difference",
                      fd_json_real(exam->losses[k] - exam->losses[FI_EXAM_STAGES - 1]), "stddev",
                      fd_json_real(last ? 0.0 : sqrt(exam->covariance[k][k])));
        if (json_array_append_new(stages, stage) < 0)
            return NULL;
    }
    return json_pack("{s:I, s:O}", "answers", (json_int_t)exam->answers, "stages", stages);
}

static json_t *choosing_json(const fi_choosing *choosing) {
    if (choosing->answers == 0)
        return json_null();
    return json_pack("{s:I, s:o, s:o}", "answers", (json_int_t)choosing->answers, "loss_difference",
                     fd_json_real(choosing->loss_difference), "stddev",
                     fd_json_real(choosing->stddev));
}

static json_t *progress_json(const fd_progress *progress) {
    const char *warning = progress->selection_warning;
    return json_pack("{s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:o, s:b, s:s, s:s?, s:o, s:o}",
                     "gain_per_label", fd_json_real(progress->gain_per_label), "gain_trend",
                     fd_json_real(progress->gain_trend), "curve", curve_json(progress), "arms",
                     "active", arm_json(&progress->arms.active), "control",
                     arm_json(&progress->arms.control), "expected_loss_at_double",
                     fd_json_real(progress->expected_loss_at_double), "expected_improvement",
                     fd_json_real(progress->expected_improvement), "expected_improvement_high",
                     fd_json_real(progress->expected_improvement_high), "stop_recommended",
                     progress->stop_recommended, "stop_reason", progress->stop_reason,
                     "selection_warning", *warning ? warning : NULL, "exam",
                     exam_json(&progress->exam), "choosing", choosing_json(&progress->choosing));
}

/* The figures of the version, and the state of the daemon. */
static json_t *model_json(const fd_model_info *model, const fd_progress *progress,
                          const fd_embedder_row *embedder) {
    FD_JSON json_t *figures = fd_model_figures_json(&model->row);
    FD_JSON json_t *coefficients = fd_coefficients_json(&model->coefficients);
    json_t *whole =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
                  (json_int_t)model->version, "items", (json_int_t)model->items, "labels",
                  (json_int_t)model->labels, "labels_fitted", (json_int_t)model->labels_fitted,
                  "refits", (json_int_t)model->refits, "logdet", fd_json_real(model->logdet),
                  "features", size_json(model->feature_count), "shape", shape_json(&model->shape),
                  "worker", trainer_json(model), "progress", progress_json(progress), "embedder",
                  embedder ? fd_embedder_json(embedder) : json_null());
    if (json_object_update(whole, figures) < 0 || json_object_update(whole, coefficients) < 0)
        json_decref(FD_STEAL(whole));
    return whole;
}

void fd_model_get(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_model_info model;
    fd_progress progress;
    fd_engine_progress(request->engine, &progress);
    FD_FREE fd_embedder_row *embedder = NULL;
    int r = fd_engine_model(request->engine, &model);
    if (r == 0)
        r = fd_engine_embedder(request->engine, &embedder);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond(response, 200, model_json(&model, &progress, embedder));
}

/* ---- POST /v1/model/train ---- */

static const char *const starts[] = {
    [FD_RETRAIN_SCRATCH] = "scratch",
    [FD_RETRAIN_WARM] = "warm",
    [FD_RETRAIN_AUTO] = "auto",
    NULL,
};

struct train_body {
    int from;
};

static const fd_field train_fields[] = {
    {"from", FD_FIELD_ENUM, .offset = offsetof(struct train_body, from), .choices = starts},
};

static int read_train(const fd_request *request, struct train_body *ret, fd_fault *fault) {
    if (request->body_size == 0)
        return 0;
    FD_JSON json_t *root = NULL;
    return fd_json_read_body(request->body, request->body_size, train_fields,
                             FD_LENGTH(train_fields), &root, ret, fault);
}

void fd_model_train(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {.more = request->more_faults};
    struct train_body body = {.from = FD_RETRAIN_CONFIGURED};
    int r = read_train(request, &body, &fault);
    if (r == 0)
        r = fd_engine_train(request->engine, (fd_retrain)body.from, &fault);
    if (r == -EAGAIN)
        fd_problem_coded(response, FD_PROBLEM_NOTHING_TO_LEARN, fault.detail);
    else if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_respond(response, 202, json_pack("{s:s}", "status", "accepted"));
}

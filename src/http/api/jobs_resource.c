/* /v1/jobs: lists embedding jobs, tells how far one is, and cancels one. */
#include <errno.h>
#include <stdlib.h>

#include "embedding_worker.h"
#include "handlers.h"
#include "job_json.h"
#include "json_read.h"
#include "json_write.h"
#include "log.h"
#include "problem.h"

/* ---- GET /v1/jobs ---- */

struct jobs_query {
    int64_t limit;
    int64_t cursor; /* sequence of the last job of the page before */
};

static const fd_parameter jobs_parameters[] = {
    {"limit", FD_PARAMETER_INTEGER, .offset = offsetof(struct jobs_query, limit), .min = 1,
     .max = FD_PAGE_LIMIT_MAX},
    {"cursor", FD_PARAMETER_INTEGER, .offset = offsetof(struct jobs_query, cursor), .min = 1,
     .max = FD_INTEGER_MAX},
};

struct page {
    fd_json_text text;
    struct jobs_query query;
    int64_t last;
    bool more;
};

static void page_clear(struct page *page) {
    fd_json_text_clear(&page->text);
}

static int visit_job(void *context, const fd_embedding_job_row *row) {
    struct page *page = context;
    if (page->text.rows == (size_t)page->query.limit) {
        page->more = true;
        return 1;
    }
    page->last = row->sequence;
    return fd_json_text_add_row(&page->text, fd_job_json(row));
}

void fd_jobs_list(const fd_request *request, fd_response *response) {
    FD_CLEANUP(page_clear)
    struct page page = {.query = {.limit = FD_PAGE_LIMIT, .cursor = FD_INTEGER_MAX}};
    if (!fd_query_accept(&request->query, jobs_parameters, FD_LENGTH(jobs_parameters), &page.query,
                         response))
        return;
    fd_json_text_add(&page.text, "{\"jobs\":[");
    int r = fd_engine_embedding_jobs_read(request->engine, page.query.cursor,
                                          (size_t)page.query.limit + 1, visit_job, &page);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond_page(response, &page.text, page.more, page.last);
}

/* ---- one job ---- */

static int find(const fd_request *request, fd_embedding_job_row **ret, fd_response *response) {
    int r = fd_engine_embedding_job_find(request->engine, request->id, ret);
    if (r == -ENOENT)
        fd_problem(response, 404, "there is no job with this id");
    else if (r < 0)
        fd_problem_of(response, r, NULL);
    return r;
}

void fd_job_get(const fd_request *request, fd_response *response) {
    FD_FREE fd_embedding_job_row *row = NULL;
    if (!fd_query_accept_none(&request->query, response) || find(request, &row, response) < 0)
        return;
    fd_json_respond(response, 200, fd_job_json(row));
}

/* It has ended: cancelled before, or otherwise. */
static void respond_ended(const fd_request *request, fd_response *response) {
    FD_FREE fd_embedding_job_row *row = NULL;
    if (find(request, &row, response) < 0)
        return;
    if (row->state == FD_EMBEDDING_JOB_CANCELLED)
        fd_json_respond(response, 200, fd_job_json(row));
    else
        fd_problem(response, 409, "the job has ended already");
}

void fd_job_cancel(const fd_request *request, fd_response *response) {
    FD_FREE fd_embedding_job_row *row = NULL;
    response->is_audited = request->identity->authentication != FD_AUTHENTICATION_NONE;
    if (!fd_query_accept_none(&request->query, response) || find(request, &row, response) < 0)
        return;
    row->state = FD_EMBEDDING_JOB_CANCELLED;
    row->error = NULL;
    int r = fd_engine_embedding_job_write(request->engine, row, NULL, 0);
    if (r == 0) {
        fd_embedding_worker_cancelled(request->embedding_worker, row->id);
        fd_metrics_add(fd_engine_metrics(request->engine), FD_METRIC_EMBEDDING_JOBS_ENDED,
                       "cancelled", NULL, 1);
        fd_log(FD_LOG_INFO, "embedding-job-ended", FD_STR("job", row->id),
               FD_STR("state", "cancelled"), FD_INT("items", row->items),
               FD_INT("embedded", row->done));
    }
    if (r == 0 || r == -ECANCELED)
        respond_ended(request, response);
    else
        fd_problem_of(response, r, NULL);
}

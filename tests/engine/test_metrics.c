/* The text of the metrics page. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

static void a_family_without_a_series_is_not_printed(void **state) {
    (void)state;
    FD_CLEANUP(fd_metrics_freep) fd_metrics *metrics = NULL;
    assert_int_equal(fd_metrics_new(&metrics), 0);
    FD_FREE char *text = fixture_metrics(metrics);
    assert_string_equal(text, "");
}

static void counters_add_up_by_their_labels(void **state) {
    (void)state;
    FD_CLEANUP(fd_metrics_freep) fd_metrics *metrics = NULL;
    assert_int_equal(fd_metrics_new(&metrics), 0);
    fd_metrics_add(metrics, FD_METRIC_REQUESTS, "items", "200", 1);
    fd_metrics_add(metrics, FD_METRIC_REQUESTS, "items", "200", 1);
    fd_metrics_add(metrics, FD_METRIC_REQUESTS, "items", "422", 1);
    FD_FREE char *text = fixture_metrics(metrics);
    assert_non_null(strstr(text, "# TYPE fisherd_http_requests_total counter\n"));
    assert_non_null(
        strstr(text, "fisherd_http_requests_total{route=\"items\",status=\"200\"} 2\n"));
    assert_non_null(
        strstr(text, "fisherd_http_requests_total{route=\"items\",status=\"422\"} 1\n"));
}

static void a_histogram_is_cumulative_and_its_last_bucket_counts_all(void **state) {
    (void)state;
    FD_CLEANUP(fd_metrics_freep) fd_metrics *metrics = NULL;
    assert_int_equal(fd_metrics_new(&metrics), 0);
    fd_metrics_observe(metrics, FD_METRIC_SELECTION_SECONDS, "greedy", NULL, 0.001);
    fd_metrics_observe(metrics, FD_METRIC_SELECTION_SECONDS, "greedy", NULL, 0.002);
    fd_metrics_observe(metrics, FD_METRIC_SELECTION_SECONDS, "greedy", NULL, 100);
    FD_FREE char *text = fixture_metrics(metrics);
    const char *name = "fisherd_selection_duration_seconds";
    static const struct {
        const char *suffix;
        const char *value;
    } lines[] = {
        {"_bucket{strategy=\"greedy\",le=\"0.0005\"}", "0"},
        {"_bucket{strategy=\"greedy\",le=\"0.001\"}", "1"},
        {"_bucket{strategy=\"greedy\",le=\"0.0025\"}", "2"},
        {"_bucket{strategy=\"greedy\",le=\"10\"}", "2"},
        {"_bucket{strategy=\"greedy\",le=\"+Inf\"}", "3"},
        {"_count{strategy=\"greedy\"}", "3"},
    };
    for (size_t i = 0; i < FD_LENGTH(lines); i++) {
        char line[128];
        (void)snprintf(line, sizeof(line), "%s%s %s\n", name, lines[i].suffix, lines[i].value);
        assert_non_null(strstr(text, line));
    }
}

static void an_unknown_gauge_prints_nan(void **state) {
    (void)state;
    FD_CLEANUP(fd_metrics_freep) fd_metrics *metrics = NULL;
    assert_int_equal(fd_metrics_new(&metrics), 0);
    fd_metrics_set(metrics, FD_METRIC_HELD_OUT_LOSS, NULL, NULL, NAN);
    FD_FREE char *text = fixture_metrics(metrics);
    assert_non_null(strstr(text, "fisherd_model_held_out_loss NaN\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_without_a_series_is_not_printed),
        cmocka_unit_test(counters_add_up_by_their_labels),
        cmocka_unit_test(a_histogram_is_cumulative_and_its_last_bucket_counts_all),
        cmocka_unit_test(an_unknown_gauge_prints_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

"""The metrics, in Prometheus' text format."""

import re
import shutil
import subprocess

import pytest

from client import label, labels_by_first_number, wait_until

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\S+)")


def parse(text):
    """Reads Prometheus' text format strictly: {family: kind}, {(name, labels): value}."""
    assert text.endswith("\n")
    kinds, helps, samples = {}, set(), {}
    family = None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            assert family not in helps, f"{family} is described twice"
            helps.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and name not in kinds
            assert kind in ("counter", "gauge", "histogram")
            kinds[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, f"no sample: {line!r}"
            name = found[1]
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name == family or kinds[family] == "histogram" and base == family, line
            key = name, frozenset(re.findall(LABEL, found[2] or ""))
            assert key not in samples, f"a series is there twice: {line}"
            samples[key] = float(found[3])
    assert helps == set(kinds)
    return kinds, samples


def value(samples, name, **labels):
    return samples.get((name, frozenset(f'{k}="{v}"' for k, v in labels.items())))


def total(samples, name, **labels):
    wanted = {f'{k}="{v}"' for k, v in labels.items()}
    return sum(v for (n, found), v in samples.items() if n == name and wanted <= found)


def check_histograms(kinds, samples):
    for family in (name for name, kind in kinds.items() if kind == "histogram"):
        series = {}
        for (name, labels), amount in samples.items():
            if name == family + "_bucket":
                bound, = (text for text in labels if text.startswith('le="'))
                series.setdefault(labels - {bound}, []).append((float(bound[4:-1]), amount))
        assert series, family
        for labels, buckets in series.items():
            buckets.sort()
            amounts = [amount for _, amount in buckets]
            assert amounts == sorted(amounts), "buckets are cumulative"
            assert buckets[-1][0] == float("inf")
            assert amounts[-1] == samples[family + "_count", labels]
            assert samples[family + "_sum", labels] >= 0


@pytest.fixture
def busy(daemon, items):
    labels = labels_by_first_number(items, 60)
    daemon.add_labels(labels)
    daemon.add_labels([label("tie", "p0-r0", "p0-r1", "tie"), label("skip", "p0-r0", "p0-r1", "skip")])
    daemon.train()
    for strategy in ("greedy", "dopt"):
        daemon.select(batch_size=3, strategy=strategy, generate={"mode": "cross_prompt", "pairs": 9,
                                                                 "include_labelled": True})
    daemon.call("GET", "/nowhere/at/all")
    daemon.call("POST", "/v1/items", {"items": 7})
    return daemon


def test_the_text_is_what_prometheus_reads(busy):
    response = busy.call("GET", "/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    kinds, samples = parse(response.body.decode())
    check_histograms(kinds, samples)
    for name, kind in kinds.items():
        assert name.startswith("fisherd_")
        assert (kind == "counter") == name.endswith("_total")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_no_complaints(busy):
    done = subprocess.run(["promtool", "check", "metrics"], input=busy.metrics(), text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_figures_match_what_happened(busy):
    # A request is counted after its response, and a version serves before its training has ended.
    last = {"fisherd_retrains_total": {}, "fisherd_retrain_duration_seconds_count": {}}
    wait_until(lambda: all(total(parse(busy.metrics())[1], name, **labels) == 1
                           for name, labels in last.items()), "the training")
    wait_until(lambda: all(total(parse(busy.metrics())[1], "fisherd_http_requests_total", status=status) == 1
                           for status in ("404", "422")), "the count of the requests")
    wait_until(lambda: value(parse(busy.metrics())[1], "fisherd_worker_training") == 0, "its end")
    kinds, samples = parse(busy.metrics())
    assert value(samples, "fisherd_items") == 12
    assert total(samples, "fisherd_labels") == 62
    for preference in ("tie", "skip"):
        assert value(samples, "fisherd_labels", preference=preference) == 1
    assert value(samples, "fisherd_model_version") == 1
    assert total(samples, "fisherd_retrains_total") == 1
    assert value(samples, "fisherd_retrain_duration_seconds_count") == 1
    assert value(samples, "fisherd_worker_training") == 0
    for strategy in ("greedy", "dopt"):
        assert value(samples, "fisherd_selection_duration_seconds_count", strategy=strategy) == 1
    assert total(samples, "fisherd_build_info") == 1
    assert "fisherd_information_log_determinant" in kinds
    assert total(samples, "fisherd_http_requests_total", status="404") == 1
    assert total(samples, "fisherd_http_requests_total", status="422") == 1


def test_the_log_determinant_is_that_of_the_model(busy):
    _, samples = parse(busy.metrics())
    logdet = value(samples, "fisherd_information_log_determinant")
    assert logdet == pytest.approx(busy.model()["logdet"], rel=1e-6)
    before = busy.select(batch_size=1, generate={
        "mode": "in_prompt", "pairs": 18, "include_labelled": True})["diagnostics"]["logdet_before"]
    assert logdet == pytest.approx(before, rel=1e-6)


def test_input_does_not_create_series(busy):
    before = {key for key in parse(busy.metrics())[1] if "http" in key[0]}
    for i in range(20):
        busy.call("GET", f"/v1/items/unknown-{i}")
        busy.call("GET", f"/nowhere/{i}")
        busy.call(f"BREW{i}", "/livez")
    after = {key for key in parse(busy.metrics())[1] if "http" in key[0]}
    assert len(after) < len(before) + 40
    assert not any(re.search(r"unknown-|nowhere|BREW", text) for _, labels in after for text in labels)


def test_requests_are_counted_one_by_one(busy):
    def count():
        return total(parse(busy.metrics())[1], "fisherd_http_requests_total", status="404")
    wait_until(lambda: count() == 1, "the one before")
    for _ in range(7):
        busy.call("GET", "/v1/items/nobody")
    wait_until(lambda: count() == 8, "all of them")

"""The last layer learns from labels as they arrive."""

from client import Daemon, labels_by_first_number, plane_items, wait_until

REFIT = {"model": "linear", "refit": "yes", "held-out": 0}


def label(number, preference="a"):
    return {"id": f"l{number}", "a": "p0-r0", "b": "p0-r1", "preference": preference,
            "annotator": "ann"}


def gap(daemon):
    scores = daemon.post("/v1/score", {"items": ["p0-r0", "p0-r1"]})["scores"]
    return scores[0]["reward"] - scores[1]["reward"]


def wait_fitted(daemon, labels):
    wait_until(lambda: daemon.model()["labels_fitted"] == labels, "a refit")


def test_answers_move_rewards_within_the_version(db, items):
    with Daemon(db, REFIT) as daemon:
        daemon.add_items(items)
        before = gap(daemon)
        daemon.add_labels([label(1), label(2)])
        wait_fitted(daemon, 2)
        model = daemon.model()
        assert model["version"] == 0
        assert model["labels"] == 2
        assert model["refits"] == 1
        assert gap(daemon) > before + 0.01
        for line in ('fisherd_refits_total{result="published"} 1', "fisherd_refit_seconds_count 1",
                     "fisherd_label_to_model_seconds_count 1"):
            wait_until(lambda line=line: line in daemon.metrics(), line)


def test_a_training_takes_over_from_the_refits_before_it(db, items):
    with Daemon(db, REFIT) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 40))
        wait_fitted(daemon, 40)
        model = daemon.train()
        assert (model["version"], model["refits"], model["labels_fitted"]) == (1, 0, 40)
        before = gap(daemon)
        daemon.add_labels([label(1), label(2, "b"), label(3, "skip")])
        wait_fitted(daemon, 42)
        model = daemon.model()
        assert model["version"] == 1
        assert model["refits"] >= 1
        assert gap(daemon) != before


def test_rewards_after_a_restart_are_those_of_the_refit(db):
    items = plane_items(prompts=6)
    with Daemon(db, REFIT) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 60))
        daemon.train()
        daemon.add_labels([label(i) for i in range(5)])
        wait_fitted(daemon, 65)
        before = gap(daemon)
    with Daemon(db, REFIT) as daemon:
        wait_fitted(daemon, 65)
        assert daemon.model()["version"] == 1
        assert abs(gap(daemon) - before) < 1e-6


def test_without_refits_rewards_wait_for_a_training(db, items):
    with Daemon(db, {**REFIT, "refit": "no"}) as daemon:
        daemon.add_items(items)
        before = gap(daemon)
        daemon.add_labels([label(1)])
        model = daemon.model()
        assert (model["labels"], model["labels_fitted"], model["refits"]) == (1, 0, 0)
        assert gap(daemon) == before

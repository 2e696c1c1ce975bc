"""Pairs that people cannot compare are not assigned, and the statistics count them."""

import pytest

from client import Daemon, label


def add(daemon, responses, prompt="p"):
    """Items i0, i1, … of one prompt; None: without a response."""
    daemon.add_items([{"id": f"{prompt}-{i}", "prompt_id": prompt, "embedding": [i, i * i % 7],
                       **({} if text is None else {"response": text})}
                      for i, text in enumerate(responses)])


def all_pairs(daemon):
    """Answers until nothing is left: the pairs as sets of texts, and why nothing is left."""
    pairs = []
    while True:
        response = daemon.post("/v1/assignments", {"annotator": "anna"})
        if not response["assignments"]:
            return pairs, response["reason_code"]
        one = response["assignments"][0]
        pairs.append({one["a"]["response"], one["b"]["response"]})
        daemon.add_labels([label(f"l{len(pairs)}", one["a"]["id"], one["b"]["id"],
                                 assignment=one["id"])])


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_neither_arm_asks_for_equal_or_absent_texts(db, share):
    with Daemon(db, {"control-fraction": share}) as daemon:
        add(daemon, ["same", "same", "same\n", None, "other", ""])
        pairs, reason = all_pairs(daemon)
        assert len(pairs) == 3 + 3 + 1 and reason == "all_answered"
        assert all(len(pair) == 2 and None not in pair and pair != {"same", "same\n"}
                   for pair in pairs)
        assert daemon.get("/v1/stats")["incomparable"] == {
            "items_without_text": 1, "pairs_without_text": 5, "pairs_of_equal_texts": 3}


def test_where_no_item_has_a_text_all_pairs_are_asked(db):
    with Daemon(db) as daemon:
        add(daemon, [None, None, ""])
        pairs, reason = all_pairs(daemon)
        assert len(pairs) == 3 and reason == "all_answered"
        assert set(daemon.get("/v1/stats")["incomparable"].values()) == {0}


def test_the_reason_tells_when_no_pair_can_be_compared(db):
    with Daemon(db) as daemon:
        add(daemon, ["same", "same", None])
        response = daemon.post("/v1/assignments", {"annotator": "anna"})
        assert response["assignments"] == [] and response["reason_code"] == "incomparable"
        assert "different texts" in response["reason"]


def test_a_selection_takes_them_only_if_it_is_told_to(db):
    with Daemon(db) as daemon:
        add(daemon, ["same", "same", None, "other"])
        for mode, comparable in (("in_prompt", 2), ("all_pairs", 1)):
            for include, count in ((None, comparable), (False, comparable), (True, 6)):
                selection = daemon.post("/v1/selections", {
                    "batch_size": 1, "strategy": "random",
                    "generate": {"mode": mode, "include_incomparable": include} if include is not None
                    else {"mode": mode}})
                assert selection["diagnostics"]["candidates"] == count
        listed = {"batch_size": 1, "pairs": [{"a": "p-0", "b": "p-1"}]}
        assert len(daemon.post("/v1/selections", listed)["pairs"]) == 1
        wrong = daemon.call("POST", "/v1/selections", {
            "batch_size": 1, "generate": {"mode": "in_prompt", "include_incomparable": 1}})
        assert wrong.status == 422
        assert wrong.json["errors"][0]["pointer"] == "/generate/include_incomparable"

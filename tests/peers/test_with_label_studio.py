"""The real Label Studio: a project with fisherd as its backend, twenty tasks labelled, twenty labels."""

import itertools

import pytest

from client import wait_until
from conftest import LABEL_STUDIO_TOKEN, corpus, embedding_options
from label_studio_follow import Follower
from token_daemon import TokenDaemon, create

CONFIGURATION = """<View>
  <Text name="prompt" value="$prompt"/>
  <Pairwise name="pw" toName="text1,text2"/>
  <Text name="text1" value="$text1"/>
  <Text name="text2" value="$text2"/>
  <Choices name="tie" toName="text1"><Choice value="tie"/></Choices>
</View>"""
TASKS, LABELS = 30, 20


def tasks():
    """Pairs of responses to a prompt."""
    items = corpus(60)
    pairs = [(a, b) for a, b in itertools.combinations(items, 2) if a["prompt_id"] == b["prompt_id"]]
    return [{"data": {"prompt": a["prompt"], "text1": a["response"], "text2": b["response"]}}
            for a, b in pairs[::5][:TASKS]]


@pytest.fixture
def secured(tmp_path, embedding_server):
    db = tmp_path / "fisherd.db"
    token, _ = create(db, "frontend", "label-studio")
    with TokenDaemon(db, embedding_options(embedding_server)) as daemon:
        daemon.token = token
        daemon.admin, _ = create(db, "admin", "lena")
        yield daemon


def ask(daemon, path):
    response = daemon.call("GET", path, headers={"Authorization": f"Bearer {daemon.token}"})
    assert response.status == 200, response
    return response.json


def labels(daemon):
    return ask(daemon, "/v1/labels?limit=1000")["labels"]


def connect(studio, daemon):
    """As docs/LABEL_STUDIO.md says. Returns the project."""
    project = studio.call("POST", "/api/projects/", {"title": "pairs", "label_config": CONFIGURATION})["id"]
    studio.call("POST", f"/api/projects/{project}/import", tasks())
    backend = studio.call("POST", "/api/ml", {
        "project": project, "title": "fisherd", "auth_method": "BASIC_AUTH",
        "url": f"http://127.0.0.1:{daemon.port}/v1/label-studio",
        "basic_auth_user": "fisherd", "basic_auth_pass": daemon.token})
    assert backend["readable_state"] == "Connected"
    webhook, = studio.call("GET", f"/api/webhooks/?project={project}")
    assert webhook["url"] == f"http://127.0.0.1:{daemon.port}/v1/label-studio/webhook"
    studio.call("PATCH", f"/api/webhooks/{webhook['id']}/",
                {"headers": {"Authorization": f"Bearer {daemon.token}"}})
    studio.call("PATCH", f"/api/projects/{project}/", {"sampling": "Uncertainty sampling"})
    return project


def answer(selected):
    if selected == "tie":
        return [{"from_name": "tie", "to_name": "text1", "type": "choices", "value": {"choices": ["tie"]}}]
    return [{"from_name": "pw", "to_name": "text1", "type": "pairwise", "value": {"selected": selected}}]


def scores(studio, project, version):
    """Of each task."""
    found = studio.call("GET", f"/api/predictions?project={project}")
    return {row["task"]: row["score"] for row in found if row["model_version"] == f"fisherd-{version}"}


def next_task(studio, project, version, given):
    """Label Studio hands out the task with the lowest score of those that are left."""
    task = studio.call("GET", f"/api/projects/{project}/next")["id"]
    left = {key: score for key, score in scores(studio, project, version).items() if key not in given}
    assert left[task] == min(left.values())
    return task


def train(daemon):
    response = daemon.ask("POST", "/v1/model/train", daemon.admin)
    assert response.status == 202, response
    wait_until(lambda: ask(daemon, "/v1/model")["version"] == 1, "the training")


def test_twenty_tasks_labelled_are_twenty_labels(label_studio, secured):
    project = connect(label_studio, secured)
    follower = Follower(f"http://127.0.0.1:{secured.port}", secured.token, label_studio.url,
                        LABEL_STUDIO_TOKEN, project)
    assert follower.step() == 0
    first = scores(label_studio, project, 0)
    assert len(first) == TASKS and all(0 < score <= 1 for score in first.values())
    assert len(set(first.values())) > TASKS / 2

    given, made = [], []
    for i in range(LABELS):
        given.append(next_task(label_studio, project, 0, given))
        made.append(label_studio.call("POST", f"/api/tasks/{given[-1]}/annotations", {
            "result": answer(["left", "right", "tie"][i % 3]), "lead_time": 2.5})["id"])
    rows = wait_until(lambda: labels(secured) if len(labels(secured)) == LABELS else None, "the labels")
    assert [row["id"] for row in rows] == [f"label-studio-{identity}" for identity in made]
    assert [row["preference"] for row in rows[:3]] == ["a", "b", "tie"]
    assert {row["duration_ms"] for row in rows} == {2500}

    label_studio.call("PATCH", f"/api/annotations/{made[0]}", {"result": answer("right")})
    label_studio.call("DELETE", f"/api/annotations/{made[1]}")
    rows = wait_until(lambda: labels(secured)[LABELS:] if len(labels(secured)) == LABELS + 2 else None,
                      "the correction and the retraction")
    assert [(row["id"], row["preference"]) for row in rows] == [
        (f"label-studio-{made[0]}", "b"), (f"label-studio-{made[1]}", "retracted")]

    train(secured)
    assert follower.step() == 1
    second = scores(label_studio, project, 1)
    assert len(second) == TASKS and second != first
    next_task(label_studio, project, 1, given[:1] + given[2:])

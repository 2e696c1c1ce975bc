#!/usr/bin/env python3
"""Labels pairs of fisherd in Argilla.

    argilla_sync.py out --dataset pairs --count 100   # the most informative pairs become records
    argilla_sync.py in --dataset pairs                # submitted responses become labels

Run both as often as you like: a pair is one record, and a response is one label. A response that
was changed is a correction. Needs the packages `argilla` (2.x) and, for the addresses,
FISHERD_URL, FISHERD_TOKEN (role frontend), ARGILLA_API_URL and ARGILLA_API_KEY.
"""

import argparse
import json
import os
import random
import urllib.error
import urllib.parse
import urllib.request

import argilla as rg

FIELDS = ["prompt", "response_a", "response_b"]
CHOICES = ["a", "b", "tie"]
METADATA = {"item_a": rg.TermsMetadataProperty, "item_b": rg.TermsMetadataProperty,
            "p": rg.FloatMetadataProperty, "gain": rg.FloatMetadataProperty}


def settings_for(client):
    return rg.Settings(
        guidelines="Which response answers the prompt better?",
        fields=[rg.TextField(name, required=name != "prompt", client=client) for name in FIELDS],
        questions=[rg.LabelQuestion("preference", labels=CHOICES, client=client)],
        metadata=[kind(name, client=client) for name, kind in METADATA.items()])


class Fisherd:
    """The calls that are needed here."""

    def __init__(self, url, token=None):
        self.url, self.token = url.rstrip("/"), token

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def item(self, identity):
        return self.call("GET", "/v1/items/" + urllib.parse.quote(identity, safe=""))

    def label(self, label):
        """Adds a label, or corrects it where it is there with another answer."""
        try:
            self.call("POST", "/v1/labels", {"labels": [label]})
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            path = "/v1/labels/" + urllib.parse.quote(label["id"], safe="")
            self.call("PUT", path, {"preference": label["preference"]})


# ---- out ----

def records_of(fisherd, count):
    """The most informative pairs now. Which of the two is `response_a` is drawn: people tend to one
    side."""
    pairs = fisherd.call("POST", "/v1/selections", {
        "batch_size": count, "generate": {"mode": "all_pairs", "scope": "in_prompt"}})["pairs"]
    records = []
    for pair in pairs:
        a, b = fisherd.item(pair["a"]), fisherd.item(pair["b"])
        p = pair["p"]
        if random.random() < 0.5:
            a, b, p = b, a, 1 - p
        records.append(rg.Record(
            id=json.dumps(sorted([a["id"], b["id"]])),
            fields={"prompt": a["prompt"] or "", "response_a": a["response"],
                    "response_b": b["response"]},
            metadata={"item_a": a["id"], "item_b": b["id"], "p": p, "gain": pair["gain"]}))
    return records


# ---- in ----

def labels_of(record, names):
    """The labels of a record: one for each submitted response. `names` are the users' names by id."""
    labels = []
    for response in record.responses["preference"] or []:
        if response.status not in ("submitted", None):
            continue
        user = str(response.user_id)
        labels.append({
            "id": f"argilla-{record.metadata['item_a']}-{record.metadata['item_b']}-{user}"[:256],
            "a": record.metadata["item_a"], "b": record.metadata["item_b"],
            "preference": response.value, "annotator": names.get(user, user)})
    return labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("direction", choices=["out", "in"])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--count", type=int, default=100)
    arguments = parser.parse_args()
    fisherd = Fisherd(os.environ.get("FISHERD_URL", "http://127.0.0.1:8077"),
                      os.environ.get("FISHERD_TOKEN"))
    client = rg.Argilla(api_url=os.environ["ARGILLA_API_URL"],
                        api_key=os.environ["ARGILLA_API_KEY"])
    dataset = client.datasets(arguments.dataset)
    if arguments.direction == "out":
        if dataset is None:
            dataset = rg.Dataset(name=arguments.dataset, settings=settings_for(client), client=client)
            dataset.create()
        records = records_of(fisherd, arguments.count)
        dataset.records.log(records)
        print(f"{len(records)} records out")
        return
    names = {str(user.id): user.username for user in client.users}
    labels = [label for record in dataset.records(with_responses=True)
              for label in labels_of(record, names)]
    for label in labels:
        fisherd.label(label)
    print(f"{len(labels)} responses in")


if __name__ == "__main__":
    main()

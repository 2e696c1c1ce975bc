#!/usr/bin/env python3
"""Keeps the scores in Label Studio those of the newest model.

    label_studio_follow.py PROJECT      # the number of a project; runs until it is stopped

Label Studio hands out tasks by the scores of one version of a model, which its project names. So
for each version that fisherd begins to serve, this asks Label Studio to fetch scores, and then
names that version. Needs the standard library alone, and FISHERD_URL, FISHERD_TOKEN (role
frontend), LABEL_STUDIO_URL and LABEL_STUDIO_TOKEN (a legacy token of its API).
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

WAIT = 30  # seconds that one request waits for news


def call(url, authorization, method="GET", body=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if authorization:
        headers["Authorization"] = authorization
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=WAIT + 600) as response:
        return json.load(response)


class Follower:
    """Follows one project."""

    def __init__(self, fisherd_url, fisherd_token, studio_url, studio_token, project):
        self.fisherd_url, self.studio_url = fisherd_url.rstrip("/"), studio_url.rstrip("/")
        self.fisherd_token = f"Bearer {fisherd_token}" if fisherd_token else None
        self.studio_token = f"Token {studio_token}"
        self.project = project
        self.cursor = None

    def refresh(self, version):
        """Fetches the scores of a version, and makes them those that count."""
        path = f"/api/dm/actions?id=retrieve_tasks_predictions&project={self.project}"
        call(self.studio_url + path, self.studio_token, "POST",
             {"selectedItems": {"all": True, "excluded": []}, "project": self.project})
        call(f"{self.studio_url}/api/projects/{self.project}/", self.studio_token, "PATCH",
             {"model_version": f"fisherd-{version}"})

    def step(self, wait=WAIT):
        """Waits for a version that serves, and returns it; None where none came."""
        query = f"?types=model&wait={wait}" + (f"&cursor={self.cursor}" if self.cursor else "")
        page = call(f"{self.fisherd_url}/v1/events{query}", self.fisherd_token)
        versions = [event["version"] for event in page["events"] if event["state"] == "active"]
        if self.cursor is None:  # the first request tells the cursor; what serves now, the model
            versions = [call(f"{self.fisherd_url}/v1/model", self.fisherd_token)["version"]]
        if versions:
            self.refresh(versions[-1])
        self.cursor = page["next_cursor"]
        return versions[-1] if versions else None


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    environment = os.environ
    follower = Follower(environment.get("FISHERD_URL", "http://127.0.0.1:8077"),
                        environment.get("FISHERD_TOKEN"), environment["LABEL_STUDIO_URL"],
                        environment["LABEL_STUDIO_TOKEN"], int(sys.argv[1]))
    while True:
        try:
            version = follower.step()
            if version is not None:
                print(f"scores of version {version}", flush=True)
        except (urllib.error.URLError, OSError) as error:
            print(f"again in ten seconds: {error}", file=sys.stderr, flush=True)
            time.sleep(10)


if __name__ == "__main__":
    main()

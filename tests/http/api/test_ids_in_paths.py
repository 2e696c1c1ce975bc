"""Ids of any characters in paths, percent-encoded: directly and through nginx as we ship it."""

import contextlib
import http.client
from pathlib import Path
from urllib.parse import quote

import pytest

from client import PATIENCE, Daemon, Response, label
from test_receive_hook import NGINX, free_port, nginx

IDS = ["org/model", "/", "//", "a/renew", "a//b", ".", "..", "...", "../x", "a\\b", "%2F", "a%b",
       "a?b", "a#b", "a b", "+", "é", "𝄞", "'\"<>", ";=&", "*"]


def encode(identity):
    """Dots alone would be taken for a relative path."""
    return quote(identity, safe="").replace(".", "%2E")


class Direct:
    def __init__(self, daemon):
        self.daemon = daemon

    def call(self, method, path, body=None):
        return self.daemon.call(method, path, raw=body)


class Proxied:
    """A client of nginx with the location block that we ship."""

    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())


@pytest.fixture(scope="module", params=["directly", "through nginx"])
def way(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    with Daemon(folder / "fisherd.db") as daemon:
        daemon.add_items([{"id": identity, "prompt_id": "p", "embedding": [i, 1]}
                          for i, identity in enumerate([*IDS, "other"])])
        daemon.add_labels([label(identity, identity, "other") for identity in IDS])
        if request.param == "directly":
            yield Direct(daemon)
            return
        if not NGINX:
            pytest.skip("there is no nginx here")
        shipped = (Path(__file__).parents[3] / "deploy" / "nginx.conf").read_text()
        assert "proxy_pass http://fisherd;" in shipped
        port = free_port()
        sample = shipped.replace("127.0.0.1:8077", f"127.0.0.1:{daemon.port}")
        sample = sample.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
        lines = [line for line in sample.splitlines() if "ssl_certificate" not in line]
        with nginx(folder, "access_log off;\n" + "\n".join(lines), port):
            yield Proxied(port)


@pytest.mark.parametrize("identity", IDS)
def test_an_item_is_found_by_its_id(way, identity):
    response = way.call("GET", f"/v1/items/{encode(identity)}")
    assert response.status == 200 and response.json["id"] == identity


@pytest.mark.parametrize("identity", IDS)
def test_a_label_is_corrected_and_retracted_by_its_id(way, identity):
    path = f"/v1/labels/{encode(identity)}"
    assert way.call("PUT", path, '{"preference":"tie"}').status == 200
    response = way.call("DELETE", path)
    assert response.status == 200 and response.json["id"] == identity


def test_the_slashes_of_an_id_must_be_escaped(way):
    assert way.call("GET", "/v1/items/org/model").status == 404
    assert way.call("GET", "/v1%2Fitems/org%2Fmodel").status == 404

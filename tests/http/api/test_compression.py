"""Compressed responses, for clients that ask for them."""

import gzip
import json

import pytest

from client import Daemon, plane_items

LARGE = "/v1/items?limit=1000"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("compression") / "fisherd.db",
                {"cors-origins": "https://a.example"}) as daemon:
        daemon.add_items(plane_items(prompts=100))
        yield daemon


def ask(daemon, path, accept, **headers):
    return daemon.call("GET", path, headers={"Accept-Encoding": accept, **headers})


@pytest.mark.parametrize("accept", [
    "gzip", "GZIP", "deflate, gzip", "br;q=1.0, gzip;q=0.5", "*", "gzip;q=0.001", "x-gzip",
    "identity;q=0, gzip", "br , gzip ; q=1", "*;q=0, gzip"])
@pytest.mark.parametrize("path", [LARGE, "/", "/ops", "/static/label.js", "/static/label.css", "/metrics"])
def test_large_text_is_compressed_when_asked_to(daemon, path, accept):
    plain, response = ask(daemon, path, "identity"), ask(daemon, path, accept)
    assert plain.status == response.status == 200
    assert "Content-Encoding" not in plain.headers and response.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == response.headers["Vary"] == "Accept-Encoding, Origin"
    assert len(response.body) < len(plain.body) / 2
    if path != "/metrics":
        assert gzip.decompress(response.body) == plain.body
    assert response.headers["Content-Type"] == plain.headers["Content-Type"]


@pytest.mark.parametrize("accept", [
    "", "identity", "br", "gzip;q=0", "gzip; q=0.000", "gzip;q=0, *", "*;q=0", "gzipx", "x", "g zip",
    "deflate;q=1;x=gzip", ",", ";", "gzip;q=0.0 , br"])
def test_and_not_otherwise(daemon, accept):
    response = ask(daemon, LARGE, accept)
    assert "Content-Encoding" not in response.headers and response.headers["Vary"] == "Accept-Encoding, Origin"
    assert len(response.json["items"]) == 400


def test_small_responses_problems_and_models_are_not_compressed(daemon):
    for path in ["/livez", "/v1/items?limit=1", "/v1/nothing", "/v1/items?x=" + 3000 * "y", "/v1/session",
                 "/v1/model/weights"]:
        response = ask(daemon, path, "gzip")
        assert "Content-Encoding" not in response.headers, path
        assert path != "/v1/session" or "Accept-Encoding" not in response.headers["Vary"]


def test_a_compressed_page_has_an_etag_that_revalidates(daemon):
    plain, compressed = ask(daemon, "/", "identity"), ask(daemon, "/", "gzip")
    assert compressed.headers["ETag"] == f"W/{plain.headers['ETag']}"
    for etag in (plain.headers["ETag"], compressed.headers["ETag"]):
        again = ask(daemon, "/", "gzip", **{"If-None-Match": etag})
        assert again.status == 304 and again.body == b"" and "Accept-Encoding" in again.headers["Vary"]


def test_a_response_to_head_has_the_headers_of_get(daemon):
    get = ask(daemon, "/", "gzip")
    head = daemon.call("HEAD", "/", headers={"Accept-Encoding": "gzip"})
    assert head.headers["Content-Encoding"] == "gzip" and head.body == b""
    assert head.headers["Content-Length"] == str(len(get.body))


def test_without_memory_a_response_is_sent_as_it_is(db):
    with Daemon(db, {"memory": 0.25}) as daemon:
        daemon.add_items(plane_items(prompts=30))
        response = ask(daemon, LARGE, "gzip")
        assert "Content-Encoding" not in response.headers and response.json["items"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-gzip", "gzip, identity"])
def test_a_compressed_body_is_refused_in_words(daemon, coding):
    body = gzip.compress(json.dumps({"items": ["p0-r0"]}).encode())
    response = daemon.call("POST", "/v1/score", raw=body, headers={"Content-Encoding": coding})
    assert response.status == 415 and response.headers["Accept-Encoding"] == "identity"
    assert "Content-Encoding" in response.json["detail"]

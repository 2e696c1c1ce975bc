"""POST /v1/import: files that are committed block by block while they arrive."""

import contextlib
import fcntl
import gzip
import json
import pathlib
import re
import select
import socket
import sqlite3
import struct
import termios
import threading

import pytest

from client import Daemon, PATIENCE, SANITIZER, read_response, statuses, wait_until
from test_tls import Pair, context
from token_daemon import TokenDaemon, create, revoke

MIB = 1 << 20
NDJSON = "Content-Type: application/x-ndjson"
BLOCK = 4096  # items of a block
STILL = {"stream-seconds": PATIENCE}  # for clients that wait in the middle of a body


def item(i, **more):
    return {"id": f"i{i}", "prompt_id": f"p{i // 4}", "prompt": f"Question {i // 4}?", "response": f"Answer {i}.",
            "embedding": [i % 7, i % 11 / 2, 1.5, i % 3], **more}


def preference(i, a, b, chosen="a", **more):
    return {"id": f"l{i}", "a": f"i{a}", "b": f"i{b}", "preference": chosen, "annotator": "anna", **more}


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def send(daemon, raw, query="", status=200, **headers):
    sent = {"Content-Type": "application/x-ndjson", **headers}
    response = daemon.call("POST", f"/v1/import{query}", raw=raw, headers=sent)
    assert response.status == status, response
    return response.json


def counts(told):
    return tuple(told["items"].values()) + tuple(told["labels"].values())


def ids(daemon):
    return {row["id"] for row in daemon.list_all("items", 1000)}


def head(*headers, path="/v1/import", kind=NDJSON):
    rows = [f"POST {path} HTTP/1.1", "Host: localhost", kind, *headers]
    return ("\r\n".join(rows) + "\r\n\r\n").encode()


def connect(daemon):
    return socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def body_of(received):
    return json.loads(received.partition(b"\r\n\r\n")[2])


def working(daemon):
    found = re.search(r'fisherd_http_gate_working\{gate="imports"\} (\d+)', daemon.metrics())
    return int(found[1]) if found else 0


@pytest.fixture(scope="module", params=["a thread each", "a pool"])
def patient(request, tmp_path_factory):
    """A daemon for tests whose items have ids of their own."""
    options = {"threads": 1, "connections": 20} if request.param == "a pool" else {}
    with Daemon(tmp_path_factory.mktemp("patient") / "fisherd.db", {**STILL, **options}) as daemon:
        daemon.add_items([item(i) for i in range(8)])
        yield daemon


# ---- what is stored ----

def test_an_import_adds_what_is_new_and_again_changes_nothing(empty):
    rows = [item(i) for i in range(2 * BLOCK + 5)]
    told = send(empty, lines(rows))
    assert told["format"] == "items" and not told["dry_run"]
    assert counts(told) == (len(rows), 0, 0, 0, 0, 0)
    assert told["warnings"] == [] and told["errors"] == []
    stored = empty.list_all("items", 1000)
    assert {row["id"] for row in stored} == {row["id"] for row in rows}
    assert counts(send(empty, lines(rows))) == (0, len(rows), 0, 0, 0, 0)
    assert empty.list_all("items", 1000) == stored


def test_a_list_in_chunks_is_the_same_as_lines(patient):
    data = json.dumps([item(i, id=f"chunks-{i}") for i in range(300)]).encode()
    with connect(patient) as connection:
        connection.sendall(head("Transfer-Encoding: chunked", kind="Content-Type: application/json"))
        for at in range(0, len(data), 777):
            connection.sendall(chunk(data[at:at + 777]))
        connection.sendall(b"0\r\n\r\n")
        received = read_response(connection)
        assert statuses(received) == [200]
        assert counts(body_of(received)) == (300, 0, 0, 0, 0, 0)
        # The connection goes on.
        connection.sendall(head("Content-Length: 0"))
        assert body_of(read_response(connection))["warnings"] == ["there are no rows"]


def test_what_is_wrong_is_left_out_and_listed(patient):
    rows = [item(0), item(1, response="other"), item(100, id="wrong-1", embedding=[1, 2]),
            {"prompt": "nothing"}, item(101, id="wrong-2"), item(102, id="wrong-2")]
    told = send(patient, lines(rows))
    assert counts(told) == (1, 1, 4, 0, 0, 0)
    assert [(error["line"], error["pointer"]) for error in told["errors"]] == \
        [(4, "/response"), (2, "/id"), (3, "/embedding"), (6, "/id")]
    assert told["errors"][1]["detail"] == 'item "i1" exists already with other content'
    assert told["errors"][2]["detail"].endswith("has 2 numbers; the items of this daemon have 4")
    assert told["errors"][3]["detail"].endswith("is there twice, with other content")


def test_only_the_first_errors_are_listed_and_all_are_counted(patient):
    told = send(patient, lines([item(0)] + [item(0, response=f"other {i}") for i in range(50)]))
    assert told["items"] == {"created": 0, "unchanged": 1, "refused": 50}
    assert [error["line"] for error in told["errors"]] == list(range(2, 12))


def test_labels_are_added_once_with_their_times(patient):
    told = send(patient, lines([
        preference("x0", 0, 1, created_at="2024-05-06T07:08:09.010Z"), preference("x1", 2, 3, "tie"),
        preference("x2", 0, 99999), preference("x3", 4, 5, "b")]), "?format=preferences")
    assert counts(told) == (0, 0, 0, 3, 0, 1)
    assert told["errors"] == [{"line": 3, "pointer": "/b", "detail": 'there is no item "i99999"'}]
    stored = {row["id"]: row for row in patient.list_all("labels")}
    assert stored["lx0"]["created_at"] == "2024-05-06T07:08:09.010Z"
    assert [stored[f"lx{i}"]["preference"] for i in (0, 1, 3)] == ["a", "tie", "b"]
    told = send(patient, lines([preference("x1", 2, 3, "tie"), preference("x0", 0, 1, "b"),
                                preference("x4", 6, 7)]), "?format=preferences")
    assert counts(told) == (0, 0, 0, 1, 1, 1)
    assert [(error["line"], error["pointer"]) for error in told["errors"]] == [(2, "/id")]


def test_items_and_answers_of_one_file_are_stored_together(patient):
    rows = [{"prompt": f"Together {i}?", "chosen": "yes", "rejected": "no"} for i in range(4)]
    told = send(patient, lines(rows))
    assert told["format"] == "trl"
    assert told["items"]["refused"] == 8 and "embedding-url" in told["errors"][0]["detail"]
    assert told["labels"]["refused"] == 4


def test_texts_are_embedded_by_the_embedder(db):
    rows = [{"prompt": f"Question {i}?", "chosen": f"yes {i}", "rejected": f"no {i}"} for i in range(300)]
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        assert counts(send(daemon, lines(rows))) == (600, 0, 0, 300, 0, 0)
        assert counts(send(daemon, lines(rows))) == (0, 600, 0, 0, 300, 0)
        assert daemon.get("/v1/items?limit=1&embeddings=true")["items"][0]["embedding"]


def test_a_dry_run_tells_what_would_be_and_changes_nothing(patient):
    before = patient.list_all("items", 1000), patient.list_all("labels")
    rows = [item(0), item(1, response="other"), item(200, id="dry-1"), item(200, id="dry-1"),
            item(201, id="dry-1")] + [item(i, id=f"dry-{i}") for i in range(300, 300 + BLOCK)]
    told = send(patient, lines(rows), "?dry_run=true")
    assert told["dry_run"]
    assert counts(told) == (1 + BLOCK, 2, 2, 0, 0, 0)
    assert [error["line"] for error in told["errors"]] == [2, 5]
    assert (patient.list_all("items", 1000), patient.list_all("labels")) == before


def test_a_dry_run_tells_which_labels_are_there_already(patient):
    there = [preference("there-1", 0, 1), preference("there-2", 2, 3, "b", comment="why")]
    send(patient, lines(there))
    patient.ok("PUT", "/v1/labels/lthere-1", {"preference": "b"})  # a repeat is of the first answer
    rows = there + [preference("there-2", 2, 3, "a", comment="why"), preference("new", 4, 5)]
    told = send(patient, lines(rows), "?dry_run=true")
    assert counts(told)[3:] == (1, 2, 1)
    assert [error["line"] for error in told["errors"]] == [3]
    assert counts(send(patient, lines(rows)))[3:] == (1, 2, 1)


# ---- what is refused ----

@pytest.mark.parametrize(("query", "detail"), [
    ("?format=none", "the format"), ("?dry_run=maybe", "dry_run"), ("?map=nonsense", "map"),
    ("?other=1", "other")])
def test_a_wrong_query_is_refused_before_the_body(patient, query, detail):
    with connect(patient) as connection:
        connection.sendall(head("Content-Length: 1000000000", path=f"/v1/import{query}"))
        received = read_response(connection)
    assert statuses(received) == [400] and detail in body_of(received)["detail"]


@pytest.mark.parametrize("headers", [["Content-Length: 999999999999999"], ["Transfer-Encoding: chunked"],
                                     ["Content-Length: 5", "Expect: 100-continue"]])
def test_another_type_is_refused_before_the_body(patient, headers):
    for kind in "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x":
        with connect(patient) as connection:
            connection.sendall(head(*headers, kind=f"Content-Type: {kind}"))
            assert statuses(read_response(connection)) == [415]


def test_a_client_that_expects_to_continue_is_told_to(patient):
    data = lines([item(0)])
    with connect(patient) as connection:
        connection.sendall(head(f"Content-Length: {len(data)}", "Expect: 100-continue"))
        assert statuses(read_response(connection)) == [100]
        connection.sendall(data)
        received = read_response(connection)
    assert statuses(received) == [200] and counts(body_of(received)) == (0, 1, 0, 0, 0, 0)


def test_an_annotator_may_not_import_and_is_told_before_the_body(secured):
    for who, status in ("annotator", 403), (None, 401):
        token = [f"Authorization: Bearer {secured.tokens[who]}"] if who else []
        with connect(secured) as connection:
            connection.sendall(head("Content-Length: 1000000000", *token))
            assert statuses(read_response(connection)) == [status]


def test_an_import_ends_with_its_token(db):
    token, identity = create(db, "frontend", "files")
    other, _ = create(db, "frontend", "other")
    with TokenDaemon(db, STILL) as daemon, connect(daemon) as connection:
        connection.sendall(head("Transfer-Encoding: chunked", f"Authorization: Bearer {token}"))
        connection.sendall(chunk(lines([item(i) for i in range(BLOCK + 1)])))
        wait_until(lambda: daemon.ask("GET", "/v1/items?limit=1", other).json["items"], "the first block")
        revoke(db, identity)
        wait_until(lambda: daemon.ask("GET", "/v1/items", token).status == 401, "the end of the token")
        connection.sendall(chunk(lines([item(0)])))
        assert statuses(read_response(connection)) == [401]


def test_one_import_too_many_is_refused_at_once_and_may_come_later(db):
    with Daemon(db, {**STILL, "imports-at-once": 1}) as daemon:
        with connect(daemon) as first:
            first.sendall(head("Content-Length: 100000"))
            wait_until(lambda: working(daemon) == 1, "the first import")
            with connect(daemon) as second:
                second.sendall(head("Content-Length: 1000000000"))
                received = read_response(second)
            assert statuses(received) == [503] and b"Retry-After" in received
            assert body_of(received)["detail"] == "too many imports are running already"
        wait_until(lambda: working(daemon) == 0, "the end of the first import")
        assert counts(send(daemon, lines([item(0)]))) == (1, 0, 0, 0, 0, 0)


# ---- slow, broken and long bodies ----

def test_a_slow_sender_gets_408_and_hears_what_is_stored(tmp_path):
    """Over plain HTTP and TLS, from threads of their own and from a pool."""
    pair = Pair(tmp_path, "slow")
    for number, more in enumerate([{}, {"threads": 1, "connections": 20}, pair.options()]):
        options = {"stream-rate": 1000000, "stream-seconds": 0.5, **more}
        with Daemon(tmp_path / f"{number}.db", options) as daemon:
            connection = connect(daemon)
            if "tls-key" in more:
                connection = context().wrap_socket(connection)
            with connection:
                connection.sendall(head("Transfer-Encoding: chunked") + chunk(lines([item(0)])))
                received = read_response(connection)
            assert statuses(received) == [408], received
            told = body_of(received)
            assert told["detail"] == "the body arrives too slowly"
            assert counts(told["imported"]) == (0, 0, 0, 0, 0, 0)


def test_a_sender_at_its_rate_may_take_longer_than_a_request(db):
    """Neither the time for a request nor the one for idle connections ends it."""
    with Daemon(db, {"request-seconds": 1, "idle-seconds": 1, **STILL}) as daemon:
        with connect(daemon) as connection:
            connection.sendall(head("Transfer-Encoding: chunked") + chunk(lines([item(0)])))
            other = connect(daemon)  # is closed when a request would have been
            with other:
                other.sendall(b"POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              b"Content-Length: 100\r\n\r\n{")
                assert other.recv(1) == b""
            connection.sendall(chunk(lines([item(1)])) + b"0\r\n\r\n")
            received = read_response(connection)
        assert statuses(received) == [200] and counts(body_of(received)) == (2, 0, 0, 0, 0, 0)


def test_a_client_that_goes_away_leaves_whole_blocks(db):
    with Daemon(db, STILL) as daemon:
        with connect(daemon) as connection:
            connection.sendall(head("Transfer-Encoding: chunked"))
            connection.sendall(chunk(lines([item(i) for i in range(BLOCK + 100)])))
            wait_until(lambda: daemon.get("/v1/items?limit=1")["items"], "the first block")
        wait_until(lambda: "action=import id=\"\" status=499" in daemon.log_text(), "the end of the import")
        assert ids(daemon) == {f"i{i}" for i in range(BLOCK)}
        assert working(daemon) == 0
        assert counts(send(daemon, lines([item(i) for i in range(BLOCK + 100)]))) == (100, BLOCK, 0, 0, 0, 0)


@pytest.mark.parametrize("how", ["in order", "at once"])
def test_a_daemon_that_ends_leaves_whole_blocks_and_the_file_may_come_again(db, how):
    rows = [item(i) for i in range(2 * BLOCK + 100)]
    with Daemon(db, STILL) as daemon, connect(daemon) as connection:
        connection.sendall(head("Transfer-Encoding: chunked") + chunk(lines(rows[:BLOCK + 10])))
        wait_until(lambda: daemon.get("/v1/items?limit=1")["items"], "the first block")
        if how == "in order":
            daemon.stop()
            received = read_response(connection)
            assert statuses(received) == [503], received
            assert body_of(received)["detail"] == "the daemon is stopping"
            assert counts(body_of(received)["imported"]) == (BLOCK, 0, 0, 0, 0, 0)
        else:
            daemon.kill()
    with Daemon(db) as daemon:
        assert ids(daemon) == {row["id"] for row in rows[:BLOCK]}
        assert counts(send(daemon, lines(rows))) == (len(rows) - BLOCK, BLOCK, 0, 0, 0, 0)


def summary_of_a_stop(path, options, wraps):
    """What a client hears that still sends after the daemon has responded; None: a reset."""
    with Daemon(path, {**STILL, **options}) as daemon:
        raw = connect(daemon)
        with (context().wrap_socket(raw) if wraps else raw) as connection:
            connection.sendall(head("Transfer-Encoding: chunked") +
                               chunk(lines([item(i) for i in range(BLOCK + 10)])))
            wait_until(lambda: stored_items(path) == BLOCK, "the first block")
            daemon.process.terminate()
            try:
                select.select([connection], [], [], PATIENCE)  # until it has responded
                for _ in range(3):
                    connection.sendall(chunk(b"{" * 1000))
                    wait_until(lambda: unsent(connection) == 0, "the bytes to arrive")
                received = read_response(connection)
            except ConnectionError:
                received = None
        assert daemon.process.wait(PATIENCE) == 0
        return received


def stored_items(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM items").fetchone()[0]


def unsent(connection):
    """Bytes that the other side's kernel has not acknowledged."""
    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
        raise ConnectionResetError
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0]


@pytest.mark.parametrize("how", ["a thread each", "a pool", "TLS"])
def test_a_client_that_still_sends_when_the_daemon_stops_hears_what_is_stored(tmp_path, how):
    """It has two seconds for that. A busy machine may take longer once, but not each time."""
    options = {"a thread each": {}, "a pool": {"threads": 1, "connections": 20},
               "TLS": Pair(tmp_path, "still").options()}[how]
    found = (summary_of_a_stop(tmp_path / f"{k}.db", options, how == "TLS") for k in range(8))
    received = next((answer for answer in found if answer), None)
    assert received, "each connection was reset"
    assert statuses(received) == [503] and body_of(received)["detail"] == "the daemon is stopping"
    assert counts(body_of(received)["imported"]) == (BLOCK, 0, 0, 0, 0, 0)


def test_people_get_pairs_and_answer_while_an_import_goes_on(db):
    with Daemon(db, STILL) as daemon, connect(daemon) as connection:
        daemon.add_items([item(i) for i in range(200)])
        connection.sendall(head("Transfer-Encoding: chunked") + chunk(lines([item(i) for i in range(BLOCK + 1)])))
        wait_until(lambda: working(daemon) == 1, "the import")
        pair = wait_until(lambda: daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"],
                          "a pair")[0]
        daemon.add_labels([{"id": "l", "a": pair["a"]["id"], "b": pair["b"]["id"], "preference": "a",
                            "annotator": "anna", "assignment": pair["id"]}])
        connection.sendall(b"0\r\n\r\n")
        assert statuses(read_response(connection)) == [200]
        assert len(daemon.list_all("labels")) == 1


def memory(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def test_a_body_longer_than_any_limit_takes_bounded_memory(db):
    """The same few items, 100 MiB of them: far more than body-size and memory allow a body."""
    rows = lines([item(i, prompt=f"Question {i // 4}?" + "x" * 200000) for i in range(4)])
    size = 10 * MIB if SANITIZER else 100 * MIB
    with Daemon(db, {"memory": 48, "body-size": 1}) as daemon, connect(daemon) as connection:
        send(daemon, rows)
        before = memory(daemon)
        times = size // len(rows)
        connection.sendall(head(f"Content-Length: {times * len(rows)}"))
        for _ in range(times):
            connection.sendall(rows)
        received = read_response(connection)
        assert statuses(received) == [200], received
        assert counts(body_of(received)) == (0, 4 * times, 0, 0, 0, 0)
        print(f"{memory(daemon) - before:.0f} MiB more")
        assert SANITIZER or memory(daemon) - before < 48


def test_a_row_that_is_too_long_is_left_out(patient):
    rows = lines([item(0)]) + b'{"id": "long", "prompt": "' + b"x" * (9 * MIB) + b'"}\n' + lines([item(1)])
    told = send(patient, rows)
    assert counts(told) == (0, 2, 1, 0, 0, 0)
    assert told["errors"][0]["line"] == 2


# ---- gzip ----

def test_a_compressed_body_is_decompressed(patient):
    rows = [item(i, id=f"gzip-{i}") for i in range(500)]
    data = gzip.compress(lines(rows[:250])) + gzip.compress(lines(rows[250:]))
    assert counts(send(patient, data, **{"Content-Encoding": "gzip"})) == (500, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(("name", "change"), [
    ("is cut short", lambda data: data[:len(data) // 2]),
    ("is damaged", lambda data: data[:100] + b"\x00" * 50 + data[150:]),
    ("is not gzip", lambda _: lines([item(i) for i in range(100)]))])
def test_a_compressed_body_that_is_wrong_is_refused(patient, name, change):
    before = ids(patient)
    told = send(patient, change(gzip.compress(lines([item(i, id=f"{name}-{i}") for i in range(1000)]))),
                status=400, **{"Content-Encoding": "gzip"})
    assert "compressed" in told["detail"] or "gzip" in told["detail"]
    assert counts(told["imported"]) == (0, 0, 0, 0, 0, 0)
    assert ids(patient) == before


def test_a_bomb_is_refused_in_bounded_memory(db):
    bomb = gzip.compress(b" " * (200 * MIB))
    with Daemon(db) as daemon:
        send(daemon, lines([item(0)]))
        before = memory(daemon)
        told = send(daemon, bomb, status=413, **{"Content-Encoding": "gzip"})
        assert told["detail"] == "the body grows too much when it is decompressed"
        assert SANITIZER or memory(daemon) - before < 48


def test_another_compression_is_refused(patient):
    response = patient.call("POST", "/v1/import", raw=b"x", headers={
        "Content-Type": "application/x-ndjson", "Content-Encoding": "br"})
    assert response.status == 415 and response.headers["Accept-Encoding"] == "gzip, identity"


# ---- warnings ----

@pytest.mark.parametrize(("rows", "warning"), [
    ([], "there are no rows"),
    ([{"id": f"w{i}", "prompt_id": "p", "embedding": [i, 1, 1, 1]} for i in range(3)], "no item has a response"),
    ([item(i, embedding=[1, 2, 3, 4]) for i in range(3)], "all embeddings are the same"),
    ([item(i, prompt_id=f"own-{i}") for i in range(200)], "a prompt_id of its own"),
    ([item(0), item(1, prompt="other")], "another prompt than others of the same prompt_id")])
def test_what_is_surely_wrong_is_told(patient, rows, warning):
    told = send(patient, lines(rows), "?dry_run=true")
    assert len(told["warnings"]) == 1 and warning in told["warnings"][0]


def test_many_imports_and_clients_that_go_away_do_no_harm(db):
    """Some end, some stop in the middle, some come over and over; what remains is whole."""
    with Daemon(db, {"imports-at-once": 3}) as daemon:
        def one(number):
            data = lines([item(i) for i in range(500)])
            with connect(daemon) as connection, contextlib.suppress(ConnectionError):
                connection.sendall(head(f"Content-Length: {len(data)}"))
                connection.sendall(data[:len(data) // (1 if number % 3 else 2)])
                if number % 3:
                    read_response(connection)
        threads = [threading.Thread(target=one, args=[i]) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        wait_until(lambda: working(daemon) == 0, "the end of all imports")
        told = send(daemon, lines([item(i) for i in range(500)]))
        assert told["items"]["created"] + told["items"]["unchanged"] == 500
        assert ids(daemon) == {f"i{i}" for i in range(500)}

"""Access tokens: created, revoked, and read by a running daemon."""

import concurrent.futures
import json
import os
import pathlib
import socket
import stat

import pytest

from client import PATIENCE, plane_items, read_response, run, statuses, wait_until
from token_daemon import TokenDaemon, create, edit, revoke

# ---- tokens come and go while the daemon runs ----

def test_a_revoked_token_ends_while_the_daemon_runs(fresh):
    token = fresh.tokens["frontend"]
    cookie = fresh.begin_session(token)
    assert fresh.ask("GET", "/v1/items", token).status == 200
    assert fresh.ask("GET", "/v1/items", headers=cookie).status == 200
    revoke(fresh.db, "--name", "the frontend")
    wait_until(lambda: fresh.ask("GET", "/v1/items", token).status == 401, "the end of the token")
    assert fresh.ask("GET", "/v1/items", headers=cookie).status == 401
    assert fresh.ask("GET", "/v1/items", fresh.tokens["admin"]).status == 200
    # The file is read only after it has changed.
    wait_until(lambda: fresh.log_text().count("event=tokens ") == 2, "both readings in the log")


def test_a_new_token_is_known_at_once(fresh):
    for name in ["new", "newer", "newest"]:
        token, _ = create(fresh.db, "frontend", name)
        assert fresh.ask("GET", "/v1/items", token).status == 200


def test_the_first_token_ends_unrestricted_access(db):
    with TokenDaemon(db) as daemon:
        assert "event=no-tokens" in daemon.log_text()
        assert daemon.ask("GET", "/v1/session").json == {
            "role": "admin", "name": None, "authentication": "none"}
        assert daemon.ask("GET", "/v1/items").status == 200
        token, _ = create(db, "frontend", "first")
        wait_until(lambda: daemon.ask("GET", "/v1/items").status == 401, "closed doors")
        assert daemon.ask("GET", "/v1/items", token).status == 200


def test_a_link_to_a_database_has_the_same_tokens(db, tmp_path):
    token, _ = create(db, "frontend", "front")
    TokenDaemon(db).stop()
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(db)
    with TokenDaemon(link) as daemon:
        assert daemon.ask("GET", "/v1/items").status == 401
        assert daemon.ask("GET", "/v1/items", token).status == 200
        other, _ = create(link, "frontend", "other")
        assert daemon.ask("GET", "/v1/items", other).status == 200
    with TokenDaemon(db) as daemon:
        assert daemon.ask("GET", "/v1/items", other).status == 200


@pytest.mark.parametrize("damage", [
    lambda path: path.unlink(),
    lambda path: path.write_text("{"),
    lambda path: path.write_text('{"tokens":[{}]}'),
    lambda path: path.write_text(""),
    lambda path: path.chmod(0o640),
    lambda path: path.write_text(path.read_text().replace('"admin"', '"public"')),
])
def test_a_damaged_token_file_changes_nothing(fresh, damage):
    damage(pathlib.Path(f"{fresh.db}.tokens"))

    def complaints():
        fresh.ask("GET", "/livez", fresh.tokens["admin"])
        return fresh.log_text().count("event=tokens-unchanged")
    wait_until(lambda: complaints() > 0, "a complaint")
    assert fresh.ask("GET", "/v1/items", fresh.tokens["admin"]).status == 200
    assert fresh.ask("GET", "/v1/items", fresh.tokens["revoked"]).status == 401
    assert fresh.ask("GET", "/v1/items").status == 401


def test_a_token_file_is_read_once_it_becomes_readable(fresh):
    key = pathlib.Path(f"{fresh.db}.token-key")
    away = key.rename(key.with_suffix(".away"))
    token = fresh.tokens["admin"]
    edit(fresh.db, lambda rows: [row.update(revoked=1) for row in rows])

    def is_told():
        return fresh.ask("GET", "/v1/items", token).status == 200 and (
            "event=tokens-unchanged" in fresh.log_text())
    wait_until(is_told, "a complaint")
    away.rename(key)
    wait_until(lambda: fresh.ask("GET", "/v1/items", token).status == 401, "the token's end")
    assert fresh.log_text().count("event=tokens-unchanged") == 1


def test_a_damaged_token_file_is_logged_once(fresh):
    path = pathlib.Path(f"{fresh.db}.tokens")

    def complaints():
        fresh.ask("GET", "/livez", fresh.tokens["admin"])
        return fresh.log_text().count("event=tokens-unchanged")
    for damaged in ["{", "["]:
        before = complaints()
        new = path.with_suffix(".new")  # in one step: a file that is half written is damaged too
        new.write_text(damaged)
        new.chmod(0o600)
        new.rename(path)
        wait_until(lambda: complaints() > before, "a complaint")
    assert complaints() == 2


def test_an_unreadable_first_token_file_ends_unrestricted_access(db):
    with TokenDaemon(db) as daemon:
        assert daemon.ask("GET", "/v1/items").status == 200
        pathlib.Path(f"{db}.tokens").write_text("{}")
        wait_until(lambda: daemon.ask("GET", "/v1/items").status == 401, "closed doors")
        wait_until(lambda: "event=tokens-unchanged" in daemon.log_text(), "a complaint")


# ---- at the start ----

@pytest.mark.parametrize(("suffix", "mode"), [
    (".tokens", 0o640), (".tokens", 0o604), (".token-key", 0o640), (".token-key", 0o604)])
def test_a_file_that_others_may_read_is_refused(db, suffix, mode):
    create(db, "admin", "root")
    path = f"{db}{suffix}"
    os.chmod(path, mode)
    done = run("serve", "--db", db, "--listen=127.0.0.1:0")
    assert done.returncode == 1
    assert path in done.stderr and "chmod 600" in done.stderr


def test_token_files_are_readable_only_by_their_owner(db):
    create(db, "admin", "root")
    for suffix in [".tokens", ".token-key"]:
        assert stat.S_IMODE(os.stat(f"{db}{suffix}").st_mode) == 0o600
    assert sorted(path.name for path in db.parent.iterdir()) == [
        "fisherd.db.token-key", "fisherd.db.tokens"]


def test_the_daemon_does_not_start_with_unreadable_tokens(db):
    create(db, "admin", "root")
    pathlib.Path(f"{db}.tokens").write_text('{"tokens": 3}')
    done = run("serve", "--db", db, "--listen=127.0.0.1:0")
    assert done.returncode == 1 and f"{db}.tokens is damaged: /tokens" in done.stderr


def test_a_missing_key_is_reported_and_not_replaced(db):
    create(db, "admin", "root")
    os.unlink(f"{db}.token-key")
    done = run("serve", "--db", db, "--listen=127.0.0.1:0")
    assert done.returncode == 1 and f"{db}.token-key" in done.stderr
    done = run("token", "create", "--db", db, "--role=admin", "--name=x")
    assert done.returncode == 1 and f"{db}.token-key" in done.stderr
    assert not os.path.exists(f"{db}.token-key")


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_without_tokens_only_this_machine_is_served(db, listen):
    done = run("serve", "--db", db, f"--listen={listen}")
    assert done.returncode == 1
    assert "token create" in done.stderr
    assert not db.exists()


def test_with_tokens_it_listens_on_other_addresses_too(db):
    token, _ = create(db, "frontend", "front")
    with TokenDaemon(db, {"listen": "0.0.0.0:0"}) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200
        assert daemon.ask("GET", "/v1/items", headers={"Host": "fisherd.example.org"}).status == 401


def test_named_token_files_must_exist(db, tmp_path):
    named = {"tokens": tmp_path / "t.json", "token-key": tmp_path / "k"}
    given = [f"--{name}={path}" for name, path in named.items()]
    done = run("serve", "--db", db, "--listen=127.0.0.1:0", *given)
    assert done.returncode == 1 and str(named["tokens"]) in done.stderr
    token, _ = create(db, "frontend", "front", *given)
    with TokenDaemon(db, named) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200
        assert daemon.ask("GET", "/v1/items").status == 401


def test_the_key_may_be_a_credential_of_systemd(db, tmp_path):
    token, _ = create(db, "frontend", "front")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    os.rename(f"{db}.token-key", credentials / "token-key")
    (credentials / "token-key").chmod(0o440)  # as an access list for one more user appears
    with TokenDaemon(db, env={"CREDENTIALS_DIRECTORY": str(credentials)}) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200


# ---- the command ----

def test_a_list_shows_states_and_no_secrets(secured):
    done = run("token", "list", "--db", secured.db)
    assert done.returncode == 0
    states = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines()[1:]}
    for who, expected in [("annotator", ["annotator", "valid"]), ("admin", ["admin", "valid"]),
                          ("revoked", ["admin", "revoked"]), ("expired", ["admin", "expired"])]:
        _, identity, secret = secured.tokens[who].split("_", 2)
        assert states[identity] == expected
        assert secret not in done.stdout


@pytest.mark.parametrize(("arguments", "wanted"), [
    ([], ["create, list or revoke"]),
    (["make"], ["create, list or revoke"]),
    (["create", "--role=admin"], ["--name"]),
    (["create", "--name=x"], ["--role"]),
    (["create", "--name=x", "--role=public"], ["--role"]),
    (["create", "--name=x", "--role=root"], ["--role"]),
    (["create", "--name=a\nb", "--role=admin"], ["control characters"]),
    (["create", "--name=" + 257 * "x", "--role=admin"], ["256"]),
    (["create", "--name=x", "--role=admin", "--expires=soon"], ["--expires", "soon"]),
    (["create", "--name=x", "--role=admin", "--expires=-3d"], ["--expires"]),
    (["create", "--name=x", "--role=admin", "--expires=0d"], ["in the past"]),
    (["create", "--name=x", "--role=admin", "--expires=2020-01-31"], ["in the past"]),
    (["create", "--name=x", "--role=admin", "--expires=2027-13-31"], ["--expires"]),
    (["create", "--name=x", "--role=admin", "stray"], ["stray"]),
    (["revoke"], ["ID"]),
    (["revoke", "0123456789ab"], ["0123456789ab"]),
    (["revoke", "--name=nobody"], ["nobody"]),
])
def test_a_wrong_command_is_refused_and_changes_nothing(db, arguments, wanted):
    more = ["--db", db] if arguments else []
    done = run("token", *arguments, *more)
    assert done.returncode == 1 and done.stdout == ""
    assert all(word in done.stderr for word in wanted), done.stderr
    assert not list(db.parent.iterdir())


def test_a_token_may_end_on_a_date(db):
    create(db, "admin", "root", "--expires=2999-01-31")
    listed = run("token", "list", "--db", db).stdout.splitlines()[1]
    assert "2999-01-31T00:00:00Z" in listed


def test_tokens_made_at_once_are_all_kept(db):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: create(db, "annotator", f"a{i}")[1], range(16)))
    listed = run("token", "list", "--db", db).stdout
    assert all(identity in listed for identity in made)

def begin_body(daemon, headers, body):
    """Sends a request without the last byte of its body."""
    connection = socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE)
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    connection.sendall(f"POST /v1/labels HTTP/1.1\r\nHost: {daemon.host}:{daemon.port}\r\n"
                       f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                       f"{''.join(lines)}\r\n{body[:-1]}".encode())
    return connection


def test_a_token_revoked_while_a_body_arrives_is_refused(fresh):
    token, identity = create(fresh.db, "annotator", "anna")
    same = {"Sec-Fetch-Site": "same-origin"}
    session = {**fresh.begin_session(token), **same}
    items = plane_items()
    bodies = [json.dumps({"labels": [{"id": f"l{i}", "a": items[0]["id"], "b": items[1]["id"],
                                      "preference": "a"}]}) for i in range(2)]
    arriving = [begin_body(fresh, {"Authorization": f"Bearer {token}"}, bodies[0]),
                begin_body(fresh, session, bodies[1])]
    assert fresh.ask("POST", "/v1/assignments", token, {}).status == 200
    revoke(fresh.db, identity)
    wait_until(lambda: fresh.ask("POST", "/v1/assignments", token, {}).status == 401, "the end of it")
    for connection, body in zip(arriving, bodies):
        with connection:
            connection.sendall(body[-1].encode())
            assert statuses(read_response(connection)) == [401]
    assert fresh.ask("GET", "/v1/labels", fresh.tokens["frontend"]).json["labels"] == []


def test_the_first_token_ends_requests_that_began_without_one(db):
    with TokenDaemon(db) as daemon:
        daemon.add_items(plane_items())
        with begin_body(daemon, {}, "{}") as one, \
                socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) as other:
            other.sendall(b"POST /v1/model/train HTTP/1.1\r\nHost: localhost\r\n"
                          b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            create(db, "annotator", "anna")
            wait_until(lambda: daemon.ask("GET", "/v1/items").status == 401, "the first token")
            one.sendall(b"}")
            other.sendall(b"0\r\n\r\n")
            assert statuses(read_response(one)) == statuses(read_response(other)) == [401]

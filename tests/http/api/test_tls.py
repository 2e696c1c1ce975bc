"""HTTPS: which certificate is served, how it is replaced, and what is refused."""

import glob
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import warnings

import pytest

from client import PATIENCE, Daemon, flags, plane_items, run, statuses, wait_until


class Pair:
    """A self-signed certificate and its key."""

    def __init__(self, folder, name, algorithm="ec", env=None):
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        kind = ["-newkey", "rsa:2048"] if algorithm == "rsa" else \
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        subprocess.run(["openssl", "req", "-x509", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True,
                       env={**os.environ, **(env or {})})
        self.key.chmod(0o600)

    def options(self):
        return {"tls-certificate": self.certificate, "tls-key": self.key}

    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    def install(self, pair):
        self.certificate.write_bytes(pair.certificate.read_bytes())
        self.key.write_bytes(pair.key.read_bytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def first(folder):
    return Pair(folder, "first")


@pytest.fixture(scope="module")
def second(folder):
    return Pair(folder, "second", "rsa")


@pytest.fixture
def installed(tmp_path, first):
    """A copy that a test may change."""
    pair = object.__new__(Pair)
    pair.certificate, pair.key = tmp_path / "tls.pem", tmp_path / "tls.key"
    pair.install(first)
    pair.key.chmod(0o600)
    return pair


def context(lowest=ssl.TLSVersion.TLSv1_2, highest=ssl.TLSVersion.TLSv1_3):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = lowest, highest
    made.set_ciphers("ALL:@SECLEVEL=0")
    return made


def connect(daemon, tls=None):
    plain = socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE)
    try:
        return (tls or context()).wrap_socket(plain)
    except BaseException:
        plain.close()
        raise


def served(daemon):
    with connect(daemon) as connection:
        return connection.getpeercert(binary_form=True)


def call(daemon, method, path, body=None):
    connection = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=PATIENCE,
                                             context=context())
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, data


def reload(daemon, event="reloaded"):
    def lines():
        return [line for line in list(daemon.log) if f" event={event} " in line]
    seen = len(lines())
    daemon.process.send_signal(signal.SIGHUP)
    return wait_until(lambda: lines()[seen:], event)[0]


# ---- serving ----

@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 2, "connections": 200}])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_are_served_under_tls(db, first, version, options):
    with Daemon(db, {**first.options(), **options}) as daemon:
        assert f"listening=https://127.0.0.1:{daemon.port}" in daemon.log_text()
        with connect(daemon, context(version, version)) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        assert statuses(received) == [200]
        items = plane_items(prompts=40, dimension=256)
        assert call(daemon, "POST", "/v1/items", json.dumps({"items": items}))[0] == 200
        status, data = call(daemon, "GET", "/v1/items?limit=1000&embeddings=true")
        assert status == 200 and len(json.loads(data)["items"]) == len(items)


def test_many_requests_follow_each_other_on_one_connection(db, first):
    with Daemon(db, first.options()) as daemon:
        connection = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=PATIENCE,
                                                 context=context())
        for _ in range(50):
            connection.request("GET", "/livez")
            assert connection.getresponse().read() == b'{"status":"ok"}'
        connection.close()


def test_a_key_may_be_a_credential_of_the_service_manager(db, first, tmp_path):
    (tmp_path / "tls-key").write_bytes(first.key.read_bytes())
    (tmp_path / "tls-key").chmod(0o400)
    with Daemon(db, {"tls-certificate": first.certificate},
                {"CREDENTIALS_DIRECTORY": str(tmp_path)}) as daemon:
        assert served(daemon) == first.der()


def test_the_certificate_chain_is_sent(db, installed, first, second):
    installed.certificate.write_bytes(first.certificate.read_bytes() + second.certificate.read_bytes())
    with Daemon(db, installed.options()) as daemon:
        shown = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{daemon.port}",
                                "-showcerts"], input=b"", capture_output=True, timeout=PATIENCE,
                               check=False)
        assert shown.stdout.count(b"-----BEGIN CERTIFICATE-----") >= 2


FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")


@pytest.mark.skipif(not FAKETIME, reason="needs libfaketime")
def test_an_expired_certificate_is_served_with_a_warning(db, first, tmp_path):
    expired = Pair(tmp_path, "expired", env={"LD_PRELOAD": FAKETIME[0], "FAKETIME": "-9d"})

    def warned(pair):
        with Daemon(db, pair.options()) as daemon:
            assert served(daemon) == pair.der()
            return f"event=certificate-expired file={pair.certificate}\n" in daemon.log_text()
    assert warned(expired) and not warned(first)


def test_the_client_refuses_an_untrusted_certificate(first):
    done = run("demo", "--once", "--listen=127.0.0.1:0", *flags(first.options()))
    assert done.returncode == 1
    assert "fisherd demo: POST https://127.0.0.1:" in done.stderr and "certificate" in done.stderr


# ---- what is refused ----

def test_versions_of_tls_before_1_2_are_refused(db, first):
    with Daemon(db, first.options()) as daemon:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(daemon, context(ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1))
        connect(daemon, context(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)).close()


def test_a_key_exchange_without_forward_secrecy_is_refused(db, second):
    static = context(highest=ssl.TLSVersion.TLSv1_2)
    static.set_ciphers("kRSA:@SECLEVEL=0")
    with Daemon(db, second.options()) as daemon:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(daemon, static)


def test_plain_http_on_the_port_of_https_is_closed_at_once(db, first):
    with Daemon(db, first.options()) as daemon:
        with socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            try:
                while chunk := connection.recv(4096):
                    received += chunk
            except ConnectionError:
                pass
        assert b"HTTP" not in received
        assert call(daemon, "GET", "/livez")[0] == 200


@pytest.mark.parametrize("beginning", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_an_unfinished_handshake_is_cut_off(db, first, beginning):
    options = {**first.options(), "idle-seconds": 1, "request-seconds": 1}
    with Daemon(db, options) as daemon:
        with socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) as connection:
            connection.sendall(beginning)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionError:
                pass
        wait_until(lambda: "fisherd_http_connections 1\n" in
                   call(daemon, "GET", "/metrics")[1].decode(), "the others to be closed")


def test_what_the_framing_check_refuses_is_refused_under_tls_too(db, first):
    with Daemon(db, first.options()) as daemon:
        with connect(daemon) as connection:
            connection.sendall(b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                               b"Content-Length: 3\r\n\r\n{}GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        assert statuses(received) == [400]


def refused(db, **options):
    done = run("serve", "--db", db, "--listen", "127.0.0.1:0",
               *[f"--{name.replace('_', '-')}={value}" for name, value in options.items()])
    assert done.returncode == 1
    assert not db.exists()
    return done.stderr


def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(db, first, second):
    message = refused(db, tls_certificate=first.certificate, tls_key=second.key)
    assert f"the certificate in {first.certificate} does not belong to the key in {second.key}" in message


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o640, 0o644])
def test_a_key_that_others_may_read_is_refused(db, installed, mode):
    installed.key.chmod(mode)
    message = refused(db, tls_certificate=installed.certificate, tls_key=installed.key)
    assert f"{installed.key} is open to users other than its owner" in message


def test_an_invalid_certificate_or_key_is_refused(db, first, tmp_path):
    for text in (b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        (tmp_path / "broken").write_bytes(text)
        (tmp_path / "broken").chmod(0o600)
        assert "broken: " in refused(db, tls_certificate=tmp_path / "broken", tls_key=first.key)
        assert "broken: " in refused(db, tls_certificate=first.certificate, tls_key=tmp_path / "broken")
    for missing in (tmp_path / "none", tmp_path):
        assert f"{missing}: " in refused(db, tls_certificate=missing, tls_key=first.key)
        assert f"{missing} " in refused(db, tls_certificate=first.certificate, tls_key=missing)
    assert "needs tls-key" in refused(db, tls_certificate=first.certificate)
    assert "tls-key needs tls-certificate" in refused(db, tls_key=first.key)


# ---- another certificate ----

@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 2, "connections": 200}])
def test_a_reload_serves_the_new_certificate_and_keeps_connections(db, installed, first, second,
                                                                          options):
    with Daemon(db, {**installed.options(), **options}) as daemon:
        old = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=PATIENCE, context=context())
        old.request("GET", "/livez")
        old.getresponse().read()
        assert served(daemon) == first.der()
        installed.install(second)
        assert served(daemon) == first.der()
        reload(daemon)
        assert served(daemon) == second.der()
        old.request("GET", "/livez")
        assert old.getresponse().status == 200
        old.close()


def test_a_reload_takes_other_paths_from_the_file(db, first, second, tmp_path):
    file = tmp_path / "fisherd.conf"

    def write(pair):
        file.write_text(f"tls-certificate = {pair.certificate}\ntls-key = {pair.key}\n", encoding="utf-8")
    write(first)
    with Daemon(db, {"config": file}) as daemon:
        write(second)
        assert 'changed="tls-certificate tls-key" need_restart=""' in reload(daemon)
        assert served(daemon) == second.der()
        file.write_text("", encoding="utf-8")
        assert 'changed="" need_restart="tls-certificate tls-key"' in reload(daemon)
        assert served(daemon) == second.der()


def test_a_wrong_certificate_or_key_keeps_the_old_one(db, installed, first, second):
    with Daemon(db, installed.options()) as daemon:
        installed.certificate.write_bytes(second.certificate.read_bytes())
        assert "does not belong to the key" in reload(daemon, "reload-failed")
        assert served(daemon) == first.der()
        installed.certificate.unlink()
        assert f"{installed.certificate}: " in reload(daemon, "reload-failed")
        assert served(daemon) == first.der()
        installed.install(second)
        installed.key.chmod(0o644)
        assert "is open to users other" in reload(daemon, "reload-failed")
        assert served(daemon) == first.der()


def test_handshakes_and_reloads_at_once_do_not_disturb_each_other(db, installed, first, second):
    with Daemon(db, installed.options()) as daemon:
        for i in range(20):
            installed.install((first, second)[i % 2])
            daemon.process.send_signal(signal.SIGHUP)
            assert served(daemon) in (first.der(), second.der())
        assert call(daemon, "GET", "/livez")[0] == 200

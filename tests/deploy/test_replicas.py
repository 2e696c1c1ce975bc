"""The example of docs/SCALING.md: its configurations are right, and a proxy passes requests of a replica
that is away, or not ready, to the other one."""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
import yaml

TOP = pathlib.Path(__file__).parents[2]
FOLDER = TOP / "deploy/replicas"
PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
NGINX = shutil.which("nginx", path=PATH)
HAPROXY = shutil.which("haproxy", path=PATH)
PATIENCE = 240  # nothing is measured by it: a busy machine may be slow

NGINX_PROCESS = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 100; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {PATIENCE} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Replica(http.server.ThreadingHTTPServer):
    """Answers as a replica would: with its name, or with 503 while it is not ready."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, name, port):
        self.name, self.ready, self.requests, self.connections = name, True, [], []
        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def process_request(self, request, client_address):
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_):
        pass  # connections that were cut

    def stop(self):
        """As the end of a process: open connections end too."""
        self.shutdown()
        self.server_close()
        self.thread.join()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/readyz":
            self.server.requests.append((self.command, self.path, self.headers, body))
        text = json.dumps({"replica": self.server.name}).encode()
        self.send_response(200 if self.server.ready else 503)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=labels.example.org", "-keyout", folder / "key.pem", "-out",
                    folder / "certificate.pem"], check=True, capture_output=True)
    both = (folder / "certificate.pem").read_text() + (folder / "key.pem").read_text()
    (folder / "both.pem").write_text(both)
    return folder


def adapted(name, certificate, port, ports):
    """The file of the example, with the places of this test."""
    text = (FOLDER / name).read_text()
    # Times are for machines that are not busy.
    for old, new in [("timeout connect 2s", "timeout check 60s\n    timeout connect 60s"),
                     ("proxy_connect_timeout 2s", "proxy_connect_timeout 60s"),
                     ("proxy_next_upstream_timeout 10s", "proxy_next_upstream_timeout 200s"),
                     ("/etc/ssl/certs/labels.pem", certificate / "certificate.pem"),
                     ("/etc/ssl/private/labels.key", certificate / "key.pem"),
                     ("/etc/haproxy/labels.pem", certificate / "both.pem"),
                     ("10.0.0.11:8077", f"127.0.0.1:{ports[0]}"), ("one:8077", f"127.0.0.1:{ports[0]}"),
                     ("10.0.0.12:8077", f"127.0.0.1:{ports[1]}"), ("two:8077", f"127.0.0.1:{ports[1]}"),
                     ("listen 443", f"listen 127.0.0.1:{port}"), ("listen 80;", f"listen 127.0.0.1:{port};"),
                     ("bind :443", f"bind 127.0.0.1:{port}")]:
        text = text.replace(old, str(new))
    assert "10.0.0.1" not in text and "/etc/" not in text
    return text


def nginx_files(folder, name, certificate, port, ports):
    (folder / "site.conf").write_text(adapted(name, certificate, port, ports))
    (folder / "nginx.conf").write_text(NGINX_PROCESS.format(folder=folder))
    return [NGINX, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"]


def haproxy_files(folder, name, certificate, port, ports):
    (folder / "haproxy.cfg").write_text(adapted(name, certificate, port, ports))
    return [HAPROXY, "-db", "-f", folder / "haproxy.cfg"]


PROXIES = {"nginx": (NGINX, nginx_files, "nginx-replicas.conf", "-t"),
           "nginx of compose.yaml": (NGINX, nginx_files, "nginx-compose.conf", "-t"),
           "haproxy": (HAPROXY, haproxy_files, "haproxy-replicas.cfg", "-c")}


def command(kind, folder, certificate, port, ports):
    program, files, name, _ = PROXIES[kind]
    if not program:
        pytest.skip(f"there is no {kind} here")
    return files(folder, name, certificate, port, ports)


@pytest.mark.parametrize("kind", PROXIES)
def test_the_configuration_is_taken_without_a_warning(kind, tmp_path, certificate):
    done = subprocess.run([*command(kind, tmp_path, certificate, 4433, (8001, 8002)), PROXIES[kind][3]],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    # As root, nginx notes that the user directive is for root; nothing else may be said.
    said = [line for line in (done.stdout + done.stderr).splitlines()
            if re.search("warn|alert|emerg|error", line, re.I)]
    assert said == []


def call(port, is_secure, method="GET", path="/v1/items", body=None):
    context = ssl._create_unverified_context()  # the test's own certificate
    connection = (http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
                  if is_secure else http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE))
    with contextlib.closing(connection):
        connection.request(method, path, body, {"X-Forwarded-For": "6.6.6.6"})
        response = connection.getresponse()
        return response.status, response.read()


@contextlib.contextmanager
def running(kind, folder, certificate, ports):
    port = free_port()
    is_secure = kind != "nginx of compose.yaml"
    process = subprocess.Popen(command(kind, folder, certificate, port, ports),
                               stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def serves():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return call(port, is_secure)[0] == 200
        return False

    try:
        wait_until(serves, kind)
        yield lambda **rest: call(port, is_secure, **rest)
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("kind", PROXIES)
def test_a_request_that_one_replica_does_not_answer_goes_to_the_other(kind, tmp_path, certificate):
    ports = free_port(), free_port()
    replicas = [Replica(name, port) for name, port in zip(("one", "two"), ports)]
    with running(kind, tmp_path, certificate, ports) as ask:
        for replica in replicas:  # each gets some
            wait_until(lambda r=replica: ask()[0] == 200 and r.requests, "a request for each")
        replicas[0].ready = False
        for k in range(6):
            status, text = ask(method="POST", path="/v1/labels", body=f"{k}")
            assert (status, json.loads(text)) == (200, {"replica": "two"})
        posted = [body for method, _, _, body in replicas[1].requests if method == "POST"]
        assert posted == [str(k).encode() for k in range(6)]
        replicas[0].ready = True
        wait_until(lambda: json.loads(ask()[1])["replica"] == "one", "the return of the first")
        replicas[1].stop()
        for k in range(6):
            status, text = ask(method="POST", path="/v1/labels", body="x" * 5000)
            assert (status, json.loads(text)) == (200, {"replica": "one"})
        _, _, headers, _ = replicas[0].requests[-1]
        assert headers["X-Forwarded-For"] == "127.0.0.1"  # not what the client claims
        assert headers["X-Forwarded-Proto"] == ("http" if "compose" in kind else "https")
        assert headers["Host"].startswith("127.0.0.1:")
    replicas[0].stop()


# ---- the other files ----

def options():
    text = (TOP / "src/service/options/options.def").read_text()
    return set(re.findall(r'^OPTION\(\w+, \w+, "([a-z-]+)"', text, re.M))


def test_the_file_of_a_replica_has_options_that_there_are():
    lines = [line for line in (FOLDER / "replica.conf").read_text().splitlines()
             if line and not line.startswith("#")]
    names = [line.split(" = ")[0] for line in lines]
    assert names == ["db", "listen", "trusted-proxies"] and set(names) <= options()


def test_the_services_of_compose_fit_each_other():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert set(services) == {"database", "one", "two", "proxy"}
    assert services["one"] == services["two"]
    url = services["one"]["environment"]["FISHERD_DB"]
    given = services["database"]["environment"]
    assert url.startswith(f"postgresql://{given['POSTGRES_USER']}:{given['POSTGRES_PASSWORD']}@database/"
                          f"{given['POSTGRES_DB']}?")
    for name in services["one"]["environment"]:
        assert name.removeprefix("FISHERD_").lower().replace("_", "-") in options()
    for volume in services["proxy"]["volumes"]:
        assert (FOLDER / volume.split(":")[0]).is_file()
    assert (FOLDER / services["one"]["build"]["context"]).resolve() == TOP
    assert (TOP / services["one"]["build"]["dockerfile"]).is_file()


def test_the_image_is_built_with_the_packages_of_a_build():
    text = (TOP / "deploy/common.sh").read_text()
    libraries = re.search(r"^libraries='(.*?)'", text, re.M | re.S)[1].split()
    image = (FOLDER / "Dockerfile").read_text().split("\nFROM ")[1].replace("\\\n", " ").split()
    assert [name for name in libraries if name not in image and name != "libcmocka-dev"] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_the_unit_of_a_replica_is_taken(tmp_path):
    unit = (TOP / "deploy/fisherd@.service").read_text().replace("@bindir@/fisherd", "/bin/true")
    (tmp_path / "fisherd@.service").write_text(unit)
    drop_in = tmp_path / "fisherd@labels.service.d"
    drop_in.mkdir()
    shutil.copy(FOLDER / "replica-unit.conf", drop_in / "replica.conf")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "fisherd@labels.service"],
                          capture_output=True, text=True, timeout=PATIENCE, check=False,
                          env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    said = [line for line in done.stderr.splitlines() if "fisherd" in line or "replica.conf" in line]
    assert said == []

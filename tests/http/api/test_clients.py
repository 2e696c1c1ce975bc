"""Programs that people call the daemon with, as they are without options."""

import json
import shutil
import subprocess

import pytest

from client import PATIENCE

JAVA = """
import java.net.URI;
import java.net.http.*;
public class Call {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest.Builder get = HttpRequest.newBuilder(URI.create(arguments[0] + "/livez"));
        HttpRequest.Builder post = HttpRequest.newBuilder(URI.create(arguments[0] + "/v1/score"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\\"items\\":[\\"p0-r0\\"]}"));
        for (HttpRequest.Builder request : new HttpRequest.Builder[]{get, post, get, post, post, get})
            System.out.println(client.send(request.build(), HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
"""


def test_the_http_client_of_java_works(shared, tmp_path):
    """It asks for HTTP/2 in each request, also with a body."""
    if not shutil.which("java"):
        pytest.skip("there is no java here")
    source = tmp_path / "Call.java"
    source.write_text(JAVA)
    done = subprocess.run(["java", source, f"http://127.0.0.1:{shared.port}"], capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert done.stdout.split() == ["200"] * 6, done.stderr


@pytest.mark.parametrize("arguments", [
    ["--http2"], ["--http2", "-d", '{"items":["p0-r0"]}'], ["--compressed"],
    ["--http2", "--compressed", "-d", '{"items":["p0-r0"]}'], ["--http1.0"]])
def test_curl_works(shared, arguments):
    if not shutil.which("curl"):
        pytest.skip("there is no curl here")
    path = "/v1/score" if "-d" in arguments else "/v1/items?limit=3"
    done = subprocess.run(["curl", "-sS", "-H", "Content-Type: application/json", *arguments,
                           f"http://127.0.0.1:{shared.port}{path}", f"http://127.0.0.1:{shared.port}{path}"],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    for body in done.stdout.replace("}{", "}\n{").splitlines():
        assert json.loads(body).keys() & {"items", "scores"}


def test_curl_works_as_if_through_a_proxy(shared):
    """It sends the whole address as the target then."""
    if not shutil.which("curl"):
        pytest.skip("there is no curl here")
    address = f"http://127.0.0.1:{shared.port}"
    done = subprocess.run(["curl", "-sS", "--noproxy", "", "-x", address, f"{address}/livez"], capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert json.loads(done.stdout)["status"] == "ok", done

"""A server of embeddings for tests: `POST /v1/embeddings`, with every fault that one may have."""

import base64
import hashlib
import http.server
import json
import struct
import threading
import time

DIMENSION = 6


def vector(text, dimension=DIMENSION, salt=""):
    """The vector of a text: the same each time, and another for every text."""
    digest = hashlib.sha256((salt + text).encode()).digest()
    return [digest[k] / 128 - 1 for k in range(dimension)]


class MockEmbedder:
    """`faults` is a list of functions (handler, texts) -> True when they have answered; each request
    takes the first one off."""

    def __init__(self, dimension=DIMENSION, salt="", as_base64=None):
        self.dimension, self.salt, self.as_base64 = dimension, salt, as_base64
        self.faults, self.requests, self.headers, self.times = [], [], [], []
        self.at_once = self.most_at_once = 0
        self.delay = 0
        self.always = None  # a fault of all requests
        self._lock = threading.Lock()
        mock = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with mock._lock:
                    mock.requests.append((self.path, body))
                    mock.headers.append(dict(self.headers))
                    mock.times.append(time.monotonic())
                    fault = mock.faults.pop(0) if mock.faults else mock.always
                    mock.at_once += 1
                    mock.most_at_once = max(mock.most_at_once, mock.at_once)
                mock.pause()
                with mock._lock:  # before the response, after which the next request may come
                    mock.at_once -= 1
                try:
                    if not (fault and fault(self, body["input"])):
                        self.answer(200, mock.document(body))
                except ConnectionError:
                    pass

            def answer(self, status, document, headers=None):
                data = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def pause(self):
        """Before each answer."""
        time.sleep(self.delay)

    def vector(self, text):
        return vector(text, self.dimension, self.salt)

    def document(self, body, form=None):
        form = form or self.as_base64 or body["encoding_format"]
        rows = []
        for index, text in enumerate(body["input"]):
            values = self.vector(text)
            if form == "base64":
                values = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
            rows.append({"object": "embedding", "index": index, "embedding": values})
        return {"object": "list", "data": rows, "model": body["model"],
                "usage": {"prompt_tokens": 1, "total_tokens": 1}}

    def texts(self):
        """All texts that were asked for, in the order of arrival."""
        return [text for _, body in self.requests for text in body["input"]]

    def options(self, **more):
        return {"embedding-url": self.url, "embedding-model": "mock-1", **more}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# ---- faults ----

def status(code, headers=None, document=None):
    def fault(handler, _):
        handler.answer(code, document or {"error": {"message": "not now"}}, headers)
        return True
    return fault


def changed(change):
    """An answer whose rows are changed by a function."""
    def fault(handler, texts):
        rows = [{"index": k, "embedding": vector(text)} for k, text in enumerate(texts)]
        handler.answer(200, {"data": change(rows)})
        return True
    return fault


def raw(data):
    def fault(handler, _):
        handler.answer(200, data)
        return True
    return fault


def closed_early(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"data":[')
    handler.close_connection = True
    return True


def closed_at_once(handler, _):
    handler.close_connection = True
    return True


def slow(seconds):
    def fault(*_):
        time.sleep(seconds)
        return False
    return fault


def huge(handler, _):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    for _ in range(400):
        handler.wfile.write(b" " * (1 << 20))
    return True

"""What Schemathesis does not know by itself: which responses are faults of the daemon, and how JSON
lines are written. Schemathesis loads this file; see try_schemathesis.py."""

import json

import schemathesis

# The daemon has all that it needs, so only want of room may make it ask the client to come again.
REFUSALS = {"overloaded", "out_of_memory"}


@schemathesis.check
def fails_only_for_want_of_room(_context, response, _case):
    if response.status_code < 500:
        return
    code = response.json().get("code") if response.status_code == 503 else None
    assert code in REFUSALS, f"{response.status_code}: {response.text[:500]}"


@schemathesis.serializer("application/x-ndjson", "text/tab-separated-values", "text/csv")
def lines(_context, value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    rows = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)

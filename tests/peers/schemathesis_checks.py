"""What Schemathesis checks beside its own: which responses are faults of the daemon. Schemathesis
loads this file; see try_schemathesis.py."""

import schemathesis

# The daemon has all that it needs, so only want of room may make it ask the client to come again.
REFUSALS = {"overloaded", "out_of_memory"}


@schemathesis.check
def fails_only_for_want_of_room(_context, response, _case):
    if response.status_code < 500:
        return
    code = response.json().get("code") if response.status_code == 503 else None
    assert code in REFUSALS, f"{response.status_code}: {response.text[:500]}"

"""Setting the wall clock while the daemon runs affects no lease and no deadline."""

import email.utils
import glob
import time

import pytest

from client import SANITIZER, Daemon, label, wait_until

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


def set_clock(path, seconds):
    path.write_text(f"{seconds:+d}\n")


def wall_clock(daemon):
    return email.utils.parsedate_to_datetime(
        daemon.call("GET", "/livez").headers["Date"]).timestamp()


@pytest.mark.skipif(not FAKETIME or bool(SANITIZER), reason="needs libfaketime before libc")
@pytest.mark.parametrize("jump", [-86400, 86400])
def test_setting_the_clock_ends_no_lease_and_loses_no_label(db, items, tmp_path, jump):
    clock = tmp_path / "clock"
    set_clock(clock, 0)
    with Daemon(db, {"lease-seconds": 600},
                env={"LD_PRELOAD": FAKETIME[0], "FAKETIME_TIMESTAMP_FILE": str(clock),
                     "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}) as daemon:
        daemon.add_items(items)
        asked = {"annotator": "anna", "count": 1}
        before = daemon.post("/v1/assignments", asked)["assignments"][0]
        daemon.add_labels([label("before", "p0-r0", "p0-r1")])
        set_clock(clock, jump)
        wait_until(lambda: abs(wall_clock(daemon) - time.time() - jump) < 60, "the other time")

        after = daemon.post("/v1/assignments", asked)["assignments"][0]
        assert after["id"] == before["id"], "the lease lives on"
        assert after["expires_at"][:10] != before["expires_at"][:10], "in the time of now"
        daemon.add_labels([label("after", "p0-r1", "p0-r2")])
        assert daemon.train()["version"] == 1
        assert daemon.get("/v1/stats?from=0&to=9000000000000")["all"]["labels"] == 2
        assert [row["id"] for row in daemon.list_all("labels")] == ["before", "after"]
    with Daemon(db) as daemon:
        assert daemon.model()["version"] == 1
        assert [row["id"] for row in daemon.list_all("labels")] == ["before", "after"]

"""The kernels that OpenBLAS computes with. It chooses them when it is loaded, so the daemon may
restart itself, in the same process."""

import os
import platform
import re
import subprocess

import pytest

from client import SANITIZER, Daemon, labels_by_first_number, run

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64's core types")

# The environment of these tests may name kernels itself, for all that they compute. A daemon that
# starts without the name computes nothing here.
UNASKED = {"OPENBLAS_CORETYPE": None}


def kernels(daemon):
    return re.search(r" event=ready .*blas_kernels=(\S+)", daemon.log_text())[1]


def warnings(daemon):
    return [line for line in daemon.log if "level=warning" in line]


@pytest.fixture
def picked(tmp_path):
    """The kernels that the library picks by itself."""
    with Daemon(tmp_path / "picked.db", {"blas-kernels": "keep"}, UNASKED) as daemon:
        return kernels(daemon)


@pytest.mark.parametrize("wanted, used", [("Haswell", "Haswell"), ("nehalem", "Nehalem")])
def test_the_kernels_that_are_named_compute(db, items, wanted, used):
    with Daemon(db, {"blas-kernels": wanted}) as daemon:
        assert kernels(daemon) == used
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 30))
        assert daemon.train()["version"] == 1
        assert not warnings(daemon)


def test_the_kernels_may_be_named_in_the_environment(db):
    with Daemon(db, env={"FISHERD_BLAS_KERNELS": "Nehalem"}) as daemon:
        assert kernels(daemon) == "Nehalem"


def test_a_restart_for_other_kernels_keeps_name_arguments_and_files(db):
    def seen(options):
        with Daemon(db, options) as daemon:
            process = f"/proc/{daemon.process.pid}"
            with open(f"{process}/comm", encoding="utf-8") as name:
                comm = name.read()
            with open(f"{process}/cmdline", "rb") as line:
                arguments = line.read().split(b"\0")
            assert f"--db={db}".encode() in arguments
            return comm, len(arguments), len(os.listdir(f"{process}/fd"))
    assert seen({"blas-kernels": "Nehalem"}) == seen({"blas-kernels": "keep"})


def test_the_log_warns_once_of_kernels_that_do_not_exist(db, picked):
    with Daemon(db, {"blas-kernels": "Abacus"}) as daemon:
        assert kernels(daemon) == picked
        assert daemon.call("GET", "/livez").status == 200
        (line,) = warnings(daemon)
        assert "event=blas-kernels" in line
        assert "wanted=Abacus" in line and f"used={picked}" in line


@pytest.mark.parametrize("option", ["keep", "auto"])
def test_the_variable_of_openblas_is_respected(db, option):
    with Daemon(db, {"blas-kernels": option}, {"OPENBLAS_CORETYPE": "Nehalem"}) as daemon:
        assert kernels(daemon) == "Nehalem"
        assert not warnings(daemon)


def test_the_option_overrides_the_variable_of_openblas(db):
    with Daemon(db, {"blas-kernels": "Haswell"}, {"OPENBLAS_CORETYPE": "Nehalem"}) as daemon:
        assert kernels(daemon) == "Haswell"


def has_avx512():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = set(re.search(r"^flags\s*:(.*)$", file.read(), re.M)[1].split())
    return {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags


def test_the_default_kernels_use_avx512_if_the_processor_has_it(db):
    if not has_avx512():
        pytest.skip("the processor has no AVX-512")
    with Daemon(db, env=UNASKED) as daemon:
        assert kernels(daemon) not in ("Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott")
        assert not warnings(daemon)


@pytest.fixture(name="older_blas")
def fixture_older_blas(tmp_path):
    """The environment for an OpenBLAS that takes the processor for another."""
    if SANITIZER:
        pytest.skip("a sanitizer wants to be the first library")
    library = tmp_path / "older_blas.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
                    os.path.join(os.path.dirname(__file__), "older_blas.c")], check=True)

    def made(core, config="DYNAMIC_ARCH", **more):
        return {**UNASKED, "LD_PRELOAD": str(library), "BLAS_CORE": core,
                "BLAS_CONFIG": f"OpenBLAS {config}", **more}
    return made


@pytest.mark.parametrize("core", ["Haswell", "Zen"])
def test_a_library_that_does_not_know_the_processor_uses_its_avx512(db, older_blas, core):
    with Daemon(db, env=older_blas(core)) as daemon:
        assert kernels(daemon) == ("SkylakeX" if has_avx512() else core)
        assert not warnings(daemon)


@pytest.mark.parametrize("core, config, option", [
    ("Haswell", "DYNAMIC_ARCH", "keep"),
    ("Haswell", "SINGLE_THREADED", "auto"),  # built for one processor
    ("SapphireRapids", "DYNAMIC_ARCH", "auto"),  # has AVX-512
    ("Later", "DYNAMIC_ARCH", "auto"),
])
def test_a_library_keeps_its_kernels_if_there_are_none_better(db, older_blas, core, config, option):
    with Daemon(db, {"blas-kernels": option}, older_blas(core, config)) as daemon:
        assert kernels(daemon) == core
        assert not warnings(daemon)


def test_a_daemon_that_cannot_restart_itself_says_why_and_serves(db, older_blas):
    with Daemon(db, {"blas-kernels": "Nehalem"}, older_blas("Haswell", NO_EXEC="yes")) as daemon:
        assert kernels(daemon) == "Haswell"
        assert daemon.call("GET", "/livez").status == 200
        (line,) = warnings(daemon)
        assert "wanted=Nehalem used=Haswell" in line and "Exec format error" in line


def test_demo_takes_the_kernels_too():
    done = run("demo", "--once", "--listen", "127.0.0.1:0", "--blas-kernels", "Abacus")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wanted=Abacus") == 1, done.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize("name", ["", "Sky lake", "Haswell;Zen", "../x", "naïve"])
def test_an_invalid_name_of_kernels_is_refused(db, command, name):
    done = run(command, "--db", db, f"--blas-kernels={name}")
    assert done.returncode == 1
    assert "blas-kernels takes auto, keep or a core type" in done.stderr
    assert not db.exists()

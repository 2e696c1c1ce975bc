"""The systemd unit and the files installed with it: exposure, syntax, the user, the sample configuration,
and the filter of system calls that other tests run under."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROGRAM = os.environ["FISHERD"]
LAUNCHER = ROOT / "tests" / "e2e" / "under_filter.py"

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


def run(*arguments, **more):
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=60,
                          check=False, **more)


@pytest.fixture
def unit(tmp_path):
    """The installed unit of one instance."""
    text = (DEPLOY / "fisherd@.service").read_text(encoding="utf-8")
    text = text.replace("@bindir@/fisherd", str(pathlib.Path(PROGRAM).resolve()))
    assert "@" not in re.sub(r"^#.*|@[a-z-]+", "", text, flags=re.M)
    file = tmp_path / "fisherd@project.service"
    file.write_text(text, encoding="utf-8")
    return file


def test_systemd_finds_nothing_wrong_with_the_unit(unit):
    done = run("systemd-analyze", "verify", unit)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_exposure_of_the_unit_is_low(unit):
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    exposure = float(re.search(r"Overall exposure level .*: ([0-9.]+)", done.stdout)[1])
    print("exposure", exposure)
    assert exposure <= 1.5, done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create users")
def test_the_user_and_the_folder_are_created(tmp_path):
    (tmp_path / "etc").mkdir()
    assert run("systemd-sysusers", f"--root={tmp_path}", DEPLOY / "sysusers.conf").returncode == 0
    assert re.search(r"^fisherd:", (tmp_path / "etc/passwd").read_text(), re.M)
    done = run("systemd-tmpfiles", f"--root={tmp_path}", "--create", DEPLOY / "tmpfiles.conf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/fisherd").stat().st_mode & 0o777 == 0o750


def test_the_sample_configuration_shows_the_defaults(tmp_path):
    sample = (DEPLOY / "fisherd.conf").read_text(encoding="utf-8")
    shown = re.findall(r"^# ([a-z-]+) = ?(.*)$", sample, re.M)
    usage = run(PROGRAM, "--help").stdout
    assert len(shown) >= 10
    for name, value in shown:
        line = re.search(rf"^  --{name} .*$", usage, re.M)
        assert line, name
        assert line[0].endswith(f"[{value}]") or not value and not line[0].endswith("]"), name
    given = tmp_path / "fisherd.conf"
    given.write_text(re.sub(r"^# ([a-z-]+ = ?.*)$", r"\1", sample, flags=re.M), encoding="utf-8")
    done = run(PROGRAM, "serve", "--config", given)
    assert done.returncode == 1 and "--db FILE is missing" in done.stderr


FORBIDDEN = {
    "a change of the root folder": 'os.chroot("/nonexistent")',
    "a change of the processor affinity": "os.sched_setaffinity(0, os.sched_getaffinity(0))",
    "memory that is writable and executable": "mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "a netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_filter_refuses(what):
    code = f"import mmap, os, socket\ntry:\n    {FORBIDDEN[what]}\nexcept OSError as e:\n    print(e.errno)"
    env = {**os.environ, "UNDER_FILTER": sys.executable}
    assert run(sys.executable, "-c", code).stdout.strip() in ("", "2")
    assert run(LAUNCHER, "-c", code, env=env).stdout.strip() in ("1", "97")

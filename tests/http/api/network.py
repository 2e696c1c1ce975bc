"""A network of namespaces, each with one process or server, in which packets can be dropped.

It belongs to the thread that makes it, and to what that starts: all else on the machine keeps its own
network. Needs root and iproute2.
"""

import ctypes
import os
import pwd
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
PREFIX = "10.77.0."
NETWORK = f"{PREFIX}0/24"
PROGRAMS = ("ip", "bridge", "nsenter", "unshare", "setpriv")


def why_not():
    """Why there can be none here; None: there can."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    return f"there is no {' and no '.join(missing)} (iproute2, util-linux)" if missing else None


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


class Place:
    """A namespace at the end of a cable that is plugged into the hub."""

    def __init__(self, number):
        self.address = f"{PREFIX}{number}"
        self.cable = f"cable{number}"
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = f"end{number}"
        _run("ip", "link", "add", "name", self.cable, "type", "veth", "peer", "name", end)
        self._wait_for_namespace()
        _run("ip", "link", "set", end, "netns", str(self.holder.pid))
        _run("ip", "link", "set", self.cable, "master", "hub", "up")
        _run(*self.inside(), "ip", "link", "set", "lo", "up")
        _run(*self.inside(), "ip", "address", "add", f"{self.address}/24", "dev", end)
        _run(*self.inside(), "ip", "link", "set", end, "up")

    def _wait_for_namespace(self):
        own = os.readlink("/proc/thread-self/ns/net")
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == own:
            assert self.holder.poll() is None

    def inside(self, user=None):
        """What runs a command there, as a user if one is named."""
        command = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        if user:
            command += ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}",
                        "--clear-groups", "--pdeathsig=QUIT"]
        return command

    def drop(self, drops=True):
        """From now on the hub drops what comes from here and what goes there, silently."""
        _run("bridge", "link", "set", "dev", self.cable, "state", "0" if drops else "3")

    def remove(self):
        self.holder.kill()
        self.holder.wait()


class Network:
    def __init__(self):
        reason = why_not()
        assert reason is None, reason
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no network namespace can be made here")
        self.places = []
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "name", "hub", "type", "bridge")
        _run("ip", "address", "add", f"{PREFIX}1/24", "dev", "hub")
        _run("ip", "link", "set", "hub", "up")

    def place(self):
        self.places.append(Place(len(self.places) + 2))
        return self.places[-1]

    def remove(self):
        for place in self.places:
            place.remove()

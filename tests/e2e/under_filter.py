#!/usr/bin/python3
"""Runs a program under the restrictions of deploy/fisherd@.service: only the system calls of its
SystemCallFilter= lines, no memory that is both writable and executable, only its address families.

    UNDER_FILTER=build/gcc/src/app/fisherd tests/e2e/under_filter.py serve …

As in systemd, the first list allows calls; each further list adds calls or, with ~, removes them.
`systemd-analyze syscall-filter` prints the @groups."""

import errno
import mmap
import os
import pathlib
import socket
import subprocess
import sys

import seccomp

UNIT = pathlib.Path(__file__).parents[2] / "deploy" / "fisherd@.service"


def settings(name):
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(name + "=")]


def read_groups():
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], check=True,
                          capture_output=True, text=True).stdout
    groups = {}
    for line in text.splitlines():
        if line.startswith("@"):
            members = groups.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.strip().startswith("#"):
            members.append(line.strip())
    return groups


def expand(names, groups):
    calls = set()
    for name in names:
        calls |= expand(groups[name], groups) if name.startswith("@") else {name}
    return calls


def allowed_calls():
    groups = read_groups()
    allowed = expand(["@default"], groups)
    for line in settings("SystemCallFilter"):
        names = line.removeprefix("~").split()
        if line.startswith("~"):
            allowed -= expand(names, groups)
        else:
            allowed |= expand(names, groups)
    return allowed


def load_calls():
    (number,) = settings("SystemCallErrorNumber")
    only = seccomp.SyscallFilter(seccomp.ERRNO(getattr(errno, number)))
    for call in allowed_calls():
        try:
            only.add_rule(seccomp.ALLOW, call)
        except RuntimeError:
            pass  # this architecture lacks the call
    only.load()


def load_memory_and_families():
    deny = seccomp.SyscallFilter(seccomp.ALLOW)
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    assert settings("MemoryDenyWriteExecute") == ["yes"]
    deny.add_rule(seccomp.ERRNO(errno.EPERM), "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, both, both))
    for call in ("mprotect", "pkey_mprotect"):
        deny.add_rule(seccomp.ERRNO(errno.EPERM), call,
                      seccomp.Arg(2, seccomp.MASKED_EQ, mmap.PROT_EXEC, mmap.PROT_EXEC))
    (families,) = settings("RestrictAddressFamilies")
    kept = {int(getattr(socket, name)) for name in families.split()}
    for family in set(range(max(kept))) - kept:
        deny.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))
    deny.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.GT, max(kept)))
    deny.load()


def main():
    program = os.environ["UNDER_FILTER"]
    load_memory_and_families()
    load_calls()
    os.execv(program, [program, *sys.argv[1:]])


main()

"""Installs libfisher into a temporary folder, and builds and runs a program against it by pkg-config.

usage: test_installed_library.py BUILD PREFIX PROGRAM.c COMPILER [ARGUMENT...]
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def relocate(description, prefix):
    """Lets a .pc file of an installation below DESTDIR point there."""
    text = description.read_text()
    description.write_text(re.sub(r"^prefix=.*$", f"prefix={prefix}", text, flags=re.M))


def flags(folder):
    environment = dict(os.environ, PKG_CONFIG_PATH=str(folder))
    command = ["pkg-config", "--cflags", "--libs", "fisher"]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout.split()


def main(build, prefix, source, *compiler):
    for tool in ["pkg-config", "meson"]:
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed")
            return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        install = ["meson", "install", "--no-rebuild", "--tags", "devel", "--destdir", folder]
        subprocess.run([*install, "-C", build], check=True, stdout=subprocess.DEVNULL)
        root = pathlib.Path(folder + prefix)
        (description,) = root.rglob("fisher.pc")
        relocate(description, root)
        program = pathlib.Path(folder, "program")
        subprocess.run(
            [*compiler, source, "-o", program, *flags(description.parent)], check=True
        )
        pairs = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    print(pairs, end="")
    chosen = [line.split() for line in pairs.splitlines()]
    return 0 if len(chosen) == 2 and chosen[0] == ["0", "3"] else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

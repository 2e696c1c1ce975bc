"""Writes migrations as a C table: migrations_to_c.py BACKEND_migrations.c NNNN_what.sql …"""

import pathlib
import sys

HEAD = """\
/* The migrations, generated from migrations/{0}. */
#include "{0}_migrations.h"

const fd_{0}_migration fd_{0}_migrations[] = {{
"""
TAIL = """\
}};
const size_t fd_{0}_migration_count =
    sizeof(fd_{0}_migrations) / sizeof(*fd_{0}_migrations);
"""


def c_string(text):
    return "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '\\"?' else f"\\{byte:03o}"
                   for byte in text.encode())


def entry(position, path):
    number, _, name = path.stem.partition("_")
    if int(number) != position or len(number) != 4 or not name:
        sys.exit(f"{path}: the name must be {position:04}_what.sql")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "\n".join(f'     "{c_string(line)}"' for line in lines)
    return f'    {{{position}, "{name}",\n{text}}},\n'


output, *inputs = map(pathlib.Path, sys.argv[1:])
backend = output.name.partition("_")[0]
output.write_text(HEAD.format(backend) + "".join(entry(i, path) for i, path in enumerate(inputs, 1))
                  + TAIL.format(backend))

"""Writes the migrations as a C table: migrations_to_c.py OUTPUT.c NNNN_what.sql …"""

import pathlib
import sys

HEAD = """\
/* The migrations, generated from migrations/sqlite. */
#include "sqlite_migrations.h"

const fd_sqlite_migration fd_sqlite_migrations[] = {
"""
TAIL = """\
};
const size_t fd_sqlite_migration_count =
    sizeof(fd_sqlite_migrations) / sizeof(*fd_sqlite_migrations);
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
output.write_text(HEAD + "".join(entry(i, path) for i, path in enumerate(inputs, 1)) + TAIL)

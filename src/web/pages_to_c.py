"""Writes the files of the pages as one C table: pages_to_c.py OUTPUT FILE…"""

import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
         ".json": "application/json",
         ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
         ".woff2": "font/woff2"}


def literal(content):
    """The bytes as a string of C, which compiles many times faster than a list of numbers."""
    lines = (content[i:i + 80] for i in range(0, len(content), 80))
    return "\n".join('"' + "".join(f"\\{byte:03o}" for byte in line) + '"' for line in lines) or '""'


def main():
    output, *files = map(pathlib.Path, sys.argv[1:])
    parts, rows = ['#include "pages_resource.h"', ""], []
    for number, path in enumerate(files):
        content = path.read_bytes()
        parts.append(f"static const unsigned char file_{number}[] =\n{literal(content)};")
        etag = hashlib.sha256(content).hexdigest()[:16]
        rows.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", "\\"{etag}\\"", '
                    f"{len(content)}, file_{number}}},")
    parts += ["", "const fd_page_file fd_page_files[] = {", *rows, "};",
              f"const size_t fd_page_file_count = {len(files)};", ""]
    output.write_text("\n".join(parts))


main()

"""Writes the corpus as a C array: corpus_to_c.py corpus.jsonl OUTPUT.c"""

import pathlib
import sys


def c_string(line):
    return "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '\\"?' else f"\\{byte:03o}"
                   for byte in line)


source, output = map(pathlib.Path, sys.argv[1:])
lines = source.read_bytes().splitlines(keepends=True)
output.write_text('#include "corpus.h"\n\nconst char fd_corpus[] =\n'
                  + "\n".join(f'    "{c_string(line)}"' for line in lines)
                  + ";\nconst size_t fd_corpus_size = sizeof(fd_corpus) - 1;\n")

"""Fails if the program contains a file that is not ours and that no notice names:
notices.py TABLE NOTICES SOURCE_FOLDER. The table is web_pages.c."""

import pathlib
import re
import sys


# Made at build out of files of ours.
MADE = {"third-party.txt", "openapi.json"}


def without_notice(names, notices, ours):
    named = {name for line in re.findall(r"^Files: (.+)$", notices, re.M) for name in line.split()}
    return sorted(set(names) - named - ours - MADE)


def main():
    table, notices, source = map(pathlib.Path, sys.argv[1:])
    names = re.findall(r'^    \{"([^"]+)", "', table.read_text(), re.M)
    ours = {path.name for path in source.iterdir()}
    text = notices.read_text()
    assert "katex.js" in names and "KaTeX_Main-Regular.woff2" in names, "this is not the table"
    assert without_notice([*names, "stray.js"], text, ours) == ["stray.js"], "a stray file is not noticed"
    for licence in ("Permission is hereby granted, free of charge", "Redistribution and use in source and binary forms",
                    "SIL"):
        assert licence in " ".join(text.split()), f"the notices lack: {licence}"
    missing = without_notice(names, text, ours)
    assert not missing, f"no notice names {missing}"


main()

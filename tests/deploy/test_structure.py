"""Each rule of deploy/structure.py finds a file that breaks it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "deploy/structure.py"

SOUND = {
    "README.md": "# A tree\n",
    "src/base/a.c": '/* The first of two files. */\nint a(void);\nint a(void) { return 1; }\n',
    "src/base/a.h": "int a(void);\n",
    "src/base/b.c": '/* The second of two files. */\nint a(void);\nint b(void) { return a(); }\n',
    "src/base/meson.build": "",
    "src/app/meson.build": "",
    "tests/test_a.c": "\n" * 600,
    "include/fisher/model.h": "\n" * 250,
}

ODD = {
    "a circle": (
        {"src/base/a.c": "/* The first of two files. */\nint b(void);\nint a(void) { return b(); }\n"},
        "src/base/a.c uses of src/base/b.c: b"),
    "a name twice": ({"src/app/a.h": ""}, "name twice: src/app/a.h, src/base/a.h"),
    "a long header": ({"include/fisher/model.h": "\n" * 251}, "include/fisher/model.h has 251 lines"),
    "a long file": ({"tests/test_a.c": "\n" * 601}, "tests/test_a.c has 601 lines"),
    "a file without an opening sentence": (
        {"src/base/a.c": 'int a(void);\n/* The first of two files. */\nint a(void) { return 1; }\n'},
        "no opening sentence: src/base/a.c"),
    "an opening that is not a sentence": (
        {"src/base/a.c": '/* a.c */\nint a(void);\nint a(void) { return 1; }\n'},
        "no opening sentence: src/base/a.c"),
    "a long line": ({"docs/API.md": "A line.\n" + "word " * 20 + "word\n"}, "long lines: docs/API.md: 2"),
    "a log event with an underscore": (
        {"src/base/a.h": 'int a(void);\n#define A fd_log(x ? y(1, 2) : 3,\n "tokens_read", 4)\n'},
        "log event: src/base/a.h:2: 'tokens_read'"),
    "a log event of two words": (
        {"src/base/a.h": 'int a(void);\n#define A fd_log(x, y ? "read" : "not read")\n'},
        "log event: src/base/a.h:2: 'not read'"),
    "a file that is not built": ({"src/app/c.c": "/* A file that nothing needs. */\n"},
                                 "not built: src/app/c.c"),
}


def check(folder, files, *options):
    """The script's end and what it prints, of a tree of these files."""
    tree, build = folder / "tree", folder / "build"
    entries = []
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)
        if name.startswith("src/base/") and name.endswith(".c"):
            output = f"{name}.o"
            (build / output).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-c", tree / name, "-o", build / output], check=True)
            entries.append({"directory": str(build), "output": output,
                            "file": os.path.relpath(tree / name, build)})
    (build / "compile_commands.json").write_text(json.dumps(entries))
    done = subprocess.run([sys.executable, SCRIPT, *options, "--tree", tree, build],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_sound_tree_has_no_violations(tmp_path):
    status, output = check(tmp_path, SOUND)
    assert status == 0 and "structure: 0 violations" in output, output


@pytest.mark.parametrize("what", ODD)
def test_one_violation_is_found(tmp_path, what):
    files, message = ODD[what]
    status, output = check(tmp_path, {**SOUND, **files})
    assert status == 1 and message in output and "structure: 1 violations" in output, output


def test_a_report_does_not_fail(tmp_path):
    status, output = check(tmp_path, {**SOUND, **ODD["a long line"][0]}, "--report")
    assert status == 0 and "structure: 1 violations" in output, output


@pytest.mark.parametrize("line", [
    "| " + "a cell | " * 20,
    "    code " * 20,
    "https://example.org/" + "x" * 100,
    "- [a link that cannot be broken](https://example.org/" + "x" * 60 + ")",
    "1. `a command --with options and more of them that takes up more than one hundred columns alone`",
])
def test_lines_that_may_be_long(tmp_path, line):
    status, output = check(tmp_path, {**SOUND, "docs/API.md": line + "\n"})
    assert status == 0, output


def test_an_object_that_is_missing_ends_the_check(tmp_path):
    check(tmp_path, SOUND)
    (tmp_path / "build/src/base/a.c.o").unlink()
    done = subprocess.run([sys.executable, SCRIPT, "--tree", tmp_path / "tree", tmp_path / "build"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "a.c.o is not there" in done.stderr

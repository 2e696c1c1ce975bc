"""structure.py [--report] FOLDER: checks how the source tree is built up.

FOLDER is a build folder whose objects are built. Prints a table of figures, then each violation of
a rule below, and ends with 1 if there are any; with --report it always ends with 0.

- No circle between .c files: A calls into B, and B calls into A, directly or through others.
- No file name twice below src, meson.build aside.
- No header over 250 lines, no .c or .h file over 600.
- Each .c file below src begins with a comment that says in a sentence what the file is.
- Documents are wrapped at 100 columns, except in tables and code, and where nothing can be broken.
- The name of a log event is words of lower-case letters and digits, joined by dashes.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

HEADER_LINES, FILE_LINES, COLUMNS = 250, 600, 100


class Tree:
    """The source tree, and what was found wrong with it."""

    def __init__(self, top):
        self.top = top
        self.violations = []
        self.sources = self.find("src", "include", suffixes=(".c", ".h"))
        self.lines = {path: len(self.read(path).splitlines()) for path in self.sources}

    def find(self, *folders, suffixes=("",)):
        return sorted(path.relative_to(self.top)
                      for folder in folders for path in (self.top / folder).rglob("*")
                      if path.is_file() and "__pycache__" not in path.parts
                      and path.name.endswith(suffixes))

    def read(self, path):
        return (self.top / path).read_text()

    def complain(self, rule, text):
        self.violations.append(f"{rule}: {text}")


def layer(path):
    return path.parts[1] if path.parts[0] == "src" else path.parts[0]


# ---- circles ----

def symbols(built):
    """The global symbols that an object defines, and those that it needs."""
    done = subprocess.run(["nm", "--portability", built], capture_output=True, text=True,
                          check=True)
    defined, needed = set(), set()
    for line in done.stdout.splitlines():
        name, kind = line.split()[:2]
        if kind in "Uwv":
            needed.add(name)
        elif kind.isupper() or kind in "iu":  # i: a variant is chosen at run time
            defined.add(name)
    return defined, needed


def stands_in(path, built):
    """Whether NAME_none.c is left out because NAME.c is built, or the other way round."""
    stem = path.stem.removesuffix("_none") if path.stem.endswith("_none") else path.stem + "_none"
    return path.with_name(stem + ".c") in built


def calls(tree, build):
    """{file: {other file: the symbols that it uses of it}}, of the files below src."""
    entries = json.loads((build / "compile_commands.json").read_text())
    definitions, needs = {}, {}
    for entry in entries:
        built = pathlib.Path(entry["directory"]) / entry["output"]
        path = pathlib.Path(os.path.relpath(pathlib.Path(entry["directory"]) / entry["file"],
                                            tree.top))
        if not entry["output"].startswith("src/") or path.parts[0] != "src":
            continue
        if not built.exists():
            sys.exit(f"{built} is not there: build {build} first")
        defined, needs[path] = symbols(built)
        definitions.update(dict.fromkeys(defined, path))
    missing = [path for path in tree.sources if path.suffix == ".c" and path.parts[0] == "src"
               and path not in needs and not stands_in(path, needs)]
    for path in missing:
        tree.complain("not built", f"{path} is in no target of {build}")
    graph = {path: collections.defaultdict(set) for path in needs}
    for path, names in needs.items():
        for name in names:
            other = definitions.get(name, path)
            if other != path:
                graph[path][other].add(name)
    return graph


def components(graph):
    """The strongly connected components that hold more than one node (Tarjan's algorithm)."""
    numbers, lowest, stack, found = {}, {}, [], []

    def visit(node):
        numbers[node] = lowest[node] = len(numbers)
        stack.append(node)
        for other in graph[node]:
            if other not in numbers:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == numbers[node]:
            first = stack.index(node)
            if len(stack) - first > 1:
                found.append(sorted(stack[first:]))
            del stack[first:]

    for node in sorted(graph):
        if node not in numbers:
            visit(node)
    return sorted(found)


def check_circles(tree, build):
    graph = calls(tree, build)
    found = components(graph)
    for circle in found:
        uses = [f"    {path} uses of {other}: {', '.join(sorted(graph[path][other]))}"
                for path in circle for other in sorted(graph[path]) if other in circle]
        tree.complain("circle", "\n".join([f"{len(circle)} files", *uses]))
    return found


# ---- files ----

def check_names(tree):
    places = collections.defaultdict(list)
    for path in tree.find("src"):
        if path.name != "meson.build":
            places[path.name].append(str(path))
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    for paths in twice.values():
        tree.complain("name twice", ", ".join(paths))
    return twice


def check_lengths(tree):
    tests = {path: len(tree.read(path).splitlines())
             for path in tree.find("tests", suffixes=(".c", ".h"))}
    for path, lines in {**tree.lines, **tests}.items():
        if lines > FILE_LINES:
            tree.complain("long file", f"{path} has {lines} lines, over {FILE_LINES}")
    headers = [path for path, lines in tree.lines.items()
               if path.suffix == ".h" and lines > HEADER_LINES]
    for path in headers:
        tree.complain("long header", f"{path} has {tree.lines[path]} lines, over {HEADER_LINES}")
    return headers


def check_openings(tree):
    found = []
    for path in tree.sources:
        opening = re.match(r"/\*(.*?)\*/", tree.read(path), re.DOTALL)
        if path.suffix == ".c" and not (opening and re.search(r"(\w+\W+){3,}\w*[.:]", opening[1])):
            found.append(path)
            tree.complain("no opening sentence", str(path))
    return found


# ---- documents ----

def can_be_broken(line):
    """Between two words, of which code, links and addresses are one each, within the columns."""
    text = re.sub(r"`[^`]*`|\[[^]]*\]\([^)]*\)|https?://\S+", lambda found: "x" * len(found[0]), line)
    begins = re.match(r"\s*([-*>]|\d+\.)?\s*", text).end()
    return " " in text[begins:COLUMNS + 1]


def check_documents(tree):
    for path in [pathlib.Path("README.md"), *tree.find("docs", suffixes=(".md",))]:
        is_code, long = False, []
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            if line.lstrip().startswith("```"):
                is_code = not is_code
            elif (len(line) > COLUMNS and not is_code and not line.lstrip().startswith("|")
                  and not line.startswith("    ") and can_be_broken(line)):
                long.append(str(number))
        if long:
            tree.complain("long lines", f"{path}: {', '.join(long)}")


# ---- log events ----

def arguments(text):
    """The arguments of a call; `text` is what follows its opening bracket."""
    found, depth = [""], 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|.', text, re.DOTALL):
        if token == ")" and depth == 0:
            return found
        if token == "," and depth == 0:
            found.append("")
            continue
        depth += (token in "({[") - (token in ")}]")
        found[-1] += token
    return found


def check_events(tree):
    count = 0
    for path in tree.sources:
        text = tree.read(path)
        for call in re.finditer(r"\bfd_log(?:_fields)?\(", text):
            event = (arguments(text[call.end():]) + [""])[1]
            for name in re.findall(r'"((?:[^"\\]|\\.)*)"', event):
                count += 1
                if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
                    line = text.count("\n", 0, call.start()) + 1
                    tree.complain("log event", f"{path}:{line}: {name!r}")
    return count


# ---- figures ----

def print_table(tree, circles, twice, headers, openings, events):
    rows = collections.defaultdict(list)
    for path in tree.sources:
        rows[layer(path)].append(path)
    rows["all"] = tree.sources
    print(f"{'layer':9} {'.c':>4} {'.h':>4} {'median':>7} {'maximum':>8}"
          f" {'headers > 250':>14} {'circles':>8} {'no opening':>11}  longest")
    for name, paths in rows.items():
        among = set(paths)
        longest = max(paths, key=tree.lines.get)
        print(f"{name:9} {sum(path.suffix == '.c' for path in paths):4}"
              f" {sum(path.suffix == '.h' for path in paths):4}"
              f" {statistics.median(tree.lines[path] for path in paths):7.0f}"
              f" {tree.lines[longest]:8} {len(among.intersection(headers)):14}"
              f" {sum(not among.isdisjoint(circle) for circle in circles):8}"
              f" {len(among.intersection(openings)):11}  {longest}")
    print(f"file names twice: {len(twice)}; files in circles: {sum(map(len, circles))};"
          f" log events: {events}")


def main():
    parser = argparse.ArgumentParser(description="Checks how the source tree is built up.")
    parser.add_argument("--report", action="store_true", help="end with 0 whatever is found")
    parser.add_argument("--tree", type=pathlib.Path, default=pathlib.Path(__file__).parents[1],
                        help="the source tree, if not this one")
    parser.add_argument("build", type=pathlib.Path, help="a build folder")
    options = parser.parse_args()

    tree = Tree(options.tree.resolve())
    circles = check_circles(tree, options.build.resolve())
    twice = check_names(tree)
    headers = check_lengths(tree)
    openings = check_openings(tree)
    check_documents(tree)
    events = check_events(tree)
    print_table(tree, circles, twice, headers, openings, events)
    print("\n".join(tree.violations))
    kinds = collections.Counter(violation.split(":")[0] for violation in tree.violations)
    print(f"structure: {len(tree.violations)} violations",
          "".join(f", {count} {kind}" for kind, count in kinds.items()), sep="")
    sys.exit(bool(tree.violations) and not options.report)


if __name__ == "__main__":
    main()

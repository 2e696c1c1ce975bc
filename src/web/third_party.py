"""Makes the parts of the pages that other people wrote, from Debian's packages:
third_party.py SHARE FOLDER, with SHARE = /usr/share. See meson.build for what FOLDER gets."""

import pathlib
import re
import shutil
import sys

JAVASCRIPT_PACKAGES = {
    "node-markdown-it": ["markdown-it.js"],
    "libjs-katex": ["katex.js", "katex.css"],
    "fonts-katex": [],
    "libjs-highlight.js": ["highlight.js"],
}
REQUIRE = re.compile(r"""\brequire\(\s*(['"])([^'"]+)\1\s*\)""")
COMMENT = re.compile(r"^\s*(?://|\*|/\*)")
# A module of Node.js, which only addresses of links would need: the page shows these as they are.
BUILT_IN = {"punycode": "exports.toASCII = exports.toUnicode = (text) => text;"}


def resolve(name, folder):
    """The file that require(name) loads in a module of this folder."""
    if name.startswith("."):
        found = folder / name
    else:
        places = [place / "node_modules" / name for place in (folder, *folder.parents)]
        found = next(place for place in places if place.exists() or place.with_suffix(".js").exists())
    if found.is_dir():
        found = found / "index.js"
    elif not found.exists():
        found = found.with_name(found.name + ".js")
    return found.resolve(strict=True)


def bundle(start):
    """The module and all that it requires, as one module for browsers."""
    numbers, bodies, waiting = {}, {}, [start.resolve(strict=True)]

    def number(path):
        if path not in numbers:
            numbers[path] = len(numbers)
            waiting.append(path)
        return numbers[path]

    number(waiting.pop())
    while waiting:
        path = waiting.pop()
        if path in BUILT_IN:
            bodies[numbers[path]] = BUILT_IN[path]
            continue
        text = path.read_text()
        if path.suffix == ".json":
            bodies[numbers[path]] = f"module.exports = {text.strip()};"
            continue

        def load(match, folder=path.parent):
            name = match.group(2)
            return f"load({number(name if name in BUILT_IN else resolve(name, folder))})"

        lines = (line if COMMENT.match(line) else REQUIRE.sub(load, line) for line in text.split("\n"))
        bodies[numbers[path]] = "\n".join(lines)
    functions = ",\n".join(f"function (load, module, exports) {{\n{bodies[i]}\n}}" for i in sorted(bodies))
    return (f"const parts = [\n{functions}\n];\nconst loaded = [];\n"
            "function load(i) {\n    if (loaded[i] === undefined) {\n        loaded[i] = { exports: {} };\n"
            "        parts[i](load, loaded[i], loaded[i].exports);\n    }\n    return loaded[i].exports;\n}\n"
            "export default load(0);\n")


def katex_style(text):
    """The style sheet with one format of each font, at its address on the pages."""
    return re.sub(r"src:[^;}]*?url\(fonts/([\w-]+\.woff2)\)[^;}]*", r'src:url(\1) format("woff2")', text)


def main():
    share, folder = map(pathlib.Path, sys.argv[1:])
    (folder / "markdown-it.js").write_text(bundle(share / "nodejs/markdown-it/lib/index.js"))
    shutil.copyfile(share / "javascript/katex/katex.js", folder / "katex.js")
    (folder / "katex.css").write_text(katex_style((share / "javascript/katex/katex.css").read_text()))
    shutil.copyfile(share / "javascript/highlight.js/highlight.min.js", folder / "highlight.js")
    fonts = sorted((share / "fonts/truetype/katex").glob("*.woff2"))
    for font in fonts:
        shutil.copyfile(font, folder / font.name)
    parts = ["The pages of fisherd contain these works of others, each under the licence below it."]
    for package, files in JAVASCRIPT_PACKAGES.items():
        names = files or [font.name for font in fonts]
        notice = (share / "doc" / package / "copyright").read_text()
        parts += [f"{'=' * 100}\nFiles: {' '.join(names)}\nFrom Debian's package {package}\n", notice]
    (folder / "third-party.txt").write_text("\n".join(parts))


main()

"""Reads the tables of the sources: routes, problem codes, members of bodies, parameters."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
API = ROOT / "src/http/api"


def routes():
    """The rows of routes.def as dictionaries."""
    rows = re.findall(r'^ROUTE\("(\w+)", "(\w+)", "([^"]+)", (\w+), (\w+), (\w+), ([^)]+)\)',
                      (API / "routes.def").read_text(), re.MULTILINE)
    return [{"name": name, "method": method.lower(), "path": path, "role": role.lower(),
             "body_limit": "streamed" if limit == "STREAMED" else number(limit)} for name, method, path, role, _, _, limit in rows]


def codes():
    """The status of each code of a problem, and in which order they stand."""
    rows = re.findall(r'^CODE\((\w+), "(\w+)", (\d{3}), "(.+)"\)$',
                      (ROOT / "src/http/json/problem_codes.def").read_text(), re.MULTILINE)
    assert len(rows) > 30
    return {code: int(status) for _, code, status, _ in rows}


# ---- constants ----

def _constants():
    """The constants of the sources that are written as numbers, by name, and by file and name."""
    found = {"UINT32_MAX": 2**32 - 1, "INT64_MAX": 2**63 - 1}
    own = {}
    for path in sorted([*ROOT.glob("src/**/*.[ch]"), *ROOT.glob("include/**/*.h")]):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        pairs = re.findall(r"^#define (\w+) +(\S.*)$", text, re.MULTILINE)
        for block in re.findall(r"enum(?: \w+)? \{([^}]*)\}", text):
            pairs += re.findall(r"(\w+)\s*=\s*([^,]+?)\s*(?:,|\Z)", block)
        for name, value in pairs:
            try:
                known = number(value, found, {})
            except (KeyError, SyntaxError, ValueError):
                continue
            found.setdefault(name, known)
            own[path, name] = known
    return found, own


def number(text, constants=None, own=None, path=None):
    """The value of a constant expression."""
    text = re.sub(r"U?INT64_C\(([^)]*)\)", r"\1", text.strip())
    text = re.sub(r"\b(\d+)[uUlL]+\b", r"\1", text)

    def value(node):
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return (own or {}).get((path, node.id), (constants or {}).get(node.id)) \
                if (own or {}).get((path, node.id)) is not None else (constants or {})[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            return {ast.Add: lambda: left + right, ast.Sub: lambda: left - right,
                    ast.Mult: lambda: left * right, ast.LShift: lambda: left << right}[
                        type(node.op)]()
        raise ValueError(text)
    result = value(ast.parse(text, mode="eval").body)
    if not isinstance(result, (int, float)):
        raise ValueError(text)
    return result


_CONSTANTS, _OWN = _constants()


# ---- tables ----

def _choices():
    found = {}
    for path in ROOT.glob("src/**/*.c"):
        for name, body in re.findall(r"const char \*const (\w+)\[\w*\] = \{(.*?)\};",
                                     path.read_text(), re.DOTALL):
            found[name] = re.findall(r'"([^"]*)"', body)
    return found


_CHOICES = _choices()


def _initializers(text):
    """The rows {…} of a table's text."""
    rows, depth, start = [], 0, 0
    for i, character in enumerate(text):
        if character == "{":
            depth += 1
            start = i + 1 if depth == 1 else start
        elif character == "}":
            depth -= 1
            if depth == 0:
                rows.append(text[start:i])
    return rows


def _tables(kind):
    found = {}
    for path in sorted(API.glob("*.c")):
        text = path.read_text()
        macros = {name: body.replace("\\\n", " ") for name, body in
                  re.findall(r"#define (AT|CHOICE)\(\w+\)((?:.*\\\n)*.*)", text)}
        for name, body in re.findall(rf"static const {kind} (\w+)\[\] = \{{(.*?)\n\}};", text,
                                     re.DOTALL):
            if "CHOICE" in macros:
                body = re.sub(r"CHOICE\((\w+)\)",
                              lambda m: "{" + f'"{m[1]}", FD_PARAMETER_TEXT' + "}", body)
            if "AT" in macros:
                tail = re.search(r"(, \.m.*)", macros["AT"])
                body = re.sub(r"AT\([\w.]+\)", "x" + (tail[1] if tail else ""), body)
            found[name] = [_row(row, path) for row in _initializers(body)]
    return found


def _row(text, path):
    name, rest = re.match(r'\s*"(\w+)", (.*)', text, re.DOTALL).groups()
    row = {"name": name, "kind": re.match(r"(\w+)", rest)[1].split("_", 2)[2].lower(),
           "required": ".required = true" in rest, "nullable": ".nullable = true" in rest}
    for limit in ("min", "max", "lowest", "highest"):
        given = re.search(rf"\.{limit} = ([^,]+)", rest)
        row[limit] = number(given[1], _CONSTANTS, _OWN, path) if given else 0
    choices = re.search(r"\.choices = (\w+)", rest)
    row["choices"] = _CHOICES[choices[1]] if choices else None
    return row


def field_tables():
    """The tables of members, by name: rows with name, kind, required, nullable and limits."""
    return _tables("fd_field")


def parameter_tables():
    return _tables("fd_parameter")

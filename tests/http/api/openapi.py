"""docs/openapi.yaml, and whether a response of the daemon is one that it describes."""

import copy
import json
import pathlib
import re

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
METHODS = ("get", "put", "post", "delete", "patch")

# The C loader is some ten times faster, where libyaml is there.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


DOCUMENT = yaml.load((ROOT / "docs/openapi.yaml").read_text(encoding="utf-8"), _LOADER)


def operations():
    """(path, method, operation) of each operation."""
    return [(path, method, operation) for path, item in DOCUMENT["paths"].items()
            for method, operation in item.items() if method in METHODS]


def resolve(value):
    """The value itself where it is a reference."""
    while isinstance(value, dict) and set(value) == {"$ref"}:
        target = DOCUMENT
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        value = target
    return value


# ---- responses ----

def _close(schema):
    """Refuses members that a schema does not name, but where it says which others there are."""
    if isinstance(schema, list):
        for one in schema:
            _close(one)
    if not isinstance(schema, dict):
        return
    if "properties" in schema and "additionalProperties" not in schema and "$ref" not in schema:
        schema["additionalProperties"] = False
    for member in schema.values():
        _close(member)


_CLOSED = copy.deepcopy(DOCUMENT)
_close(_CLOSED["components"]["schemas"])
_RESOLVER = jsonschema.RefResolver.from_schema(_CLOSED)
_FORMATS = jsonschema.FormatChecker(formats=())
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@_FORMATS.checks("date-time")
def _is_time(value):
    return not isinstance(value, str) or bool(_TIME.match(value))


def _patterns():
    rows = []
    for path, method, operation in operations():
        pattern = "/".join("[^/]+" if part == "{id}" else re.escape(part)
                           for part in path.split("/"))
        rows.append((method.upper(), re.compile(pattern + r"\Z"), "{" not in path, operation))
    return sorted(rows, key=lambda row: not row[2])  # a literal path before one with {id}


_PATTERNS = _patterns()
_operation_of = {}


def operation_of(method, target):
    """The operation of a request; None where the document has none."""
    path = target.partition("?")[0]
    key = method, path
    if key not in _operation_of:
        if len(_operation_of) > 10000:
            _operation_of.clear()
        method = "GET" if method == "HEAD" else method
        _operation_of[key] = next((operation for known, pattern, _, operation in _PATTERNS
                                   if known == method and pattern.match(path)), None)
    return _operation_of[key]


KEPT = 3  # of a long list its first and last elements stand for the others


def shape(value):
    """What a schema can tell of a value without its numbers and texts, and a value of that shape.
    So a response of a known shape need not be validated again."""
    if isinstance(value, dict):
        members = {name: shape(member) for name, member in value.items()}
        return (frozenset((name, known) for name, (known, _) in members.items()),
                {name: kept for name, (_, kept) in members.items()})
    if isinstance(value, list):
        rows = value if len(value) <= KEPT + 1 else value[:KEPT] + value[-1:]
        shapes = [shape(row) for row in rows]
        return (frozenset(known for known, _ in shapes), [kept for _, kept in shapes])
    return type(value), value


_seen = set()
_validators = {}
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def validate(name, schema, value):
    if name not in _validators:
        _validators[name] = jsonschema.Draft202012Validator(schema, resolver=_RESOLVER,
                                                            format_checker=_FORMATS)
    error = jsonschema.exceptions.best_match(_validators[name].iter_errors(value))
    assert error is None, (f"docs/openapi.yaml does not describe this of {name}: "
                           f"{error.message} at /{'/'.join(map(str, error.absolute_path))}")


LARGE = 1 << 18  # of one operation and status, one body of so many bytes is validated

_large = set()


def check(method, target, response):
    """Fails where the document does not describe a response."""
    status, body = response.status, response.body
    operation = operation_of(method, target)
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    is_readable = method != "HEAD" and "Content-Encoding" not in response.headers
    if operation is None:
        assert status >= 400 or method == "OPTIONS", (
            f"docs/openapi.yaml does not have {method} {target}, which was answered with {status}")
        if media_type == "application/problem+json" and is_readable:
            _check_json(("a refusal", status), _PROBLEM, json.loads(body))
        return
    responses = operation["responses"]
    name = operation["operationId"], status
    assert str(status) in responses or (status >= 400 and "default" in responses), (
        f"docs/openapi.yaml does not have the status {status} of {operation['operationId']}")
    described = resolve(responses.get(str(status), responses.get("default")))
    for header, about in described.get("headers", {}).items():
        assert header in response.headers or not resolve(about).get("required"), (
            f"the response {status} of {operation['operationId']} lacks {header}")
    content = described.get("content", {})
    if not content:
        return
    assert media_type in content or "*/*" in content, (
        f"docs/openapi.yaml does not have the media type {media_type} of {name}")
    if not media_type.endswith(("/json", "+json")) or "schema" not in content.get(media_type, {}) or \
            not is_readable or (len(body) > LARGE and name in _large):
        return
    if len(body) > LARGE:
        _large.add(name)
    _check_json(name, content[media_type]["schema"], json.loads(body))


def _check_json(name, schema, value):
    known, kept = shape(value)
    # The code of a problem is a part of its shape: each operation names those that it may have.
    key = name, known, value.get("code") if isinstance(value, dict) else None
    if key not in _seen:
        validate(name, schema, kept)
        _seen.add(key)

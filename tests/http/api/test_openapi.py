"""docs/openapi.yaml has every route, parameter, member, limit and problem of the sources."""

import json

import jsonschema
import pytest

import c_tables
import openapi
from client import Daemon, Response

SCHEMAS = openapi.DOCUMENT["components"]["schemas"]
OPERATIONS = {operation["operationId"]: (path, method, operation)
              for path, method, operation in openapi.operations()}
FIELDS = c_tables.field_tables()
PARAMETERS = c_tables.parameter_tables()


def fail_with(lines):
    assert not lines, "docs/openapi.yaml and the sources differ:\n" + "\n".join(lines)


# ---- routes ----

def test_the_document_has_each_route_and_no_other():
    routes = {route["name"]: route for route in c_tables.routes()}
    wrong = [f"missing: {name}, {routes[name]['method']} {routes[name]['path']}"
             for name in routes.keys() - OPERATIONS.keys()]
    wrong += [f"not in routes.def: {name}" for name in OPERATIONS.keys() - routes.keys()]
    for name in routes.keys() & OPERATIONS.keys():
        path, method, operation = OPERATIONS[name]
        found = {"name": name, "method": method, "path": path, "role": operation.get("x-role"),
                 "body_limit": operation.get("x-body-limit", 0)}
        wrong += [f"{name}: {key} is {found[key]}, in routes.def {value}"
                  for key, value in routes[name].items() if found[key] != value]
        is_public = found["role"] in ("open", "public")
        if operation["security"] != ([] if is_public else [{"token": []}, {"session": []}]):
            wrong.append(f"{name}: security does not fit the role {found['role']}")
        if ("requestBody" in operation) != (found["body_limit"] != 0):
            wrong.append(f"{name}: has a body or a limit of it, but not both")
        if ("{id}" in path) != any(parameter["in"] == "path" for parameter in
                                   map(openapi.resolve, operation.get("parameters", []))):
            wrong.append(f"{name}: the parameter id and the path differ")
    fail_with(sorted(wrong))


# ---- parameters ----

KINDS = {"integer": {"type": "integer"}, "boolean": {"type": "boolean"}, "text": {"type": "string"}}


def parameter_faults(where, row, parameter):
    schema = openapi.resolve(parameter["schema"])
    if row["kind"] == "time":
        return [] if schema is SCHEMAS["TimeParameter"] else [f"{where}: is a TimeParameter"]
    wrong = []
    if schema["type"] != KINDS[row["kind"]]["type"]:
        wrong.append(f"{where}: the type is {row['kind']}")
    if row["kind"] == "integer":
        wrong += [f"{where}: {name} is {row[limit]}" for limit, name in
                  (("min", "minimum"), ("max", "maximum")) if schema.get(name) != row[limit]]
    return wrong


def test_the_document_has_each_query_parameter():
    wrong, used = [], set()
    for name, (_, _, operation) in OPERATIONS.items():
        table = operation.get("x-parameters")
        used.add(table)
        rows = {row["name"]: row for row in PARAMETERS.get(table, [])}
        if table and table not in PARAMETERS:
            wrong.append(f"{name}: there is no table {table}")
        given = {parameter["name"]: parameter for parameter in
                 map(openapi.resolve, operation.get("parameters", [])) if parameter["in"] == "query"}
        wrong += [f"{name}: lacks the parameter {p}" for p in rows.keys() - given.keys()]
        wrong += [f"{name}: does not take the parameter {p}" for p in given.keys() - rows.keys()]
        for p in rows.keys() & given.keys():
            wrong += parameter_faults(f"{name}: {p}", rows[p], given[p])
    wrong += [f"no operation has x-parameters: {table}" for table in PARAMETERS.keys() - used]
    fail_with(sorted(wrong))


# ---- members of bodies ----

REFERENCED = {"id": "Id", "reference": "Reference", "text": "Text", "embedding": "Embedding"}


def without_null(schema):
    """The schema, and whether it takes null too."""
    if "oneOf" in schema and {"type": "null"} in schema["oneOf"]:
        (other,) = [one for one in schema["oneOf"] if one != {"type": "null"}]
        return openapi.resolve(other), True
    if isinstance(schema.get("type"), list):
        assert "null" in schema["type"]
        (other,) = [one for one in schema["type"] if one != "null"]
        return {**schema, "type": other}, True
    return schema, False


def limits_of(row):
    kind = row["kind"]
    if kind == "integer":
        return {"type": "integer", "minimum": row["min"], "maximum": row["max"]}
    if kind == "real":
        return {"type": "number", "minimum": row["lowest"], "maximum": row["highest"]}
    if kind == "array":
        return {"type": "array", "maxItems": row["max"]}
    if kind == "enum":
        return {"enum": row["choices"]}
    if kind in ("boolean", "object"):
        return {"type": kind}
    return {}


def member_faults(where, row, schema):
    schema, nullable = without_null(openapi.resolve(schema))
    wrong = []
    if nullable != row["nullable"]:
        wrong.append(f"{where}: null is {'taken' if row['nullable'] else 'refused'}")
    for key, value in limits_of(row).items():
        if schema.get(key) != value:
            wrong.append(f"{where}: {key} is {value}, not {schema.get(key)}")
    name = REFERENCED.get(row["kind"])
    # A schema of its own may be narrower than the table: the engine checks more.
    if name and schema is not SCHEMAS[name] and schema.get("type") != "string":
        wrong.append(f"{where}: is a {name}")
    return wrong


def test_the_document_has_each_member_of_each_body():
    wrong, used = [], {}
    for name, schema in SCHEMAS.items():
        table = schema.get("x-table")
        if not table:
            continue
        used[table] = name
        if table not in FIELDS:
            wrong.append(f"{name}: there is no table {table}")
            continue
        if schema.get("additionalProperties") is not False:
            wrong.append(f"{name}: additionalProperties is false, as unknown members are refused")
        rows = {row["name"]: row for row in FIELDS[table]}
        members = schema["properties"]
        wrong += [f"{name}: lacks the member {m}" for m in rows.keys() - members.keys()]
        wrong += [f"{name}: does not take the member {m}" for m in members.keys() - rows.keys()]
        required = {m for m, row in rows.items() if row["required"]}
        if required != set(schema.get("required", [])):
            wrong.append(f"{name}: required are {sorted(required)}")
        for m in rows.keys() & members.keys():
            wrong += member_faults(f"{name}: {m}", rows[m], members[m])
    wrong += [f"no schema has x-table: {table}" for table in FIELDS.keys() - used.keys()]
    fail_with(sorted(wrong))


# ---- problems ----

def problem_schemas():
    """The statuses and codes of each response that is a problem."""
    for name, response in openapi.DOCUMENT["components"]["responses"].items():
        content = response.get("content", {}).get("application/problem+json")
        if content:
            yield name, content["schema"]["properties"]


def test_the_document_has_each_code_with_its_status():
    codes, found, wrong = c_tables.codes(), {}, []
    for name, members in problem_schemas():
        status = members["status"]
        statuses = [status["const"]] if "const" in status else status["enum"]
        for code in members["code"]["enum"]:
            found[code] = statuses
            if codes.get(code) not in statuses:
                wrong.append(f"{name}: the status of {code} is {codes.get(code)}")
    wrong += [f"lacks the code {code}" for code in codes.keys() - found.keys()]
    fail_with(sorted(wrong))


def test_each_operation_has_the_problems_that_any_request_may_meet():
    wrong = []
    for name, (path, _, operation) in OPERATIONS.items():
        needed = {"400", "403", "413", "415", "500", "503", "default"}
        needed |= set() if operation["x-role"] == "open" else {"401", "429"}
        needed |= {"422"} if "requestBody" in operation else set()
        needed |= {"404"} if "{id}" in path else set()
        wrong += [f"{name}: lacks the response {status}"
                  for status in sorted(needed - operation["responses"].keys())]
        for status, response in operation["responses"].items():
            content = openapi.resolve(response).get("content", {})
            problem = content.get("application/problem+json")
            if problem and status != "default" and \
                    problem["schema"]["properties"]["status"] != {"const": int(status)}:
                wrong.append(f"{name}: the response to {status} is one of another status")
    fail_with(sorted(wrong))


# ---- the document itself ----

def test_each_schema_is_a_schema():
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_each_schema_is_used_and_each_reference_leads_somewhere():
    text = json.dumps(openapi.DOCUMENT)
    for kind, parts in openapi.DOCUMENT["components"].items():
        if kind != "securitySchemes":
            assert [name for name in parts if f'"#/components/{kind}/{name}"' not in text] == []


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("openapi") / "fisherd.db") as daemon:
        yield daemon.call("GET", "/openapi.json")


def test_the_daemon_serves_the_document(served):
    def public(value):
        if isinstance(value, dict):
            return {key: public(member) for key, member in value.items()
                    if key not in ("x-table", "x-parameters")}
        return [public(member) for member in value] if isinstance(value, list) else value
    assert served.json == public(openapi.DOCUMENT)
    assert served.headers["Content-Type"] == "application/json" and served.headers["ETag"]


# ---- examples ----

IDS = {"item_scores_set": "p1-r1", "label_correct": "anna-1"}
NEEDS_MORE = {"session_begin"}  # a token


def examples():
    """Of each body, in the order of the document: operation, media type, schema, example."""
    for name, (_, _, operation) in OPERATIONS.items():
        content = operation.get("requestBody", {}).get("content", {})
        for media_type, described in content.items():
            if "example" in described:
                yield name, media_type, described["schema"], described["example"]


def test_each_json_body_has_an_example_that_its_schema_takes():
    shown = set()
    for name, media_type, schema, example in examples():
        shown.add(name)
        openapi.validate(f"the example of {name} in {media_type}", schema, example)
    assert shown == {name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation}


def test_the_daemon_takes_each_example(tmp_path):
    ids = dict(IDS)
    with Daemon(tmp_path / "fisherd.db", {"embedding-url": "builtin:hash", "backup-dir": tmp_path}) as daemon:
        daemon.add_items([{"id": f"p2-r{i}", "prompt_id": "p2", "prompt": "What is a pair?",
                           "response": f"It is {i} items."} for i in range(4)])
        for name, media_type, _, example in examples():
            path, method, _ = OPERATIONS[name]
            body = example if isinstance(example, str) else json.dumps(example)
            response = daemon.call(method.upper(), path.replace("{id}", ids.get(name, "")), raw=body,
                                   headers={"Content-Type": media_type})
            assert response.status in (200, 201, 202) or name in NEEDS_MORE, (name, response)
            assert b'"error"' not in response.body, (name, response)  # a line's
            assert name != "import" or response.json["errors"] == [], response
            if name == "assign":
                ids["assignment_renew"] = response.json["assignments"][0]["id"]


# ---- the check of each response in client.py ----

def answer(status, body, media_type="application/json"):
    return Response(status, {"Content-Type": media_type}, json.dumps(body).encode())


PROBLEM = {"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found",
           "detail": "there is no item with this id", "request_id": "1"}


@pytest.mark.parametrize(("method", "target", "response", "says"), [
    ("GET", "/livez", answer(200, {"status": "ok", "more": 1}), "more"),
    ("GET", "/livez", answer(200, {}), "'status' is a required property"),
    ("GET", "/livez", answer(200, {"status": "ok"}, "text/plain"), "media type"),
    ("GET", "/livez", answer(201, {"status": "ok"}), "the status 201"),
    ("GET", "/v1/nothing", answer(200, {}), "/v1/nothing"),
    ("GET", "/v1/items?limit=1", answer(200, {"items": [], "next_cursor": 1}), "next_cursor"),
    ("GET", "/v1/items/x", answer(404, {**PROBLEM, "code": "other"},
                                  "application/problem+json"), "code"),
    ("GET", "/v1/models", answer(404, PROBLEM, "application/problem+json"), "is not one of"),
])
def test_a_response_that_the_document_does_not_describe_fails(method, target, response, says):
    with pytest.raises(AssertionError, match=says):
        openapi.check(method, target, response)


def test_a_response_that_the_document_describes_passes():
    openapi.check("GET", "/livez", answer(200, {"status": "ok"}))
    openapi.check("HEAD", "/livez", answer(200, {}))
    openapi.check("GET", "/v1/items/x?embedding=true",
                  answer(404, PROBLEM, "application/problem+json"))
    openapi.check("GET", "/v1/nothing",
                  answer(404, {**PROBLEM, "code": "unknown_path"}, "application/problem+json"))


def test_every_row_of_a_long_list_need_not_be_read():
    row = {"pointer": "", "detail": "x"}
    assert openapi.shape([row] * 9)[1] == [row] * (openapi.KEPT + 1)

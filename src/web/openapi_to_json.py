"""Writes docs/openapi.yaml as the JSON that the daemon serves: openapi_to_json.py YAML JSON."""

import json
import pathlib
import sys

import yaml

# What ties the document to the sources says nothing to clients.
INTERNAL = {"x-table", "x-parameters"}


def public(value):
    if isinstance(value, dict):
        return {key: public(member) for key, member in value.items() if key not in INTERNAL}
    return [public(member) for member in value] if isinstance(value, list) else value


def main():
    source, output = map(pathlib.Path, sys.argv[1:])
    document = public(yaml.safe_load(source.read_text(encoding="utf-8")))
    output.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n",
                      encoding="utf-8")


main()

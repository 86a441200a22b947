"""The published schemas of `mdsctl --json` (docs/schemas/mdsctl.json) and what is checked with them."""
import json
import pathlib

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "docs/schemas/mdsctl.json"
# As they were at the last release: only what is added may differ from it.
RELEASED = ROOT / "docs/schemas/released.json"


def load(file=FILE):
    """{verb: schema}, each whole in itself."""
    told = json.loads(file.read_text())
    return {verb: {**schema, "$defs": told["$defs"]} for verb, schema in told["verbs"].items()}


def check(verb, output):
    """What a verb printed, as text; returns it."""
    told = json.loads(output)
    schema = load()[verb]
    jsonschema.Draft202012Validator(schema).validate(told)
    rows = told if isinstance(told, list) else [told]
    assert all(type(row["schema"]) is int for row in rows), verb  # noqa: E721  (True is no number)
    for row in rows:
        names(row)
    return told


def names(value, path=""):
    """Keys are words with hyphens, as in the API (C-5)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            assert key == key.lower() and "_" not in key and " " not in key, f"{path}.{key}"
            names(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            names(inner, path)


def fields(schema, defs, path="", seen=()):
    """{path: (types, required)} of a schema, definitions followed."""
    out = {}
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return {} if name in seen else fields(defs[name], defs, path, (*seen, name))
    for part in schema.get("allOf", []):
        out.update(fields(part, defs, path, seen))
    if "items" in schema:
        out.update(fields(schema["items"], defs, path + "[]", seen))
    for name, inner in schema.get("properties", {}).items():
        inner = {} if inner is True else inner
        target = defs[inner["$ref"].rsplit("/", 1)[1]] if "$ref" in inner else inner
        out[f"{path}.{name}"] = (json.dumps(target.get("type")), name in schema.get("required", []))
        out.update(fields(inner, defs, f"{path}.{name}", seen))
    return out


def all_fields(file):
    """The same of every verb of a file."""
    told = json.loads(file.read_text())
    return {f"{verb}{path}": how for verb, schema in told["verbs"].items()
            for path, how in fields(schema, told["$defs"]).items()}

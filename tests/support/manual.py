"""docs/commands.md and docs/commands.json: the commands of the management API with their parameters,
as a running server tells them (show-commands at details-level full), and the error codes."""

import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JSON_FILE, TEXT_FILE = f"{ROOT}/docs/commands.json", f"{ROOT}/docs/commands.md"
WHERE = ["System Data", "Global", "a Domain"]


def ask(sessions):
    """{command: {"description", "where", "parameters"}} of sessions in the three kinds of domain."""
    out = {}
    for where, api in zip(WHERE, sessions):
        for command in api.call("show-commands", details_level="full")["commands"]:
            name = command["name"]
            entry = out.setdefault(name, {"description": command["description"], "where": [],
                                          "parameters": command["parameters"]})
            entry["where"].append(where)
            # A tag has the same fields everywhere; where a Domain's command takes more, all are told.
            known = {p["name"] for p in entry["parameters"]}
            entry["parameters"] += [p for p in command["parameters"] if p["name"] not in known]
    out["login"] = {"description": "Opens a session", "where": ["before a session"], "parameters": [
        {"name": name, "type": kind, "meaning": meaning, **({"required": True} if must else {})}
        for name, kind, meaning, must in [
            ("user", "string", "administrator; with password; not needed with a client certificate", False),
            ("password", "string", "", False),
            ("api-key", "string", "in place of user and password", False),
            ("domain", "string", "name, uid or address of a Domain Server; System Data when absent",
             False),
            ("read-only", "boolean", "", False),
            ("continue-last-session", "boolean", "go on with the one disconnected session", False),
            ("enter-last-published-session", "boolean", "read-only", False),
            ("session-name", "string", "", False), ("session-description", "string", "", False),
            ("session-comments", "string", "", False),
            ("session-timeout", "integer", "seconds, 10 to 3600; 600 when absent", False),
            ("new-password", "string", "when the password must be changed", False)]]}
    return dict(sorted(out.items()))


def rows(parameters, prefix=""):
    """Lines of a table, nested parameters with their path."""
    for p in parameters:
        name = prefix + p["name"]
        more = p.get("meaning", "")
        if "values" in p:
            more = ", ".join(p["values"])
        if "default" in p and p["default"] not in ("", []):
            default = p["default"] if isinstance(p["default"], str) \
                else json.dumps(p["default"], sort_keys=True)
            more += ("; " if more else "") + "default: " + default
        if "range" in p and not p["range"].endswith("4294967295"):
            more += ("; " if more else "") + p["range"]
        must = "**yes**" if p.get("required") else ""
        yield f"| `{name}` | {p['type']} | {must} | {more.replace('|', '/')} |"
        if "parameters" in p:
            dot = "[]." if p["type"].startswith("list") else "."
            yield from rows(p["parameters"], name + dot)


def errors():
    """(code, HTTP status, exit code) of lib/base/errors.def."""
    with open(f"{ROOT}/lib/base/errors.def", encoding="utf-8") as table:
        found = re.findall(r'MDS_ERROR\(\w+, "([^"]+)", (\d+), (\d+)\)', table.read())
    return sorted(set(found))


def markdown(commands):
    """The manual as text."""
    out = ["# Commands of the management API", "",
           "Made from what the server itself tells (`show-commands` with `details-level` `full`); a test",
           "compares the two. On the command line: `mgmt_cli help add host`. Addresses may be given as",
           "`ip-address`, `subnet`, `mask-length` and so on in place of the names with 4 or 6.", ""]
    for name, command in commands.items():
        where = "" if len(command["where"]) == 3 else " Only in: " + ", ".join(command["where"]) + "."
        out += [f"## {name}", "", command["description"] + "." + where, ""]
        if command["parameters"]:
            out += ["| parameter | type | required | values |", "| --- | --- | --- | --- |",
                    *rows(command["parameters"]), ""]
    out += ["## Errors", "", "| code | HTTP status | exit code of our commands |", "| --- | --- | --- |"]
    out += [f"| `{code}` | {status} | {exit_code} |" for code, status, exit_code in errors()]
    return "\n".join(out) + "\n"


def write(commands):
    """Writes both files."""
    with open(JSON_FILE, "w", encoding="utf-8") as file:
        # One command a line: a change of one is a change of one line.
        lines = [f"{json.dumps(name)}: {json.dumps(entry, sort_keys=True)}"
                 for name, entry in commands.items()]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    with open(TEXT_FILE, "w", encoding="utf-8") as file:
        file.write(markdown(commands))

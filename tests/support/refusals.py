"""Refusals as each face renders them: the management API over HTTPS, the bus, mgmt_cli and mdsctl. One refusal is
the same everywhere: code, text, id and what to do instead (RF-01 to RF-40). docs/refusals.md is written from them."""

import dataclasses
import json
import os
import re
import shlex

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIST, PAGE = f"{ROOT}/docs/refusals.list", f"{ROOT}/docs/refusals.md"

# What is another one each time.
CHANGING = [(re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
            (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)"), "TIME"),
            (re.compile(r"(?<![\d.])\d+\.\d+\.\d+(?![.\d])"), "VERSION"),
            (re.compile(r"(?<=Owner: )\w+"), "WHO"), (re.compile(r"revision \d+"), "revision N")]


def settled(text):
    """The text without what changes from one time to the next."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return text


@dataclasses.dataclass
class Refusal:
    """What one face has said."""
    code: str
    message: str
    id: str
    next: str
    errors: list = dataclasses.field(default_factory=list)

    def alike(self):
        """What must be the same on all faces."""
        return (settled(self.message), self.id, settled(self.next), [settled(e) for e in self.errors])


def of_body(body):
    """Of an answer of the management API."""
    refusal = body.get("refusal", {})
    return Refusal(body["code"], body["message"], refusal.get("id", ""), refusal.get("next", ""),
                   [e["message"] for e in body.get("errors", [])])


def of_text(text, code=""):
    """Of what a command or the bus says: message, lines of errors, id in brackets, what to do next."""
    lines = text.strip().splitlines()
    lines[0] = re.sub(r"^(Error|Call failed): ", "", lines[0])
    following = [re.sub(r"^\s*Next:\s+", "", line) for line in lines if re.match(r"\s*Next:", line)]
    body = "\n".join(line for line in lines if not re.match(r"\s*Next:", line))
    found = re.search(r"\s+\[(RF-\d\d)\]", body)
    body = re.sub(r"\s+\[RF-\d\d\]", "", body)
    first, *errors = body.splitlines()
    return Refusal(code, first, found.group(1) if found else "", following[0] if following else "",
                   [e.strip() for e in errors])


def by_api(api, command, body):
    """Of a session."""
    status, reply = api.raw(command, json.dumps(body).encode())
    assert status >= 400, (command, body, reply)
    return of_body(reply)


def run(host, domain, command, body, user="root"):
    """(status, answer) of org.openmds.Core1.Run, as busctl calls it."""
    words = ["busctl", "--json=short", "call", "org.openmds.Core1", "/org/openmds/Core1", "org.openmds.Core1", "Run",
             "ssayah", domain or "", command, *octets(json.dumps(body)), "0"]
    if user != "root":
        words = ["runuser", "-u", user, "--", *words]
    status, reply, _ = json.loads(host.out(shlex.join(words)))["data"]
    return status, json.loads(bytes(reply))


def by_bus(host, domain, command, body, user="root"):
    """The same, which must refuse it."""
    status, reply = run(host, domain, command, body, user)
    assert status >= 400, (command, body, reply)
    return of_body(reply)


def octets(text):
    """A text as an array of bytes, as busctl takes it."""
    data = text.encode()
    return [str(len(data)), *map(str, data)]


def by_method(host, service, method, signature, *arguments):
    """Another method of the bus, which refuses with an error."""
    path = "/" + service.replace(".", "/")
    done = host.sh(shlex.join(["busctl", "call", service, path, service, method, signature, *arguments]), check=False)
    assert done.returncode != 0, done.stdout
    return of_text(done.stderr)


def flat(body, prefix=""):
    """Words of mgmt_cli for a body: nested names with dots, elements of lists by their number."""
    items = body.items() if isinstance(body, dict) else ((str(i), v) for i, v in enumerate(body, 1))
    for key, value in items:
        if isinstance(value, (dict, list)):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
            yield json.dumps(value) if isinstance(value, bool) else str(value)


def by_mgmt_cli(host, domain, command, body, login="-r true"):
    """mgmt_cli of a host, with the local login."""
    words = ["mgmt_cli", command, *flat(body), *login.split(), "-f", "json"]
    if domain and "-s" not in login.split():
        words += ["-d", domain]
    done = host.sh(shlex.join(words), check=False)
    assert done.returncode != 0, done.stdout
    # What went before the refusal stands before it: a change that was made and could not be published.
    return of_body(json.loads(done.stdout[done.stdout.rindex("\n{") + 1 if "\n{" in done.stdout else 0:]))


def by_mdsctl(host, words, stdin=None):
    """mdsctl of a host: for programs and for people, which must say the same."""
    done = host.sh(f"mdsctl --json {words}", check=False, input=stdin)
    assert done.returncode != 0, done.stdout
    told = json.loads(done.stderr.strip().splitlines()[-1])
    plain = host.sh(f"mdsctl {words}", check=False, input=stdin)
    assert plain.returncode == done.returncode
    seen = of_text(plain.stderr[plain.stderr.index("Error: "):])
    program = Refusal(told["code"], told["message"], told["rf"], told["hint"], seen.errors)
    assert seen.alike() == program.alike(), plain.stderr
    return program


def catalogue():
    """{id: (when, code or "", words that the message must have)} of docs/refusals.list."""
    out = {}
    with open(LIST, encoding="utf-8") as file:
        for line in file:
            if line.startswith("RF-"):
                rf, when, code, words = line.rstrip("\n").split("|")
                out[rf] = (when, "" if code == "-" else code, words.split(", "))
    return out


def page(seen):
    """docs/refusals.md of {id: (Refusal, faces)}."""
    lines = ["# Refusals", "", "Made by `./dev refusals`, which provokes each on booted hosts. Every face says the "
             "same: the management API in `code`,", "`message` and `refusal`, the bus in the answer of `Core1.Run` or "
             "in an error, `mgmt_cli` and `mdsctl` with an exit code that is", "not 0. Nothing is changed by a refused "
             "act. Names and addresses are those of the test; UID, TIME, VERSION and WHO stand for", "what is another "
             "one each time. Why it is so and what to do says the page of each, here or by `man RF-01`.", ""]
    for rf, (when, code, _) in sorted(catalogue().items()):
        refusal, faces = seen[rf]
        lines += [f"## {rf}", "", f"Refused when {when}.", "",
                  f"* code: {'`' + code + '`' if code else 'none, the command works on this host alone'}",
                  f"* says: {settled(refusal.message)}"]
        lines += [f"  * {settled(e)}" for e in refusal.errors]
        lines += [f"* instead: {settled(refusal.next)}", f"* seen in: {', '.join(faces)}",
                  f"* [why, and what to do](refusals/{rf}.md)", ""]
    return "\n".join(lines)

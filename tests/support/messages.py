"""The journal messages of the tree: lib/log/messages.def, the catalog, and where the code writes them."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOG = ROOT / "etc" / "openmds.catalog"


def ids():
    """{name: (id, priority)} in the order of the table."""
    table = (ROOT / "lib" / "log" / "messages.def").read_text()
    return {name: (uid, priority) for name, uid, priority
            in re.findall(r'^MDS_MESSAGE\((\w+), "(\w+)", (\w+)\)$', table, re.M)}


def catalog():
    """{id: (header lines, text)}"""
    out = {}
    text = CATALOG.read_text()
    for entry in re.split(r"^-- ", text, flags=re.M)[1:]:
        head, body = entry.split("\n\n", 1)
        uid, *lines = head.splitlines()
        assert uid not in out, f"{uid} twice"
        out[uid] = (lines, body)
    return out


def call_at(text, start):
    """A call with its arguments: up to the parenthesis that closes the one at or after `start`."""
    depth = 0
    for end in range(text.index("(", start), len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end + 1]
    raise AssertionError("no end of " + text[start:start + 80])


def uses():
    """{name: [fields of one place that writes it]}; the events of the replica have those of their face."""
    out = {}
    for folder in ("lib", "services", "tools", "firstboot"):
        for path in (ROOT / folder).rglob("*.cc"):
            text = path.read_text()
            for found in re.finditer(r"log::event\(", text):
                call = call_at(text, found.start())
                kind = call.split(",")[0] if "?" not in call.split(",")[0] else call[:call.index(",")]
                names = re.findall(r"message::(\w+)", kind)
                if "message_of(" in kind:
                    names = replica_events()
                shared = re.search(r"\bfields = \{(.*?)\};", text, re.S) if ", fields)" in call else None
                fields = set(re.findall(r'"(MDS_[A-Z_]+)"', call + (shared.group(1) if shared else "")))
                assert names, f"{path}: {call}"
                for name in names:
                    out.setdefault(name, []).append(fields)
    return out


def replica_events():
    """Names of the events that the replica tells, as they are written in lib/repl."""
    names = set()
    for path in (ROOT / "lib" / "repl").glob("*.cc"):
        names |= set(re.findall(r"Event::(\w+)", path.read_text()))
    return sorted(names)

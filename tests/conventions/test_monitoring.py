"""docs/monitoring.md names what exists, and all of it."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import messages  # noqa: E402
from test_messages import fixture_verbs  # noqa: E402,F401

TEXT = (ROOT / "docs" / "monitoring.md").read_text()
METRICS_CC = (ROOT / "services" / "core" / "metrics.cc").read_text()
UNIT = (ROOT / "units" / "mds-metrics.socket").read_text()


def exported():
    """{metric: (type, help)} as the code has them."""
    return {name: (kind, "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))) for name, kind, text in
            re.findall(r'family\("(\w+)", "(\w+)",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', METRICS_CC)}


def documented():
    """{metric: (type, help, labels)}"""
    return {name: (kind, text, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, text in
            re.findall(r"^\| `(openmds_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", TEXT, re.M)}


def test_every_metric_is_documented_as_it_is():
    assert exported() == {name: row[:2] for name, row in documented().items()}
    assert len(exported()) > 20 and all(name.startswith("openmds_") for name in exported())


def test_every_event_is_documented_as_it_is():
    told = {name: (uid, priority) for name, uid, priority in
            re.findall(r"^\| `(\w+)` \| `([0-9a-f]{32})` \| (\w+) \|", TEXT, re.M)}
    assert told == messages.ids()


def test_every_field_is_documented():
    used = set().union(*(fields for places in messages.uses().values() for fields in places))
    assert used == set(re.findall(r"^\| `(MDS_\w+)` \|", TEXT, re.M))


def test_examples_name_what_exists():
    metrics = documented()
    names = set(re.findall(r"\bopenmds_\w+", TEXT))
    assert names <= set(metrics), names - set(metrics)
    uids = {uid for uid, _ in messages.ids().values()}
    assert set(re.findall(r"MESSAGE_ID=(\w+)", TEXT)) <= uids
    rules = re.split(r"^  - alert: ", TEXT, flags=re.M)[1:]
    assert len(rules) > 8
    for rule in rules:
        expression = re.search(r"expr: (.*)", rule)[1]
        of = re.findall(r"openmds_\w+", expression)
        labels = set().union(*(metrics[name][2] for name in of))
        for used in re.findall(r"\$labels\.(\w+)", rule) + re.findall(r"\{(\w+)=", expression):
            assert used in labels, f"{rule.splitlines()[0]}: {used}"


def test_commands_of_the_document_exist(verbs):
    for noun, verb in re.findall(r"mdsctl (\w+)(?: ([a-z-]+))?", TEXT):
        leaf = not any(v.startswith(noun + " ") for v in verbs)
        assert noun in verbs and (leaf or f"{noun} {verb}".strip() in verbs), (noun, verb)


def test_the_socket_is_for_those_who_read_the_journal():
    values = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.M))
    assert values["ListenStream"] in TEXT and values["ListenStream"] == "/run/mds/metrics.sock"
    assert (values["SocketUser"], values["SocketGroup"], values["SocketMode"]) == ("root", "adm", "0660")
    assert values["FileDescriptorName"] == "metrics" and values["Service"] == "mds-core.service"
    assert "mds-core.service" in values["PartOf"], "a scrape must not start what was stopped"
    core = (ROOT / "units" / "mds-core.service").read_text()
    assert re.search(r"^Sockets=mds-metrics.socket$", core, re.M)
    for key in ("Wants", "After"):
        assert "mds-metrics.socket" in re.search(rf"^{key}=(.*)$", core, re.M)[1], key

"""The layers of docs/architecture.md and what may be included where."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)

# What a library may include of the others.
LIBRARIES = {
    "base": set(),
    "log": {"base"},
    "json": {"base"},
    "crypto": {"base"},
    "bus": {"base", "log"},
    "app": {"base", "log", "bus"},
    "pki": {"base", "crypto"},
    "http": {"base", "log"},
    "client": {"base", "json", "crypto"},
    "wire": {"base", "pki", "crypto"},
    "enrol": {"base", "json", "crypto", "pki"},
    "store": {"base", "json"},
    "model": {"base", "json", "store"},
    "repl": {"base", "store"},
    "mgmt": {"base", "json", "log", "model", "store"},
    "server": {"base", "json", "log", "bus", "app", "model", "store", "repl", "mgmt"},
}

# Headers of others, and the only places that see them.
HOMES = {
    r"sdbus-c\+\+/": [r"lib/bus/", r"tools/"],
    r"dbus/\w+-(adaptor|proxy)\.h": [r"services/", r"lib/server/", r"tools/", r"firstboot/"],
    r"boost/beast": [r"lib/http/", r"lib/client/"],
    r"(SQLiteCpp/|sqlite3\.h)": [r"lib/store/", r"lib/mgmt/", r"services/ca/", r"tools/backup/"],
    r"archive(_entry)?\.h": [r"tools/backup/", r"tools/mdsctl/doctor_report\.cc"],
    r"openssl/": [r"lib/crypto/", r"lib/pki/", r"lib/wire/", r"lib/http/", r"lib/enrol/",
                  r"lib/store/hash\.cc", r"services/api/", r"lib/client/"],
    r"systemd/sd-journal": [r"lib/log/"],
    r"systemd/sd-daemon": [r"lib/app/", r"services/api/", r"services/crl/"],
    r"(newt|slang)\.h": [r"firstboot/face_full\.cc"],
    r"CLI/": [r"tools/mdsctl/"],
    r"boost/json": [r"lib/json/"],
}

# Differs between versions 1.2 and 2.x of sdbus-c++ (Debian 12 and 13): lib/bus/compat.hh has it for both.
TWO_VERSIONS = re.compile(r"__has_include|\baddMatch\(|\bgetCurrentlyProcessedMessage\(|\bfinishRegistration\(|"
                          r"\bemitPropertiesChangedSignal\(|\bprocessPending\w+\(|const sdbus::Error\* \w+\)")

# Pure parts: inputs are messages, results and time (docs/architecture.md).
PURE = {"repl": ["boost/asio", "sdbus", "SQLiteCpp", "sqlite3", "openssl", "systemd", "fstream",
                 "unistd", "chrono", "random"],
        "model": ["boost/asio", "sdbus", "SQLiteCpp", "sqlite3", "openssl", "systemd", "fstream",
                  "unistd"]}


def sources(folder):
    return [p for p in (ROOT / folder).rglob("*") if p.suffix in (".cc", ".hh")]


def includes(path):
    return [(kind == "<", name) for kind, name in INCLUDE.findall(path.read_text())]


def test_every_library_has_its_place():
    assert {p.parent.name for p in (ROOT / "lib").glob("*/CMakeLists.txt")} <= set(LIBRARIES)


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_includes_only_what_is_below_it(library):
    wrong = []
    for path in sources(f"lib/{library}"):
        for system, name in includes(path):
            other = name.split("/")[0]
            if not system and other in LIBRARIES and other != library and \
                    other not in LIBRARIES[library]:
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert not wrong, wrong


def test_libraries_know_no_process():
    for path in sources("lib"):
        for _, name in includes(path):
            assert not re.match(r"(\.\./)*(services|tools|firstboot|tests)/", name), path


def test_a_service_knows_no_other_service():
    services = [p.name for p in (ROOT / "services").iterdir() if p.is_dir()]
    for service in services:
        for path in sources(f"services/{service}"):
            for _, name in includes(path):
                assert ".." not in name and "services/" not in name, f"{path}: {name}"


def test_foreign_headers_stay_in_their_homes():
    wrong = []
    for folder in ("lib", "services", "tools", "firstboot"):
        for path in sources(folder):
            place = str(path.relative_to(ROOT))
            for _, name in includes(path):
                for header, homes in HOMES.items():
                    if re.match(header, name) and not any(re.match(h, place) for h in homes):
                        wrong.append(f"{place}: {name}")
    assert not wrong, wrong


@pytest.mark.parametrize("library", sorted(PURE))
def test_pure_parts_see_no_machine(library):
    for path in sources(f"lib/{library}"):
        for _, name in includes(path):
            assert not any(name.startswith(bad) for bad in PURE[library]), f"{path}: {name}"


def test_the_product_knows_no_test():
    for folder in ("lib", "services", "tools", "firstboot"):
        for path in sources(folder):
            assert not re.search(r"gtest|FRIEND_TEST|#ifdef TEST", path.read_text()), path


def test_units_and_package_have_no_shell_in_exec_lines():
    for path in (ROOT / "units").glob("*.service"):
        for line in path.read_text().splitlines():
            if line.startswith("Exec"):
                assert not re.search(r"\bsh\b|[;|&>]", line.split("=", 1)[1]), f"{path.name}: {line}"


def test_every_difference_of_the_bus_library_stands_in_one_header():
    found = [f"{path.relative_to(ROOT)}: {hit}" for folder in ("lib", "services", "tools", "firstboot", "tests")
             for path in sources(folder) if path.name != "compat.hh"
             for hit in TWO_VERSIONS.findall(path.read_text())]
    assert found == []

"""The documents hang together: links lead somewhere, nothing is left out, what is typed in them is typed by a test."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = sorted(p.relative_to(ROOT) for p in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
# Headings of the chapter that the product is measured by; those of single figures are left out.
CHAPTER = """Overview of High Availability|Primary and Secondary Multi-Domain Servers
Active and Standby Domain Management Servers|Multi-Site High Availability Deployment Example
Creating a Secondary Multi-Domain Server|Domain Management Server High Availability and Load Sharing
Creating a Secondary Domain Management Server|How Synchronization Works|Initial Synchronization
Periodic Synchronization|Manual Synchronization|Manually Synchronizing a Multi-Domain Server
Manually Synchronizing Domain Management Servers|Multi-Domain Server ICA Database Synchronization
Changing the Active Domain Management Server|Looking at High Availability Status|Failure Recovery
Connecting to a Secondary Multi-Domain Server|Promoting the Secondary Multi-Domain Server to Primary
Restoring Domain Management Servers|Finishing the Promotion
Deleting a Secondary Multi-Domain Server or Multi-Domain Log Server
Re-Establishing SIC Trust for a Secondary Multi-Domain Server""".replace("\n", "|").split("|")


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def prose(path):
    """Without blocks and code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text(path), flags=re.M | re.S))


def anchors(path):
    """What can stand behind # in a link, as forges make it from headings."""
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text(path), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCS, ids=str)
def test_links_lead_somewhere(path):
    for link in LINK.findall(prose(path)):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        assert (ROOT / target).exists(), f"{path}: {link}"
        assert not anchor or anchor in anchors(target), f"{path}: {link}"


def test_the_readme_leads_to_every_document():
    linked = {link.partition("#")[0] for link in LINK.findall(text("README.md"))}
    missing = {str(p) for p in DOCS if p.parent == pathlib.Path("docs")} - linked
    assert not missing, missing


def test_every_heading_of_the_chapter_is_found():
    rows = [row.split("|")[1].strip() for row in text("docs/chapter.md").splitlines() if row.startswith("| ")]
    assert not [head for head in CHAPTER if head not in rows]


def test_what_is_typed_in_a_document_is_typed_by_a_test():
    tests = "".join(p.read_text(encoding="utf-8") for folder in ("tests/system", "tests/integration", "tests/support")
                    for p in (ROOT / folder).rglob("*.py")) + text("tests/recording.py")
    for path in DOCS:
        if re.search(r"^```\n(.*\n)*?[a-z]+# ", text(path), re.M) and path.parent != pathlib.Path("docs/refusals"):
            assert path.name in tests, f"{path}: no test reads it"


def test_what_the_readme_says_to_type_was_typed():
    """In the recording or another document whose commands a test types; what it says of ./dev are verbs of it."""
    recorded = "".join(re.sub(r" \\\n[> ]*", " ", text(p)) for p in DOCS if p.parent == pathlib.Path("docs"))
    lines = [line.split("  #")[0].strip() for line in re.findall(r"^    (\S.*)$", text("README.md"), re.M)]
    for line in lines:
        if line.startswith(("mdsctl ", "mgmt_cli ")):
            assert f"# {line}" in recorded or f"\n{line}\n" in recorded, line
        elif "./dev " in line:
            verb = line.split("./dev ")[1].split()[0]
            assert re.search(rf"^  {verb}\b", text("dev"), re.M), line
        else:
            assert line.split()[0] in ("apt", "mds-setup", "man", "journalctl"), line
    assert len(lines) > 10


def test_the_architecture_names_every_part():
    words = text("docs/architecture.md")
    for folder in ("services", "lib", "tools"):
        for part in sorted(p.parent.name for p in (ROOT / folder).glob("*/CMakeLists.txt")):
            name = {"services": f"`mds-{part}", "lib": f"lib/{part}", "tools": f"tools/{part}"}[folder]
            assert name in words, f"docs/architecture.md: {name}"
    for interface in (ROOT / "dbus").glob("org.openmds.*.xml"):
        name = interface.stem.removeprefix("org.openmds.").removeprefix("Internal.")
        assert name in words, f"docs/architecture.md: {name}"
    for port in re.findall(r"^ListenStream=(\d+)$", "".join(
            p.read_text(encoding="utf-8") for p in (ROOT / "units").glob("*.socket")), re.M):
        assert port in words, port

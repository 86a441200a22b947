"""The built packages as they lie there (T-36): what checkers, linkers and a second build say of them."""

import glob
import io
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = f"{ROOT}/build/packages"
TREE = f"{ROOT}/build/package/openmds"
NAMES = ("openmds-server", "openmds-gateway")


def run(*argv, check=True, **more):
    """Output of a program, errors with it; AssertionError with it when it fails."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False, **more)
    assert not check or done.returncode == 0, f"{argv}: exit {done.returncode}\n{done.stdout[-5000:]}"
    return done.stdout


def deb(name):
    """The built package of that name."""
    return glob.glob(f"{PACKAGES}/{name}_*.deb")[0]


@pytest.fixture(name="unpacked", scope="module")
def fixture_unpacked(tmp_path_factory):
    """{package: folder with its files}"""
    folders = {}
    for name in NAMES:
        folders[name] = tmp_path_factory.mktemp(name)
        run("dpkg-deb", "-x", deb(name), str(folders[name]))
    return folders


def programs(folder):
    """ELF files below a folder, by path from there."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
            found.append(path.relative_to(folder))
    return found


# ---- lintian ----

LINTIAN = ["lintian", "--allow-root", "--pedantic", "-I", "--tag-display-limit", "0", "--fail-on",
           "error,warning,info,pedantic"]


def test_T_36_lintian_has_nothing_to_say_about_the_packages():
    said = run(*LINTIAN, glob.glob(f"{PACKAGES}/*.changes")[0])
    assert said.strip() == "", said


def test_T_36_lintian_has_nothing_to_say_about_the_source(tmp_path):
    """Of what is in git, as a source package is made from a clone."""
    names = run("git", "-c", "safe.directory=*", "ls-files", "-z", cwd=ROOT).split("\0")
    for name in filter(None, names):
        if os.path.lexists(f"{ROOT}/{name}"):
            target = tmp_path / "openmds" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(f"{ROOT}/{name}", target, follow_symlinks=False)
    run("dpkg-buildpackage", "-S", "-us", "-uc", "-d", "-nc", cwd=tmp_path / "openmds")
    said = run(*LINTIAN, str(next(tmp_path.glob("*.dsc"))))
    assert said.strip() == "", said


def test_every_override_has_its_reason():
    files = glob.glob(f"{ROOT}/debian/*lintian-overrides") + glob.glob(f"{ROOT}/debian/source/lintian-overrides")
    assert files
    for path in files:
        with open(path, encoding="utf-8") as file:
            blocks = file.read().split("\n\n")
        for block in blocks:
            assert block.startswith("# "), f"{path}: no reason above {block.splitlines()[0]}"


# ---- hardening ----

def test_T_36_every_program_is_hardened(unpacked):
    for name in NAMES:
        found = programs(unpacked[name])
        assert found
        for program in found:
            path = str(unpacked[name] / program)
            header, dynamic = run("readelf", "-hW", path), run("readelf", "-dW", path)
            segments, symbols = run("readelf", "-lW", path), run("readelf", "--dyn-syms", "-W", path)
            assert "Type:                              DYN" in header and "(FLAGS_1)" in dynamic, path
            flags = re.search(r"\(FLAGS_1\).*", dynamic).group(0)
            assert "NOW" in flags and "PIE" in flags, f"{path}: {flags}"
            assert "GNU_RELRO" in segments, path
            assert re.search(r"GNU_STACK\s.*\sRW\s", segments), f"{path}: executable stack"
            assert not re.search(r"LOAD.*\sRWE\s", segments), f"{path}: memory that is written and run"
            assert "RPATH" not in dynamic and "RUNPATH" not in dynamic and "TEXTREL" not in dynamic, path
            assert "__stack_chk_fail" in symbols, f"{path}: no stack protector"
            assert re.search(r"__\w+_chk\b", symbols.replace("__stack_chk_fail", "")), f"{path}: not fortified"


def test_T_36_every_file_was_compiled_and_linked_with_the_flags_of_the_house(tmp_path):
    """The commands of the whole build, as ninja has them: the log of a build that took objects from the last one
    would name only what it compiled anew."""
    commands = run("ninja", "-C", f"{TREE}/obj/package", "-t", "commands", "all").splitlines()[1:]
    compiled = [c for c in commands if re.search(r" -c \S+\.cc$", c)]
    linked = [c for c in commands if re.search(r" -o (\S+/)?(mds-\w+|mdsctl|mgmt_cli) ", c) and " -c " not in c]
    assert len(compiled) > 200 and len(linked) > 12
    flags = run("dpkg-buildflags", "--get", "CXXFLAGS", env=dict(os.environ, DEB_BUILD_MAINT_OPTIONS="hardening=+all"))
    wanted = ["-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=2", "-Werror=format-security"]
    # Debian 12's own start-up objects know no control-flow protection, so its flags have none; Debian 13's do.
    wanted += [flag for flag in flags.split() if flag.startswith("-fcf-protection")]
    for command in compiled:
        for flag in wanted:
            assert f" {flag}" in command, f"no {flag}: {command}"
    for command in linked:
        assert "-Wl,-z,relro" in command and "-Wl,-z,now" in command, command
    log = tmp_path / "log"
    # blhc looks for the head of a build log, and knows compilers by name, not ccache.
    log.write_text("dpkg-buildpackage: info: source package openmds\n" + "\n".join(
        re.sub(r"^.*?\S*ccache ", "", c) for c in compiled + linked) + "\n")
    said = run("blhc", "--bindnow", "--arch=amd64", str(log))
    assert said.strip() == "", said


# ---- what is in them ----

def test_T_36_the_sbom_names_what_is_linked_and_nothing_else(unpacked):
    for name in NAMES:
        docs = unpacked[name] / "usr/share/doc" / name
        spdx = json.loads((docs / "sbom.spdx.json").read_text())
        cdx = json.loads((docs / "sbom.cdx.json").read_text())
        assert spdx["spdxVersion"] == "SPDX-2.3" and cdx["bomFormat"] == "CycloneDX"
        packages = {p["SPDXID"]: p for p in spdx["packages"]}
        files = {f["SPDXID"]: f for f in spdx["files"]}
        known = {"SPDXRef-DOCUMENT", *packages, *files}
        links = [(l["spdxElementId"], l["relationshipType"], l["relatedSpdxElement"]) for l in spdx["relationships"]]
        assert len(known) == 1 + len(packages) + len(files)
        for one, _, other in links:
            assert one in known and other in known, (one, other)
        found = programs(unpacked[name])
        assert sorted(f["fileName"] for f in files.values()) == sorted(f"./{p}" for p in found)
        for ident, file in files.items():
            path = unpacked[name] / file["fileName"]
            assert run("sha256sum", str(path)).split()[0] == file["checksums"][0]["checksumValue"]
            # What the loader is asked for, by the way dpkg itself finds packages.
            needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", str(path)))
            owners = {run("dpkg", "-S", f"*/{library}").split(":")[0] for library in needed}
            named = {packages[b]["name"] for a, kind, b in links if a == ident and kind == "DYNAMIC_LINK"}
            assert named == owners, file["fileName"]
        for package in packages.values():
            if package["name"] != name:
                assert package["versionInfo"] == run("dpkg-query", "-W", "-f", "${Version}", package["name"])
        libraries = {c["name"] for c in cdx["components"] if c["type"] == "library"}
        tools = {packages[a]["name"] for a, kind, _ in links if kind == "BUILD_TOOL_OF"}
        assert libraries | tools == {p["name"] for p in packages.values()} - {name} | (libraries & tools)
        refs = {c["bom-ref"] for c in cdx["components"]} | {cdx["metadata"]["component"]["bom-ref"]}
        for row in cdx["dependencies"]:
            assert row["ref"] in refs and set(row["dependsOn"]) <= refs
        # Everything dpkg found for the loader is in it.
        depends = run("dpkg-deb", "-f", deb(name), "Depends")
        for library in re.findall(r"\b(lib[a-z0-9.+-]+)", depends):
            assert library in libraries, library


def test_T_36_the_sbom_names_what_is_compiled_in(unpacked):
    """Archives and headers, which the finished programs do not show."""
    def uses(package, kind):
        spdx = json.loads((unpacked[package] / f"usr/share/doc/{package}/sbom.spdx.json").read_text())
        return {(l["spdxElementId"] + " " + l["relatedSpdxElement"]) for l in spdx["relationships"]
                if l["relationshipType"] == kind}
    static = uses("openmds-server", "STATIC_LINK")
    core = "SPDXRef-File-usr-lib-mds-mds-core"
    assert f"{core} SPDXRef-Package-libsqlitecpp-dev" in static
    assert not any("mds-crl " in link for link in static), "mds-crl has no database"
    headers = uses("openmds-server", "BUILD_DEPENDENCY_OF")
    assert f"SPDXRef-Package-libboost1.81-dev {core}" in headers or any(
        re.match(rf"SPDXRef-Package-libboost\S*-dev {core}", h) for h in headers)
    assert "SPDXRef-Package-libcli11-dev SPDXRef-File-usr-bin-mdsctl" in headers
    assert not any("libcli11" in h for h in uses("openmds-gateway", "BUILD_DEPENDENCY_OF"))


# ---- the same bytes again ----

def test_T_36_nothing_of_the_build_is_in_the_packages(unpacked):
    """No folder, host, user or hour of the build."""
    # The name of the host with a domain behind it, not the end of a longer word ("llvm.").
    host = rb"(?<![A-Za-z0-9_-])" + re.escape(os.uname().nodename.encode()) + rb"\."
    strangers = [re.escape(ROOT.encode()), rb"build/package/openmds", host]
    for name in NAMES:
        for path in sorted(unpacked[name].rglob("*")):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                for word in strangers:
                    found = re.search(word, data)
                    assert not found, f"{path} has {found[0]}"
        stream = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb(name)], stdout=subprocess.PIPE, check=True).stdout
        epoch = int(run("dpkg-parsechangelog", "-S", "Timestamp", cwd=TREE))
        with tarfile.open(fileobj=io.BytesIO(stream)) as tar:
            members = tar.getmembers()
        assert [m.name for m in members] == sorted(m.name for m in members) or members
        for member in members:
            assert member.mtime <= epoch, f"{member.name}: {member.mtime}"
            assert (member.uid, member.gid) == (0, 0), member.name
            assert not member.mode & 0o022 or member.issym(), f"{member.name}: {member.mode:o}"
        for path in unpacked[name].rglob("*.gz"):
            assert path.read_bytes()[4:8] == b"\0\0\0\0", f"{path}: the time of its making"


def test_T_36_no_source_asks_for_the_hour_of_the_build():
    said = run("git", "-c", "safe.directory=*", "grep", "-nE", r"__(DATE|TIME|TIMESTAMP)__", "--", "lib", "services",
               "tools", "firstboot", check=False, cwd=ROOT)
    assert said == ""


def test_T_36_a_second_build_elsewhere_gives_the_same_bytes(tmp_path):
    """Everything but the compiler anew; ./dev reproducible has that, too, and takes an hour."""
    files = tmp_path / "files"
    names = run("./dev", "sources", cwd=ROOT)
    files.write_text(names)
    said = run(f"{ROOT}/packaging/reproducible.sh", "--quick", str(files), str(tmp_path / "out"), PACKAGES, cwd=ROOT,
               timeout=1800)
    assert [line.split()[0] for line in said.splitlines()] == ["same", "same"], said

#!/usr/bin/python3
"""Writes the list of what a package is made of (SBOM), as SPDX 2.3 and as CycloneDX 1.4, from what was really built:
the libraries that each program needs (readelf), the archives that were linked into it and the headers that were
compiled into it (ninja), each with the Debian package it comes from (dpkg) and its version. The same build gives the
same bytes: nothing in it is random, and its time is SOURCE_DATE_EPOCH.

    sbom.py --build FOLDER --package NAME --root debian/NAME
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import uuid

HOME = "https://openmds.org/"
# What a program has of a component, strongest last: a header that is only declarations is named as well.
KINDS = ("headers", "static", "dynamic")
SPDX_KINDS = {"headers": "BUILD_DEPENDENCY_OF", "static": "STATIC_LINK", "dynamic": "DYNAMIC_LINK"}


def run(*argv, check=True):
    """Standard output of a program."""
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=check,
                          stderr=None if check else subprocess.DEVNULL, env=dict(os.environ, LC_ALL="C.UTF-8")).stdout


def elf_files(root):
    """Programs below a folder, by path from there."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path.relative_to(root)


def needed(path):
    """Names of the libraries that the loader is asked for."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", str(path)))


class Ninja:
    """What the build knows: objects and libraries of each program, headers of each object."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = {}
        for line in self.ask("targets", "all").splitlines():
            target, _, rule = line.rpartition(": ")
            if "EXECUTABLE_LINKER" in rule:
                self.programs[os.path.basename(target)] = target
        self.headers, current = {}, None
        for line in self.ask("deps").splitlines():
            if line.startswith("    "):
                self.headers[current].add(line.strip())
            elif line:
                current = line.split(": #deps")[0]
                self.headers[current] = set()

    def ask(self, *words):
        """One of ninja's own tools."""
        return run("ninja", "-C", str(self.folder), "-t", *words)

    def parts(self, program):
        """(archives of other packages, headers of other packages) of a program."""
        inputs = set(self.ask("inputs", self.programs[program]).splitlines())
        archives = {name for name in inputs if name.startswith("/usr/") and name.endswith(".a")}
        objects = self.objects(inputs)
        headers = {h for o in objects for h in self.headers.get(o, ()) if h.startswith("/usr/")}
        return archives, headers

    @staticmethod
    def objects(inputs):
        """The objects among the inputs of a program."""
        return {name for name in inputs if name.endswith(".o")}


class Debian:
    """Which package owns a file, and what dpkg says of it."""

    def __init__(self):
        self.owners, self.facts = {}, {}
        self.libraries = {}
        for line in run("/sbin/ldconfig", "-p").splitlines():
            found = re.match(r"\s+(\S+) \(.*\) => (\S+)$", line)
            if found:
                self.libraries.setdefault(found.group(1), found.group(2))

    def learn(self, files):
        """Finds the owners of files, all at once."""
        # A file may be known below /lib or below /usr/lib.
        asked = {spelling: file for file in files - self.owners.keys() for spelling in spellings(file)}
        names = sorted(asked)
        for start in range(0, len(names), 500):
            for line in run("dpkg", "-S", "--", *names[start:start + 500], check=False).splitlines():
                packages, _, path = line.rpartition(": ")
                if path in asked and not line.startswith("diversion by"):
                    self.owners[asked[path]] = packages.split(", ")[0].split(":")[0]
        missing = sorted(files - self.owners.keys())
        if missing:
            raise SystemExit(f"sbom: no Debian package owns {', '.join(missing[:5])}")

    def fact(self, package):
        """(version, source, architecture) of an installed package."""
        if package not in self.facts:
            text = run("dpkg-query", "-W", "-f", "${Version}\t${source:Package}\t${Architecture}\n", package)
            self.facts[package] = tuple(text.splitlines()[0].split("\t"))
        return self.facts[package]


def spellings(file):
    """The names that dpkg may know a file by."""
    file = os.path.normpath(file)
    real = os.path.realpath(file)
    names = {file, real}
    for name in (file, real):
        names.add(name[4:] if name.startswith("/usr/lib") else "/usr" + name if name.startswith("/lib") else name)
    return names


def collect(root, ninja):
    """[(file, hash, {package: kind})] of the programs below root, and the facts of the packages."""
    debian, rows = Debian(), []
    for file in elf_files(root):
        archives, headers = ninja.parts(file.name)
        dynamic = set()
        for library in needed(root / file):
            if library not in debian.libraries:
                raise SystemExit(f"sbom: {file} needs {library}, which this machine does not have")
            dynamic.add(debian.libraries[library])
        debian.learn(archives | headers | dynamic)
        uses = {}
        for kind, files in zip(KINDS, (headers, archives, dynamic)):
            uses.update({debian.owners[f]: kind for f in files})
        rows.append((str(file), hashlib.sha256((root / file).read_bytes()).hexdigest(), uses))
    packages = {name: debian.fact(name) for _, _, uses in rows for name in uses}
    # What turned the sources into programs.
    tools = {name: debian.fact(name) for name in compilers()}
    return rows, packages, tools


def compilers():
    """The package of the compiler, and of the linker."""
    debian = Debian()
    files = {os.path.realpath(run("which", name).strip()) for name in ("c++", "ld")}
    debian.learn(files)
    return sorted(set(debian.owners.values()))


def purl(name, version, architecture, source):
    """The name of a Debian package that scanners look up."""
    text = version.replace(":", "%3A").replace("+", "%2B")
    more = f"&upstream={source}" if source != name else ""
    return f"pkg:deb/debian/{name.replace('+', '%2B')}@{text}?arch={architecture}{more.replace('+', '%2B')}"


def spdx_id(kind, name):
    """An identifier as SPDX allows it."""
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]", "-", name.replace("+", "plus"))


def spdx(me, rows, packages, tools, created):
    """The document as SPDX 2.3."""
    def package(kind, name, version, architecture, source, licence):
        return {"SPDXID": spdx_id(kind, name), "name": name, "versionInfo": version, "supplier": me["supplier"]
                if kind == "Product" else "Organization: Debian", "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False, "licenseConcluded": licence, "licenseDeclared": licence,
                "copyrightText": "NOASSERTION",
                "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                  "referenceLocator": purl(name, version, architecture, source)}]}

    product = spdx_id("Product", me["name"])
    files, links = [], [("SPDXRef-DOCUMENT", "DESCRIBES", product)]
    for file, digest, uses in rows:
        one = spdx_id("File", file)
        files.append({"SPDXID": one, "fileName": "./" + file, "fileTypes": ["BINARY"],
                      "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
                      "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION"})
        links.append((product, "CONTAINS", one))
        for name, kind in sorted(uses.items()):
            ends = (one, spdx_id("Package", name))
            links.append((ends[1], SPDX_KINDS[kind], ends[0]) if kind == "headers" else
                         (ends[0], SPDX_KINDS[kind], ends[1]))
    links += [(spdx_id("Package", name), "BUILD_TOOL_OF", product) for name in tools]
    listed = [package("Product", me["name"], me["version"], me["architecture"], me["source"], "Apache-2.0")]
    listed += [package("Package", name, version, architecture, source, "NOASSERTION")
               for name, (version, source, architecture) in sorted({**packages, **tools}.items())]
    body = {"packages": listed, "files": files,
            "relationships": [dict(zip(("spdxElementId", "relationshipType", "relatedSpdxElement"), link))
                              for link in links]}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"{me['name']}-{me['version']}",
            "documentNamespace": f"{HOME}spdx/{me['name']}-{me['version']}-{digest}",
            "creationInfo": {"created": created, "creators": [f"Tool: {me['source']}-sbom-{me['version']}"]}, **body}


def cyclonedx(me, rows, packages, tools, created):
    """The document as CycloneDX 1.4."""
    def component(kind, name, version, architecture, source):
        return {"type": kind, "bom-ref": purl(name, version, architecture, source), "name": name, "version": version,
                "purl": purl(name, version, architecture, source)}

    product = component("application", me["name"], me["version"], me["architecture"], me["source"])
    product["licenses"] = [{"license": {"id": "Apache-2.0"}}]
    refs = {name: purl(name, version, architecture, source)
            for name, (version, source, architecture) in packages.items()}
    components, depends = [], []
    for file, digest, uses in rows:
        components.append({"type": "file", "bom-ref": "file:" + file, "name": file,
                           "hashes": [{"alg": "SHA-256", "content": digest}]})
        depends.append({"ref": "file:" + file, "dependsOn": sorted(refs[name] for name in uses)})
    kinds = {name: {uses[name] for _, _, uses in rows if name in uses} for name in packages}
    for name, (version, source, architecture) in sorted(packages.items()):
        one = component("library", name, version, architecture, source)
        one["properties"] = [{"name": "openmds:linked", "value": kind} for kind in KINDS if kind in kinds[name]]
        components.append(one)
    depends.insert(0, {"ref": product["bom-ref"], "dependsOn": ["file:" + file for file, _, _ in rows]})
    made_by = [{"vendor": "Debian", "name": name, "version": fact[0]} for name, fact in sorted(tools.items())]
    body = {"metadata": {"timestamp": created, "tools": made_by, "component": product},
            "components": components, "dependencies": depends}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, HOME + json.dumps(body, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.4", "serialNumber": f"urn:uuid:{serial}", "version": 1, **body}


def changelog(field):
    """A field of debian/changelog."""
    return run("dpkg-parsechangelog", "-S", field).strip()


def main():
    """Writes both documents into the documentation of the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--package", required=True)
    parser.add_argument("--root", required=True, type=pathlib.Path)
    options = parser.parse_args()
    me = {"name": options.package, "version": changelog("Version"), "source": changelog("Source"),
          "architecture": run("dpkg", "--print-architecture").strip(), "supplier": "Organization: OpenMDS"}
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or changelog("Timestamp"))
    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows, packages, tools = collect(options.root, Ninja(options.build))
    if not rows:
        raise SystemExit(f"sbom: no program in {options.root}")
    folder = options.root / "usr/share/doc" / options.package
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("sbom.spdx.json", spdx), ("sbom.cdx.json", cyclonedx)):
        path = folder / name
        path.write_text(json.dumps(make(me, rows, packages, tools, created), indent=1) + "\n", encoding="utf-8")
        path.chmod(0o644)


if __name__ == "__main__":
    main()

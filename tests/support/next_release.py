"""The release after this one, really built: another version in the programs and a newer version of the documents.

There is no release before the first one. So upgrades are tested from this tree to what this tree becomes: the same
sources with the next version number, and with one migration, which writes a comment into every host. It is compiled
with ccache, which has all but the two changed files, and kept until the sources change."""

import fcntl
import glob
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERSION = "0.2.0"
COMMENT = "raised by the next release"
MIGRATION = """
    static const std::vector<Migration> k_next = {{[](const std::string& type, const std::string& doc) {
        if (type != "host") return doc;
        json::object changed = json::parse_object(doc);
        changed["comments"] = "%s";
        return json::canonical(changed);
    }}};
    return k_next;
""" % COMMENT


def edit(path, pattern, text):
    """Replaces the one match of a pattern; the sources may have changed."""
    with open(path, encoding="utf-8") as file:
        old = file.read()
    new, count = re.subn(pattern, lambda _: text, old, flags=re.S | re.M)
    assert count == 1, f"{path}: {count} matches of {pattern}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(new)


def next_release():
    """Path of the .deb; built when it is not there, or older than its sources."""
    with open(f"{ROOT}/build/packages/.key", encoding="ascii") as file:
        key = file.read().strip()
    folder = f"{ROOT}/build/next"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = f"{folder}/key"
        if not os.path.exists(stamp) or open(stamp, encoding="ascii").read() != key:
            build(folder)
            with open(stamp, "w", encoding="ascii") as file:
                file.write(key)
    return glob.glob(f"{folder}/openmds-server_{VERSION}_*.deb")[0]


def build(folder):
    """Makes the packages from a changed copy of what ./dev package has built."""
    tree = f"{folder}/openmds"
    for old in glob.glob(f"{folder}/*.deb"):
        os.remove(old)
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(f"{ROOT}/build/package/openmds", tree, ignore=lambda at, names: [
        n for n in names if at.endswith("/package/openmds") and n == "obj"
        or at.endswith("/debian") and (n.startswith(("openmds-server", "openmds-gateway", ".debhelper"))
                                       and os.path.isdir(f"{at}/{n}") or n in ("files", "debhelper-build-stamp")
                                       or n.endswith((".substvars", ".debhelper")))])
    edit(f"{tree}/CMakeLists.txt", r"^project\(openmds VERSION [0-9.]+", f"project(openmds VERSION {VERSION}")
    edit(f"{tree}/lib/store/schema.cc", r"\n    static const std::vector<Migration> k_none;\n    return k_none;\n",
         MIGRATION)
    with open(f"{tree}/debian/changelog", encoding="utf-8") as file:
        before = file.read()
    with open(f"{tree}/debian/changelog", "w", encoding="utf-8") as file:
        file.write(f"openmds ({VERSION}) unstable; urgency=medium\n\n  * The release after this one.\n\n"
                   f" -- OpenMDS <openmds@openmds.org>  Wed, 31 Dec 2025 08:00:00 +0000\n\n" + before)
    cache = os.environ.get("CCACHE_DIR") or f"{os.environ.get('HOME', '/root')}/.cache/ccache"
    env = dict(os.environ, CCACHE_BASEDIR=tree, CCACHE_NOHASHDIR="1", CCACHE_SLOPPINESS="locale", CCACHE_DIR=cache,
               MDS_WERROR="ON", DEB_BUILD_OPTIONS=f"parallel={os.cpu_count()} nocheck noautodbgsym "
               "reproducible=-fixfilepath")
    done = subprocess.run(["dpkg-buildpackage", "-us", "-uc", "-b", "-d", "-nc"], cwd=tree, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3600, check=False)
    with open(f"{folder}/log", "w", encoding="utf-8") as file:
        file.write(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]

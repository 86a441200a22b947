#!/usr/bin/python3
"""Proves that the simulation can fail: breaks the core in one place at a time, in a copy, and expects
that the seeds find it. The last line is "N of N found"."""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# (name, file, text, what stands there instead, the program that must find it when that is not `simulate`: what
# several checks stand before is found where that one is tested). A text that is not there any more is an error.
MUTANTS = [
    ("the digest is not checked at apply, and a row is lost", "lib/store/history.cc",
     "if (db.digest.value() != record.digest) {",
     "if (record.rev % 7 == 0 && !changes.empty()) db.take_row(changes[0].uid);\n"
     "            if (false) {"),
    ("the hash before is not checked", "lib/store/history.cc",
     "if (record.rev != position.rev + 1 || record.prev_hash != position.hash) {",
     "if (record.rev != position.rev + 1) {", "test_store"),
    ("a taken-back publish is not parked", "lib/repl/replica.cc", "env_.park(tail);", "(void)tail;"),
    ("what a full copy replaces is not parked", "lib/repl/copy.cc",
     "env_.park(db_.tail(common_rev));", "(void)common_rev;"),
    ("undo forgets the last record", "lib/store/history.cc",
     "for (auto record = records.rbegin(); record != records.rend(); ++record) {\n"
     "            if (!record->undo.empty())",
     "for (auto record = records.rbegin(); record != records.rend(); ++record) {\n"
     "            if (!record->undo.empty() && record != records.rbegin())"),
    ("an Active does not step down before a newer term", "lib/repl/replica.cc",
     "c.relation == Relation::behind && role_ == Role::active", "false"),
    ("a publish is answered before it is flushed", "lib/store/public_db.cc",
     "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF"),
    ("the old Active goes on after it has handed over", "lib/repl/roles.cc",
     'begin(term, Role::standby, "handed over to " + p->peer.name);',
     'db_.begin_term(term);'),
    ("a server resumes as Active without asking", "lib/repl/replica.cc",
     "if (all_heard || now - started_at_ >= timing_.startup_ms) {",
     "if (all_heard || true) {", "test_repl"),
    ("equal revisions are shown as synchronized", "lib/repl/compare.cc",
     "result.relation = equal ? Relation::same : Relation::collision;",
     "(void)equal; result.relation = Relation::same;"),
    ("whoever is set Active takes the role when nobody has it", "lib/repl/roles.cc",
     "bool mine = !active && gives_role();",
     "bool mine = !active && db_.term().active.is_nil();"),
    ("a purge takes what others do not have", "lib/repl/roles.cc",
     "held = std::min(held, comparable ? c.common_rev : 0);", "(void)comparable;"),
    ("what another server has changed since is overwritten", "lib/store/transaction.cc",
     "was && !same(*now, seen)", "false && !same(*now, seen)", "interleave"),
    ("a publish is carried out each time it is offered", "lib/repl/tentative.cc",
     "if (auto rev = committed_.revision_of_session(t.id)) {",
     "if (auto rev = committed_.revision_of_session(t.id); rev && t.id.is_nil()) {", "interleave"),
    ("a refusal is not told", "lib/repl/tentative.cc",
     "env_.give_back(it->second.transaction, reasons_of(record));", "(void)record;", "interleave"),
    ("what a replaced Active had carried out for others is forgotten", "lib/repl/tentative.cc",
     "keep(std::move(*t));\n        } else if", "} else if", "interleave"),
    ("the rules are not asked again by the Active", "lib/repl/tentative.cc",
     "store::execute(committed_, t, [&] { env_.rules(committed_, t); }, fence);",
     "store::execute(committed_, t, {}, fence);", "interleave"),
    ("what is shown is not made anew", "lib/repl/tentative.cc",
     "if (!stale_) return;", "if (!stale_ || scratch_) return;", "interleave"),
]


def compile_command(build, source):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            if os.path.samefile(entry["file"], source):
                return shlex.split(entry["command"])
    raise SystemExit(f"{source} is not built")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("--seconds", default="120", help="seeds are tried for so long (default 120)")
    parser.add_argument("-k", default="", help="only mutants whose name contains this")
    options = parser.parse_args()
    build = os.path.join(ROOT, options.build)
    subprocess.run(["ninja", "-C", build, "simulate", "interleave", "test_store", "test_repl"], check=True, stdout=subprocess.DEVNULL)

    def linking_of(target):
        link = subprocess.run(["ninja", "-C", build, "-t", "commands", "-s", f"tests/{target}"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        return shlex.split(link.strip().split("\n")[-1].replace("&& :", "").replace(": &&", ""))
    chosen = [m for m in MUTANTS if options.k in m[0]]
    found = 0
    with tempfile.TemporaryDirectory(prefix="openmds_mutants_") as folder:
        for name, path, text, instead, *by in chosen:
            target = by[0] if by else "simulate"
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                code = file.read()
            if code.count(text) != 1:
                raise SystemExit(f"{path}: the place of \"{name}\" has changed")
            source = os.path.join(folder, os.path.basename(path))
            with open(source, "w", encoding="utf-8") as file:
                file.write(code.replace(text, instead))
            command = [w for w in compile_command(build, os.path.join(ROOT, path)) if w != "ccache"]
            command[command.index("-o") + 1] = source + ".o"
            command[command.index("-c") + 1] = source
            subprocess.run(command + ["-I" + os.path.join(ROOT, "lib"), "-Wno-error"], cwd=build,
                           check=True)
            program = os.path.join(folder, target)
            linking = linking_of(target)
            linking[linking.index("-o") + 1] = program
            # Objects before libraries: the library's own is not taken then.
            first = next(i for i, w in enumerate(linking) if w.endswith(".o"))
            linking.insert(first, source + ".o")
            subprocess.run(linking, cwd=build, check=True)
            run = subprocess.run([program, "--seconds", options.seconds, "--seed", "1"], check=False,
                                 stdout=subprocess.PIPE, text=True)
            lines = run.stdout.strip().split("\n")
            verdict = next((line for line in lines if line.startswith(("SEED", "[  FAILED  ]"))), "not found")
            found += run.returncode != 0
            print(f"{name}: {verdict} ({lines[-1].split(',')[0]})", flush=True)
    print(f"{found} of {len(chosen)} found")
    return 0 if found == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

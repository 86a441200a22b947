#!/usr/bin/python3
"""Runs the tests and counts them. The last line is "N passed, N failed"; exit 1 when a test failed
or nothing ran. Storeys: conventions, unit, simulation, integration, system, fuzz."""

import argparse
import concurrent.futures
import fcntl
import json
import os
import platform
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STOREYS = ["conventions", "unit", "simulation", "integration", "system", "fuzz"]
PYTHON = "/usr/bin/python3"


class Result:
    """Counts and failures of one storey, program or pytest run."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures = []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

    def fail(self, name, text):
        self.failed += 1
        self.failures.append((name, text))


def tail(text, lines=40):
    return "\n".join(text.rstrip().split("\n")[-lines:])


def brief(text, lines):
    """Beginning and end of a failure, so that several fit on a page; whole it is in the reports."""
    found = [line[:200] for line in text.rstrip().split("\n")]
    if len(found) <= lines:
        return found
    return found[:lines - lines // 3] + ["[...]"] + found[-(lines // 3):]


def parse_gtest(path, program, returncode, output):
    """Result of one GoogleTest program: its JSON report, and its end when it died on the way."""
    result = Result()
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    except (OSError, ValueError):
        result.fail(program, f"no report, exit {returncode}\n" + tail(output))
        return result
    for suite in report.get("testsuites", []):
        for case in suite.get("testsuite", []):
            name = f"{program}: {suite['name']}.{case['name']}"
            if case.get("status") == "NOTRUN":
                continue
            if case.get("result") == "SKIPPED":
                result.skipped += 1
            elif case.get("failures"):
                result.fail(name, "\n".join(f.get("failure", "") for f in case["failures"]))
            else:
                result.passed += 1
    if returncode != 0 and result.failed == 0:
        result.fail(program, f"exit {returncode} though every test passed\n" + tail(output))
    return result


def parse_junit(path, name, returncode, output):
    """Result of one pytest run: its JUnit report, and errors outside of tests."""
    result = Result()
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError):
        if returncode == 5:  # nothing was collected
            return result
        result.fail(name, f"no report, exit {returncode}\n" + tail(output))
        return result
    # A test that passed and failed while cleaning up has two entries: one failed test.
    verdicts = {}
    for case in root.iter("testcase"):
        key = f"{name}: {case.get('classname', '')}::{case.get('name', '')}"
        bad = [node for node in case if node.tag in ("failure", "error")]
        if bad:
            verdicts[key] = ("failed", "\n".join((n.text or n.get("message") or "") for n in bad))
        elif any(node.tag == "skipped" for node in case):
            verdicts.setdefault(key, ("skipped", ""))
        else:
            verdicts.setdefault(key, ("passed", ""))
    for key, (verdict, text) in verdicts.items():
        if verdict == "failed":
            result.fail(key, tail(text, 80))
        elif verdict == "skipped":
            result.skipped += 1
        else:
            result.passed += 1
    if returncode not in (0, 5) and result.failed == 0:
        result.fail(name, f"pytest ended with {returncode}\n" + tail(output))
    return result


def run(command, timeout, env=None):
    """(exit code, output) of a command; 124 when it took longer than `timeout` seconds."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, env=env, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode("utf-8", "replace") + "\n(stopped: too long)"
    except OSError as error:
        return 127, str(error)


def suites():
    """The suites of tests/hosts/suites that are not this machine's."""
    here = platform.freedesktop_os_release().get("VERSION_CODENAME")
    with open(f"{ROOT}/tests/hosts/suites", encoding="ascii") as file:
        return [line.split()[0] for line in file if line[0] != "#" and line.split()[0] != here]


def priority(pid, nice):
    """Of a process and its session (0: this one) against all others: 0 as they, 19 what they leave."""
    os.setpriority(os.PRIO_PGRP, pid, nice)
    try:
        with open(f"/proc/{pid or 'self'}/autogroup", "w", encoding="ascii") as file:
            file.write(str(nice))
    except OSError:  # a kernel without
        pass


def has_tests(folder):
    for _, _, files in os.walk(os.path.join(ROOT, folder)):
        if any(f.startswith("test_") and f.endswith(".py") or f.endswith("_test.py")
               for f in files):
            return True
    return False


class Runner:
    def __init__(self, options):
        self.options = options
        self.build = os.path.join(ROOT, options.build)
        self.reports = os.path.join(self.build, "reports")
        os.makedirs(self.reports, exist_ok=True)
        self.package, self.builders = Result(), {}

    def pytest(self, folder, timeout, extra=(), name=None):
        if not has_tests(folder):
            return Result()
        name = name or folder.replace("/", "-")
        report = os.path.join(self.reports, f"{name}.xml")
        if os.path.exists(report):
            os.remove(report)
        command = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
                   f"--junitxml={report}", folder, *extra]
        if self.options.k:
            command += ["-k", self.options.k]
        env = dict(os.environ, MDS_BUILD=self.build, PYTHONDONTWRITEBYTECODE="1")
        code, output = run(command, timeout, env)
        with open(os.path.join(self.reports, f"{name}.log"), "w", encoding="utf-8") as log:
            log.write(output)
        return parse_junit(report, folder, code, output)

    def conventions(self):
        return self.pytest("tests/conventions", 300)

    def gtest(self, program):
        name = os.path.basename(program)
        report = os.path.join(self.reports, f"{name}.json")
        if os.path.exists(report):
            os.remove(report)
        command = [program, f"--gtest_output=json:{report}", "--gtest_brief=1"]
        if self.options.k:
            command.append(f"--gtest_filter=*{self.options.k}*")
        code, output = run(command, 900)
        return parse_gtest(report, name, code, output)

    def unit(self):
        folder = os.path.join(self.build, "tests")
        programs = []
        if os.path.isdir(folder):
            programs = sorted(os.path.join(folder, f) for f in os.listdir(folder)
                              if f.startswith("test_") and os.access(os.path.join(folder, f),
                                                                     os.X_OK))
        result = Result()
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            for one in pool.map(self.gtest, programs):
                result.add(one)
        return result

    def simulation(self):
        """The seeds that once failed, and fresh ones for a bounded time; each counts as a test."""
        result = Result()
        if self.options.k and "simulation" not in self.options.k:
            return result
        simulate, interleave = (os.path.join(self.build, "tests", name) for name in ("simulate", "interleave"))

        def known(file):
            with open(os.path.join(ROOT, "tests/simulation", file), encoding="ascii") as lines:
                return [line.split()[0] for line in lines if line.strip() and line[0] != "#"]
        seconds = self.options.simulate_seconds
        # The longest first: the others run beside it.
        jobs = [("fresh seeds", [simulate, "--seconds", str(seconds)]), ("known seeds", [simulate, *known("seeds")]),
                ("interleavings", [interleave, "--seconds", str(max(10, seconds // 3))])]
        jobs += [(f"interleaving {seed}", [interleave, "--seed", seed]) for seed in known("interleave-seeds")]
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            outcomes = pool.map(lambda job: run(job[1], 600 + 2 * seconds), jobs)
            for (name, _), (code, output) in zip(jobs, outcomes):
                print(f"simulation, {name}: {tail(output, 1)}", flush=True)
                if code != 0:
                    result.fail(f"simulation: {name}", tail(output, 80))
                else:
                    result.passed += int(output.rstrip().split("\n")[-1].split()[0])
        return result

    def integration(self):
        return self.pytest("tests/integration", 1800)

    def fuzz(self):
        return self.pytest("tests/fuzz", 3600)

    def packages(self):
        """Builds what the system tests install. The objects of this machine's packages are there from the build;
        another suite's may take long, so that is built beside the tests that wait more than they work."""
        code, output = run(["./dev", "package"], 1800)
        if code != 0:
            self.package.fail("./dev package", tail(output, 60))
        else:
            self.package.passed += 1
        for suite in suites():
            log = open(os.path.join(self.reports, f"package-{suite}.log"), "wb")
            self.builders[suite] = subprocess.Popen(["./dev", "package", "--suite", suite], cwd=ROOT, stdin=subprocess.DEVNULL,
                                                    stdout=log, stderr=log, start_new_session=True,
                                                    preexec_fn=lambda: priority(0, 19))
        return self.package

    def other_suites(self):
        """Waits for the packages of the other suites; whether each was built is a test."""
        result = Result()
        for suite, builder in self.builders.items():
            if builder.poll() is None:
                priority(builder.pid, 0)
            code = builder.wait()
            if code == 0:
                result.passed += 1
            else:
                with open(os.path.join(self.reports, f"package-{suite}.log"), encoding="utf-8", errors="replace") as log:
                    result.fail(f"./dev package --suite {suite}", tail(log.read(), 60))
        return result

    def stop(self):
        """Ends the builds that nobody waited for."""
        for builder in self.builders.values():
            if builder.poll() is None:
                # unshare does not listen to SIGTERM, and takes its child along when it is killed.
                os.killpg(builder.pid, signal.SIGKILL)
                builder.wait()

    def system(self):
        if not has_tests("tests/system") or self.package.failed:
            return Result()
        # Other runs on one machine take turns.
        with open("/run/lock/openmds-system-tests", "w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("system: waiting for another run on this machine", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            # Two at a time, each with hosts of its own: they wait more than they work.
            result = self.pytest("tests/system", 5400, ["-m", "not other_suite", "-n", "2", "--dist", "loadfile"])
            others = self.other_suites()
            result.add(others)
            if not others.failed:
                result.add(self.pytest("tests/system", 1800, ["-m", "other_suite"], "system-other-suites"))
            return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("storeys", nargs="*", metavar="STOREY",
                        help="one or more of: " + ", ".join(STOREYS))
    parser.add_argument("-k", metavar="NAME", help="only tests whose name contains NAME")
    parser.add_argument("--simulate-seconds", type=int, default=300, metavar="N",
                        help="fresh seeds of the simulation for so long (default 300)")
    parser.add_argument("--build", default="build/dev", help="the build folder")
    parser.add_argument("--no-build", action="store_true", help="run what is there")
    options = parser.parse_args()
    for storey in options.storeys:
        if storey not in STOREYS:
            parser.error(f"no storey \"{storey}\"; there are: {', '.join(STOREYS)}")
    chosen = [s for s in STOREYS if s in options.storeys] if options.storeys else STOREYS

    total = Result()
    if not options.no_build:
        env = dict(os.environ, MDS_BUILD=options.build)
        begin = time.monotonic()
        code, output = run(["./dev", "build"], 7200, env)
        print(f"build: {'done' if code == 0 else 'failed'} in {time.monotonic() - begin:.0f} s",
              flush=True)
        if code != 0:
            total.fail("build", tail(output, 60))

    if not total.failed:
        runner = Runner(options)
        # Conventions and unit tests share the processors; integration and system tests measure
        # times, so they run alone, one storey after the other.
        groups = [[s for s in chosen if s in ("conventions", "unit")],
                  [s for s in chosen if s == "simulation"] + ["packages"] * ("system" in chosen),
                  [s for s in chosen if s == "integration"], [s for s in chosen if s == "system"],
                  [s for s in chosen if s == "fuzz"]]
        try:
            for group in groups:
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    begin = time.monotonic()
                    futures = {s: pool.submit(getattr(runner, s)) for s in group}
                    for storey, future in futures.items():
                        result = future.result()
                        skipped = f", {result.skipped} skipped" if result.skipped else ""
                        print(f"{storey}: {result.passed} passed, {result.failed} failed{skipped} "
                              f"({time.monotonic() - begin:.0f} s)", flush=True)
                        total.add(result)
        finally:
            runner.stop()

    for name, text in total.failures:
        print(f"\nFAILED {name}")
        print("\n".join("    " + line for line in brief(text, max(9, 60 // len(total.failures)))))
    if total.failures:
        print()
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())

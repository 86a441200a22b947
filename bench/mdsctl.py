#!/usr/bin/python3
"""How long mdsctl takes (C-T7): start-up, completion and status with 500 Domains on 10 servers, on a private bus
with a stand-in for mds-core. Prints RESULT lines; ends with 1 when a goal is missed. DOMAINS (default 500),
SERVERS (default 10), ROUNDS (default 21; medians)."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "tests/support"
sys.path.insert(0, str(SUPPORT))
import fake_core  # noqa: E402
from private_bus import PrivateBus, program  # noqa: E402

DOMAINS, SERVERS = int(os.environ.get("DOMAINS", 500)), int(os.environ.get("SERVERS", 10))
ROUNDS = int(os.environ.get("ROUNDS", 21))
# What is run, and its goal in ms (appliance-ux C-T7).
CASES = {
    "start": (["version"], 20),
    "status": (["status"], 300),
    "list": (["domain", "list"], 300),
    "complete_words": (["__complete", "words", "domain", "sh"], 100),
    "complete_options": (["__complete", "words", "domain", "create", "--"], 100),
    "complete_domains": (["__complete", "words", "domain", "show", ""], 100),
    "complete_bash": (["__complete", "bash", " =:", "mdsctl domain show tenant-04"], 100),
}


def milliseconds(command, env):
    """How long one run takes, with the start of the process."""
    begin = time.perf_counter()
    subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begin) * 1000


def main():
    """Measures every case."""
    missed = []
    with tempfile.TemporaryDirectory() as folder, PrivateBus("bench") as bus:
        file = pathlib.Path(folder) / "core.json"
        names = ["Global"] + [f"tenant-{i:04}" for i in range(1, DOMAINS)]
        file.write_text(json.dumps({"grid": fake_core.grid(names, SERVERS)}))
        env = bus.environment({"LC_ALL": "C.UTF-8"})
        core = subprocess.Popen([sys.executable, str(SUPPORT / "fake_core.py"), str(file)], env=env)
        bus.wait_for_name("org.openmds.Core1")
        for name, (words, goal) in CASES.items():
            value = statistics.median(milliseconds([str(program("mdsctl")), *words], env) for _ in range(ROUNDS))
            print(f"RESULT mdsctl_{name} {value:.3f} ms", flush=True)
            if value > goal:
                missed.append(f"{name}: {value:.0f} ms, goal {goal} ms")
        core.terminate()
        core.wait()
    for line in missed:
        print("missed", line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

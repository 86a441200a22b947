"""Runs each fuzzer for MDS_FUZZ_SECONDS (60): from its seeds, with new inputs every time. What made
one fail is kept in build/fuzz/failures and is a seed from then on when it is put into
tests/fuzz/seeds/<name>."""

import concurrent.futures
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = f"{ROOT}/build/fuzz"
NAMES = ["json", "request", "filter", "http", "form", "payload", "enrol", "sync"]
# Inputs of a minute on a busy machine. Each of these is a conversation with two replicas and their disks.
LEAST = {"sync": 100}
SECONDS = int(os.environ.get("MDS_FUZZ_SECONDS", "60"))


def build():
    """Compiles the fuzzers with clang, instrumented."""
    if not os.path.exists(f"{BUILD}/build.ninja"):
        subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DMDS_FUZZ=ON",
                        "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_COMPILER=clang++",
                        "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"], check=True, capture_output=True)
    done = subprocess.run(["ninja", "-C", BUILD], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def run(name):
    """(exit code, output) of one fuzzer."""
    corpus, failures = f"{BUILD}/corpus/{name}", f"{BUILD}/failures"
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(failures, exist_ok=True)
    words = [f"{BUILD}/fuzz/fuzz_{name}", f"-max_total_time={SECONDS}", "-timeout=20",
             "-rss_limit_mb=4096", "-print_final_stats=1", f"-artifact_prefix={failures}/{name}-",
             corpus, f"{HERE}/seeds/{name}"]
    if name == "request":
        dictionary = f"{BUILD}/request.dict"
        subprocess.run([words[0], "-runs=0"], env=dict(os.environ, MDS_FUZZ_DICTIONARY=dictionary),
                       capture_output=True, check=True)
        words.insert(1, f"-dict={dictionary}")
    # What boost's and SQLite's statics keep until the end is no leak of ours.
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1")
    done = subprocess.run(words, env=env, capture_output=True, text=True, errors="replace",
                          check=False, timeout=SECONDS + 300)
    return done.returncode, done.stderr[-6000:]


@pytest.fixture(scope="module", name="results")
def all_results():
    """Every fuzzer, as many at once as there are processors."""
    build()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        futures = {name: pool.submit(run, name) for name in NAMES}
        return {name: future.result() for name, future in futures.items()}


@pytest.mark.parametrize("name", NAMES)
def test_fuzzer_finds_nothing(results, name):
    code, output = results[name]
    assert code == 0, output
    runs = [int(line.split()[-1]) for line in output.splitlines()
            if line.startswith("stat::number_of_executed_units:")]
    assert runs and runs[0] > LEAST.get(name, 1000), output

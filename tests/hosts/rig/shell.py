"""Running programs, waiting for facts: what every part of the rig uses."""

import os
import subprocess
import time

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class RigError(RuntimeError):
    """A host or the network did not do what was asked; the text says which and why."""


def run(*argv, check=True, input=None, timeout=120, env=None, quiet=True):
    """Runs a program and returns its CompletedProcess with text output.

    Raises RigError with the program's own words when `check` and the exit code is not 0.
    """
    done = subprocess.run([str(a) for a in argv], input=input, text=True, timeout=timeout, env=env,
                          stdout=subprocess.PIPE if quiet else None,
                          stderr=subprocess.PIPE if quiet else None)
    if check and done.returncode != 0:
        raise RigError(f"{' '.join(str(a) for a in argv)}: exit {done.returncode}\n"
                       f"{done.stdout or ''}{done.stderr or ''}")
    return done


def wait_until(predicate, timeout=30.0, what="the condition", on_failure=None, every=0.1):
    """Polls `predicate` until it is true and returns its value; RigError after `timeout` seconds.

    `on_failure` gives more words for the error (the last console lines, say).
    """
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            more = f"\n{on_failure()}" if on_failure else ""
            raise RigError(f"waited {timeout:.0f} s for {what}{more}")
        time.sleep(every)


def children(pid):
    """Process ids of the direct children."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def alive(pid):
    """True while the process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def write(path, text):
    """Writes a small kernel or configuration file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def remove_tree(path):
    """Removes a folder tree; nothing happens when it is not there."""
    if os.path.lexists(path):
        run("rm", "-rf", "--one-file-system", path)

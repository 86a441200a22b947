"""What the documents of docs/ say to type."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def commands_of(name):
    """Every line in the blocks of docs/NAME, in order."""
    inside = False
    with open(f"{ROOT}/docs/{name}", encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("```"):
                inside = not inside
            elif inside and line:
                yield line

"""The Prometheus text format, version 0.0.4, read strictly."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)")


class Metrics:
    """types and helps by metric; samples: {(metric, frozenset of labels): value}"""

    def __init__(self, text):
        assert text.endswith("\n") and "\r" not in text
        self.types, self.helps, self.samples = {}, {}, {}
        current = None
        for line in text.split("\n")[:-1]:
            if match := re.fullmatch(rf"# HELP ({NAME}) (.+)", line):
                current = match[1]
                assert current not in self.helps, f"{current} is not in one piece"
                assert not re.search(r"\\[^\\n]", match[2]), line
                self.helps[current] = match[2]
            elif match := re.fullmatch(rf"# TYPE ({NAME}) (gauge|counter)", line):
                assert match[1] == current and current not in self.types, line
                self.types[current] = match[2]
            else:
                match = SAMPLE.fullmatch(line)
                assert match, f"no sample: {line!r}"
                assert match[1] == current and current in self.types, f"{line} is not below its TYPE"
                key = (match[1], frozenset(labels_of(match[2] or "").items()))
                assert key not in self.samples, f"twice: {line}"
                self.samples[key] = float(match[3])
        for name, kind in self.types.items():
            assert name.endswith("_total") == (kind == "counter"), name

    def value(self, metric, **labels):
        """Of exactly these labels; None when there is no such sample."""
        return self.samples.get((metric, frozenset(labels.items())))

    def rows(self, metric, **some):
        """[(labels, value)] of a metric whose labels contain these."""
        return [(dict(labels), value) for (name, labels), value in self.samples.items()
                if name == metric and some.items() <= dict(labels).items()]


def labels_of(text):
    out, rest = {}, text
    while rest:
        match = LABEL.match(rest)
        assert match and match[1] not in out, f"labels {text!r}"
        out[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        rest = rest[match.end():]
        assert not rest or rest[0] == ",", f"labels {text!r}"
        rest = rest[1:]
    return out

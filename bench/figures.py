"""What benches measure: RESULT lines at once, a table with ratios at the end."""

import statistics


class Figures:
    """What was measured, by name and side ("ours", or who else)."""

    def __init__(self):
        self.all = {}

    def add(self, side, name, value, unit):
        """One value."""
        self.all.setdefault((name, unit), {}).setdefault(side, []).append(value)
        print(f"RESULT {side}_{name} {value:.3f} {unit}", flush=True)

    def table(self):
        """Medians, and the median of the ratios of the rounds."""
        print(f"\n{'':36}{'ours':>11}{'PostgreSQL':>11}  unit     ratio (lowest, highest)")
        for (name, unit), sides in self.all.items():
            ours = statistics.median(sides["ours"]) if "ours" in sides else None
            for side in [s for s in sides if s != "ours"] or [None]:
                theirs = statistics.median(sides[side]) if side else None
                text = f"{name:36}" + (f"{ours:11.2f}" if ours is not None else f"{'':11}")
                text += f"{theirs:11.2f}" if theirs is not None else f"{'':11}"
                text += f"  {unit:8}"
                if ours is not None and theirs:
                    ratios = sorted(a / b for a, b in zip(sides["ours"], sides[side]) if b)
                    text += f" {statistics.median(ratios):.2f} ({ratios[0]:.2f}, {ratios[-1]:.2f})"
                    if len(sides) > 2:
                        text += f" {side}"
                print(text)

"""The shortest whole rotation from Python, against an emulated OCI on this machine.

    pip install keywheel[lab]
    python quickstart.py

For a tenancy of your own, run `keywheel init` once and open `keywheel.Rotator("keywheel.toml")`; the rest is the same.
"""

import sys

import keywheel
from keywheel.testing import emulator
from keywheel.types import RotatedCompleted, RotatedNotDue, RotatedPaused


def main() -> int:
    with emulator(buckets=12) as lab, keywheel.Rotator(lab.config_file) as rotator:
        for row in rotator.due():
            print(f"{row.name} is {row.due.state}: {row.due.why}")

        plan = rotator.plan(lab.key)
        print(f"a rotation would move {sum(plan.dependents.values())} dependents with about {plan.calls_write} writes")

        rotated = rotator.rotate(lab.key)
        match rotated:
            case RotatedCompleted(summary=summary, verdict=verdict):
                for kind, tally in summary.counts.items():
                    print(f"{kind}: {dict(tally.outcomes)}, evidence {dict(tally.grades)}")
                print(f"rotation {summary.rotation} completed, {verdict}; {rotator.verify_journal()} lines of journal are whole")
                return 0
            case RotatedPaused(why=why, do_next=do_next):
                print(f"paused: {why}; {do_next}")
            case RotatedNotDue(due=due):
                print(f"nothing to do: {due.why}")
            case other:
                print(f"it is {other.rotated}; the next run goes on")
    return 1


if __name__ == "__main__":
    sys.exit(main())

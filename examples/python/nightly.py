"""A team's own automation, as it might run every night: rotate what is due, and say what a person must look at."""

from dataclasses import dataclass, field

import keywheel
from keywheel.types import RotatedCompleted, RotatedPaused, Verdict


@dataclass
class Night:
    """What one night came to."""

    clean: list[str] = field(default_factory=list)
    """Keys whose rotation ended with nothing left over."""
    look_at: dict[str, str] = field(default_factory=dict)
    """Keys that a person must look at, and why."""


def nightly(rotator: keywheel.Rotator) -> Night:
    """Rotates every key that is due. Never raises for one key's sake."""
    night = Night()
    for row in rotator.rotate_due():
        match row.rotated:
            case RotatedCompleted(verdict=Verdict.CLEAN):
                night.clean.append(row.key)
            case RotatedCompleted(findings=findings):
                night.look_at[row.key] = "; ".join(finding.text for finding in findings)
            case RotatedPaused(why=why):
                night.look_at[row.key] = why
            case _ if row.error is not None:
                night.look_at[row.key] = str(row.error)
            case _:
                pass
    return night

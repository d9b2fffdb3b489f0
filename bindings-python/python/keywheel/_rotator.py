"""The rotator, as Python spells it. No logic: each call is a method's name and its arguments."""

import json
from os import PathLike
from typing import Any

from ._api import answered
from ._keywheel import Door
from .types import Checkup, DependentReport, DueKey, Plan, Report, Rotated, RotatedKey, RotationSummary

# Named here because `Rotator.list` hides the builtin from the annotations below it.
Summaries = list[RotationSummary]
Dependents = list[DependentReport]


class Rotator:
    """A rotator for the tenancy and the journal that a `keywheel.toml` names.

    Every call blocks its thread and no other; several may run at once. A process may die in the middle of any of
    them: the next `rotate` or `resume` goes on where the journal ends. Ctrl-C takes effect when a call returns.
    """

    def __init__(self, config: str | PathLike[str]) -> None:
        """Reads the config and opens the journal; sends nothing."""
        door, failure = Door.open(config)
        if door is None:
            answered((False, failure or ""))
            raise AssertionError("a failure raises")
        self._door = door

    def _call(self, method: str, **arguments: Any) -> Any:
        return answered(self._door.call(method, json.dumps(arguments)))

    def due(self) -> list[DueKey]:
        """Returns what is owed to each key, and why."""
        due: list[DueKey] = self._call("due")
        return due

    def plan(self, key: str) -> Plan:
        """Returns what a rotation of this key would do; made by reads alone."""
        plan: Plan = self._call("plan", key=key)
        return plan

    def doctor(self, live: str | None = None) -> Checkup:
        """Tests what rotations rely on. With `live`, also by minting on that key, which nobody can undo."""
        checkup: Checkup = self._call("doctor", live=live)
        return checkup

    def rotate(self, key: str) -> Rotated:
        """Rotates a key if it is due, and sees the rotation through."""
        rotated: Rotated = self._call("rotate", key=key)
        return rotated

    def rotate_due(self) -> list[RotatedKey]:
        """Rotates every key that is due. A key that fails does not stop the others: each row has its own `error`."""
        rotated: list[RotatedKey] = self._call("rotate_due")
        return rotated

    def list(self) -> Summaries:
        """Returns the rotations that are open."""
        summaries: Summaries = self._call("list")
        return summaries

    def history(self, key: str | None = None) -> Summaries:
        """Returns every rotation of a key, or of all keys."""
        summaries: Summaries = self._call("history", key=key)
        return summaries

    def status(self, rotation: str) -> Report:
        """Returns what a rotation did so far. The beginning of its id is enough."""
        report: Report = self._call("status", rotation=rotation)
        return report

    def dependents(self, rotation: str) -> Dependents:
        """Returns every dependent of a rotation, with its outcome if it has one."""
        dependents: Dependents = self._call("dependents", rotation=rotation)
        return dependents

    def pause(self, rotation: str, why: str) -> None:
        """Stops a rotation before its next effect, whoever drives it."""
        self._call("pause", rotation=rotation, why=why)

    def resume(self, rotation: str) -> Rotated:
        """Lets a paused or abandoned rotation go on, and sees it through."""
        rotated: Rotated = self._call("resume", rotation=rotation)
        return rotated

    def cancel(self, rotation: str, until: str | None = None) -> None:
        """Gives a rotation up; refused once a mint was intended. Not started again before `until` (RFC 3339)."""
        self._call("cancel", rotation=rotation, until=until)

    def verify_journal(self) -> int:
        """Checks the chain of every stream of the journal; returns how many lines it read."""
        lines: int = self._call("verify_journal")["lines"]
        return lines

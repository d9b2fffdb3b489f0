"""Every call of a rotator: its name, its arguments checked, and how its answer is read.

Both rotators speak through this one list; neither adds anything but waiting.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from ._data import checked, decoder, encode, instant
from .errors import KeywheelError
from .rows import RecoveredRotation, RotatedKey, Rows, Started
from .types import (
    Checkup,
    DependentReport,
    Due,
    DueKey,
    Metric,
    Plan,
    Report,
    Request,
    Rotated,
    RotationSummary,
    When,
    WhenNow,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Ask(Generic[T]):
    """One call: what is asked, and what its answer means."""

    method: str
    arguments: str
    read: Callable[[Any], T]

    def answered(self, went_well: bool, text: str) -> T:
        """Returns what the door answered, or raises what it refused."""
        value = json.loads(text)
        if went_well:
            return self.read(value)
        raise KeywheelError(**value)


def _ask(method: str, read: Callable[[Any], T], **arguments: Any) -> Ask[T]:
    return Ask(method, json.dumps(arguments), read)


def text(name: str, value: object) -> str:
    """A string, or a TypeError that names the argument."""
    return str(checked(str, value, name))


def _maybe_text(name: str, value: object) -> str | None:
    return None if value is None else text(name, value)


def _seconds(name: str, value: object) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{name} must be a timedelta or a number of seconds, not {type(value).__name__}")


def _nothing(value: Any) -> None:
    return None


def _failure(value: Any) -> KeywheelError | None:
    return None if value is None else KeywheelError(**value)


def _rotated_key(row: Any) -> RotatedKey:
    return RotatedKey(key=row["key"], rotated=_READ_ROTATED(row["rotated"]), error=_failure(row["error"]))


def _recovered(row: Any) -> RecoveredRotation:
    rotated = _READ_ROTATED(row["rotated"])
    return RecoveredRotation(rotation=row["rotation"], rotated=rotated, error=_failure(row["error"]))


def _started(value: Any) -> Started:
    return Started(rotation=value.get("rotation"), is_open=value["started"] == "open", due=_READ_DUE(value.get("due")))


def _rows(row: type[T]) -> Callable[[Any], Rows[T]]:
    read = decoder(row)
    return lambda value: Rows(read(one) for one in value)


_READ_ROTATED = decoder(Rotated)
_READ_DUE = decoder(Due | None)


def due() -> Ask[Rows[DueKey]]:
    return _ask("due", _rows(DueKey))


def metrics() -> Ask[Rows[Metric]]:
    return _ask("metrics", _rows(Metric))


def plan(key: str) -> Ask[Plan]:
    return _ask("plan", decoder(Plan), key=text("key", key))


def doctor(live: str | None, subject: str | None) -> Ask[Checkup]:
    return _ask(
        "doctor", decoder(Checkup), live=_maybe_text("live", live), subject=_maybe_text("subject", subject)
    )


def rotate(key: str) -> Ask[Rotated]:
    return _ask("rotate", _READ_ROTATED, key=text("key", key))


def rotate_due() -> Ask[Rows[RotatedKey]]:
    return _ask("rotate_due", lambda rows: Rows(_rotated_key(row) for row in rows))


def recover() -> Ask[Rows[RecoveredRotation]]:
    return _ask("recover", lambda rows: Rows(_recovered(row) for row in rows))


def start(key: str, now: bool, supersedes: str | None, request_id: str | None, actor: str | None) -> Ask[Started]:
    when: When | WhenNow = When.IF_DUE
    if checked(bool, now, "now"):
        when = WhenNow(supersedes=supersedes, request_id=request_id)
    elif supersedes is not None or request_id is not None:
        raise TypeError("supersedes and request_id belong to now=True: a rotation that is due needs no name")
    request = Request(key=key, when=when, actor=actor)
    return _ask("start", _started, **encode(request))


def list_open() -> Ask[Rows[RotationSummary]]:
    return _ask("list", _rows(RotationSummary))


def history(key: str | None) -> Ask[Rows[RotationSummary]]:
    return _ask("history", _rows(RotationSummary), key=_maybe_text("key", key))


def status(rotation: str) -> Ask[Report]:
    return _ask("status", decoder(Report), rotation=text("rotation", rotation))


def dependents(rotation: str) -> Ask[Rows[DependentReport]]:
    return _ask("dependents", _rows(DependentReport), rotation=text("rotation", rotation))


def facts(rotation: str) -> Ask[list[str]]:
    return _ask("facts", decoder(list[str]), rotation=text("rotation", rotation))


def pause(rotation: str, why: str) -> Ask[None]:
    return _ask("pause", _nothing, rotation=text("rotation", rotation), why=text("why", why))


def resume(rotation: str) -> Ask[Rotated]:
    return _ask("resume", _READ_ROTATED, rotation=text("rotation", rotation))


def run_for(rotation: str, duration: timedelta | float) -> Ask[Rotated]:
    return _ask("run_for", _READ_ROTATED, rotation=text("rotation", rotation), seconds=_seconds("duration", duration))


def cancel(rotation: str, until: datetime | None) -> Ask[None]:
    until = checked(datetime | None, until, "until")
    return _ask("cancel", _nothing, rotation=text("rotation", rotation), until=until and instant(until))


def verify_journal() -> Ask[int]:
    return _ask("verify_journal", lambda value: int(value["lines"]))

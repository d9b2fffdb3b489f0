"""Every call of a rotator: its name, its arguments checked, and how its answer is read.

Both rotators speak through this one list; neither adds anything but waiting.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, TypeVar

from .errors import KeywheelError
from .types import Checkup, DependentReport, DueKey, Plan, Report, Rotated, RotatedKey, RotationSummary

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
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    return value


def _maybe_text(name: str, value: object) -> str | None:
    return None if value is None else text(name, value)


def _seconds(name: str, value: object) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{name} must be a timedelta or a number of seconds, not {type(value).__name__}")


def _instant(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, datetime):
        raise TypeError(f"{name} must be a datetime, not {type(value).__name__}")
    if value.tzinfo is None:
        raise TypeError(f"{name} must be an aware datetime (datetime.now(timezone.utc)): without a zone it is no instant")
    return value.astimezone(timezone.utc).isoformat()


def _same(value: Any) -> Any:
    return value


def _nothing(value: Any) -> None:
    return None


def due() -> Ask[list[DueKey]]:
    return _ask("due", _same)


def plan(key: str) -> Ask[Plan]:
    return _ask("plan", _same, key=text("key", key))


def doctor(live: str | None) -> Ask[Checkup]:
    return _ask("doctor", _same, live=_maybe_text("live", live))


def rotate(key: str) -> Ask[Rotated]:
    return _ask("rotate", _same, key=text("key", key))


def rotate_due() -> Ask[list[RotatedKey]]:
    return _ask("rotate_due", _same)


def list_open() -> Ask[list[RotationSummary]]:
    return _ask("list", _same)


def history(key: str | None) -> Ask[list[RotationSummary]]:
    return _ask("history", _same, key=_maybe_text("key", key))


def status(rotation: str) -> Ask[Report]:
    return _ask("status", _same, rotation=text("rotation", rotation))


def dependents(rotation: str) -> Ask[list[DependentReport]]:
    return _ask("dependents", _same, rotation=text("rotation", rotation))


def facts(rotation: str) -> Ask[list[str]]:
    return _ask("facts", _same, rotation=text("rotation", rotation))


def pause(rotation: str, why: str) -> Ask[None]:
    return _ask("pause", _nothing, rotation=text("rotation", rotation), why=text("why", why))


def resume(rotation: str) -> Ask[Rotated]:
    return _ask("resume", _same, rotation=text("rotation", rotation))


def run_for(rotation: str, duration: timedelta | float) -> Ask[Rotated]:
    return _ask("run_for", _same, rotation=text("rotation", rotation), seconds=_seconds("duration", duration))


def cancel(rotation: str, until: datetime | str | None) -> Ask[None]:
    return _ask("cancel", _nothing, rotation=text("rotation", rotation), until=_instant("until", until))


def verify_journal() -> Ask[int]:
    return _ask("verify_journal", lambda value: int(value["lines"]))

"""The calls that need no rotator. No logic: each one is a method's name and its arguments."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _keywheel
from ._data import Data, checked, decode
from .errors import KeywheelError


@dataclass(frozen=True, kw_only=True)
class Stream(Data):
    """A stream of a journal that was found whole."""

    stream: str | None
    """Its name; `None` if there was no line."""
    lines: int
    """How many lines it has."""
    head: str
    """SHA-256 of its last line, hex."""


def answered(answer: tuple[bool, str]) -> Any:
    """Returns what the door answered, or raises what it refused."""
    went_well, text = answer
    value = json.loads(text)
    if went_well:
        return value
    raise KeywheelError(**value)


def version() -> str:
    """Returns the version of keywheel."""
    return str(answered(_keywheel.call("version", "{}"))["version"])


def verify_stream(lines: Iterable[str]) -> Stream:
    """Checks one stream of a journal from its first line: its text, its hashes, its order.

    Raises `KeywheelError` of kind `corrupt` at the first line that is not what was written. A tail that was cut
    off cannot be seen in the stream itself: compare `head` with one that is kept elsewhere.
    """
    if isinstance(lines, str):
        raise TypeError("lines must be an iterable of lines, not one string")
    arguments = {"lines": [checked(str, line, f"lines[{number}]") for number, line in enumerate(lines)]}
    stream: Stream = decode(Stream, answered(_keywheel.call("verify_stream", json.dumps(arguments))))
    return stream

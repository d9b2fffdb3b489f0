"""The calls, as Python spells them. No logic: each one is a method's name and its arguments."""

import json
from collections.abc import Iterable
from typing import Any, TypedDict

from . import _keywheel
from .errors import KeywheelError


class Stream(TypedDict):
    """A stream of a journal that was found whole."""

    stream: str | None
    lines: int
    head: str


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
        raise TypeError("verify_stream takes an iterable of lines, not one string")
    stream: Stream = answered(_keywheel.call("verify_stream", json.dumps({"lines": list(lines)})))
    return stream

"""Opening the door, and reading what comes through it unasked."""

import json
from os import PathLike, fspath
from typing import TypeVar

from ._data import decoder
from ._hosts import Guests
from ._keywheel import Door
from .errors import KeywheelError
from .types import Progress

T = TypeVar("T")


def open_door(config: str | PathLike[str], guests: Guests) -> Door:
    """Reads the config and opens the journal; sends nothing."""
    if not isinstance(config, (str, PathLike)):
        raise TypeError(f"config must be a path, not {type(config).__name__}")
    return opened(Door.open(fspath(config), guests.hosts))


def opened(made: tuple[T | None, str | None]) -> T:
    """What was made, or what was refused as an exception."""
    thing, failure = made
    if failure is not None:
        raise KeywheelError(**json.loads(failure))
    assert thing is not None, "a thing or a failure"
    return thing


def read_event(text: str) -> Progress:
    """One event of progress."""
    event: Progress = _READ_PROGRESS(json.loads(text))
    return event


_READ_PROGRESS = decoder(Progress)

"""Opening the door, and reading what comes through it unasked."""

import json
from os import PathLike, fspath
from typing import Any

from ._keywheel import Door
from .errors import KeywheelError


def open_door(config: str | PathLike[str]) -> Door | None:
    """Reads the config and opens the journal; sends nothing."""
    if not isinstance(config, (str, PathLike)):
        raise TypeError(f"config must be a path, not {type(config).__name__}")
    door, failure = Door.open(fspath(config))
    if failure is not None:
        raise KeywheelError(**json.loads(failure))
    return door


def read_event(text: str) -> dict[str, Any]:
    """One event of progress."""
    event: dict[str, Any] = json.loads(text)
    return event

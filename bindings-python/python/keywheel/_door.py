"""Opening the door, and reading what comes through it unasked."""

import json
from os import PathLike, fspath

from ._data import decoder
from ._keywheel import Door
from .errors import KeywheelError
from .types import Progress


def open_door(config: str | PathLike[str]) -> Door:
    """Reads the config and opens the journal; sends nothing."""
    if not isinstance(config, (str, PathLike)):
        raise TypeError(f"config must be a path, not {type(config).__name__}")
    door, failure = Door.open(fspath(config))
    if failure is not None:
        raise KeywheelError(**json.loads(failure))
    assert door is not None, "a door or a failure"
    return door


def read_event(text: str) -> Progress:
    """One event of progress."""
    event: Progress = _READ_PROGRESS(json.loads(text))
    return event


_READ_PROGRESS = decoder(Progress)

"""keywheel's log lines in Python's `logging`, under `keywheel.…` (`keywheel.engine`, `keywheel.adapters.oci`)."""

import logging

from . import _keywheel

_LOGGER = logging.getLogger("keywheel")
_LEVELS = {
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "TRACE": logging.DEBUG,
}
_is_heard = False


def _hear(level: str, target: str, text: str) -> None:
    logging.getLogger(target.replace("::", ".")).log(_LEVELS[level], "%s", text)


def follow() -> None:
    """Asks for as much as the logger `keywheel` lets through now. Cheap enough for every call."""
    global _is_heard
    if not _is_heard:
        _is_heard = True
        _keywheel.log_to(_hear)
    level = _LOGGER.getEffectiveLevel()
    wanted = 4 if level <= logging.DEBUG else 3 if level <= logging.INFO else 2 if level <= logging.WARNING else 1
    _keywheel.log_level(wanted if level <= logging.ERROR else 0)

"""Fixtures for pytest, there once the package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# Imported where it is needed: a test run that does not use it pays nothing.
if TYPE_CHECKING:
    from . import Emulated, World


@pytest.fixture
def keywheel_world() -> World:
    """A `keywheel.testing.World` without anything in it."""
    from . import World

    return World()


@pytest.fixture
def keywheel_emulator() -> Iterator[Emulated]:
    """A running `keywheel.testing.emulator`; the test is skipped where the lab program is not installed."""
    from . import LabMissing, emulator

    running = emulator()
    try:
        lab = running.__enter__()
    except LabMissing as missing:
        pytest.skip(str(missing))
    try:
        yield lab
    finally:
        running.__exit__(None, None, None)

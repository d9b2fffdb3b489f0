"""Rows that a rotator's calls return beside the model's own data."""

from __future__ import annotations

from dataclasses import dataclass

from ._data import Data
from .errors import KeywheelError
from .types import Due, KeyId, Rotated, RotationId

__all__ = ["RecoveredRotation", "RotatedKey", "Started"]


@dataclass(frozen=True, kw_only=True)
class RotatedKey(Data):
    """One row of `rotate_due`: what became of one key."""

    key: KeyId
    """Which key."""
    rotated: Rotated | None = None
    """How its rotation ended."""
    error: KeywheelError | None = None
    """Why it could not be rotated."""


@dataclass(frozen=True, kw_only=True)
class RecoveredRotation(Data):
    """One row of `recover`: what became of one open rotation."""

    rotation: RotationId
    """Which rotation."""
    rotated: Rotated | None = None
    """How it ended."""
    error: KeywheelError | None = None
    """Why it could not go on."""


@dataclass(frozen=True, kw_only=True)
class Started(Data):
    """What became of a wish to start."""

    rotation: RotationId | None = None
    """The rotation that is open, or that this request id led to before; `None` if nothing is owed."""
    is_open: bool = False
    """Whether it is open: `run_for` drives it."""
    due: Due | None = None
    """What is owed instead, if no rotation was opened."""

"""Rows that a rotator's calls return beside the model's own data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from ._data import Data
from .errors import KeywheelError
from .types import Due, KeyId, Rotated, RotationId

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["RecoveredRotation", "RotatedKey", "Rows", "Started"]

T = TypeVar("T")


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


class Rows(list[T]):
    """A list of rows that a notebook shows as a table with pictures, and that pandas can take."""

    def _repr_html_(self) -> str | None:
        from ._html import html

        return html(self)

    def to_pandas(self) -> DataFrame:
        """The same as a pandas DataFrame, one column for each field (nested ones with dots). Needs pandas."""
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas needs pandas: pip install keywheel[pandas]") from None
        frame: DataFrame = pandas.DataFrame([_flat(row) for row in self])
        return frame


def _flat(row: object, prefix: str = "") -> dict[str, object]:
    columns: dict[str, object] = {}
    for name, value in vars(row).items():
        if isinstance(value, Enum):
            columns[prefix + name] = value.value
        elif isinstance(value, Data) and dataclasses.is_dataclass(value):
            if value._tag:
                columns[prefix + name] = getattr(value, value._tag)
            columns.update(_flat(value, f"{prefix}{name}."))
        else:
            columns[prefix + name] = value
    return columns

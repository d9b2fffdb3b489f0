"""keywheel rotates the encryption keys of an OCI tenancy and proves that it did.

`Rotator` blocks the calling thread and no other; `keywheel.aio.Rotator` has the same calls to await. The GIL is never
held while keywheel works. Answers are frozen dataclasses (`keywheel.types`), errors are `KeywheelError` with `kind`,
`retry` and `landed`.
"""

import atexit

from . import _keywheel, aio, notebook, types
from ._api import Stream, verify_stream, version
from ._rotator import Rotator
from .errors import ErrorKind, KeywheelError, Landed, Retry
from .rows import RecoveredRotation, RotatedKey, Rows, Started
from .types import DueState, Kind, Outcome, Plan, Progress, Report, Rotated, Verdict

__all__ = [
    "DueState",
    "ErrorKind",
    "KeywheelError",
    "Kind",
    "Landed",
    "Outcome",
    "Plan",
    "Progress",
    "RecoveredRotation",
    "Report",
    "Retry",
    "Rotated",
    "RotatedKey",
    "Rotator",
    "Rows",
    "Started",
    "Stream",
    "Verdict",
    "aio",
    "notebook",
    "types",
    "verify_stream",
    "version",
]
__version__ = version()

# Before the interpreter goes, nothing of ours may still want to call into it.
atexit.register(_keywheel.shutdown)

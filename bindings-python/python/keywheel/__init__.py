"""keywheel rotates the encryption keys of an OCI tenancy and proves that it did.

`Rotator` blocks the calling thread and no other; `keywheel.aio.Rotator` has the same calls to await. The GIL is never
held while keywheel works. Errors are `KeywheelError` with `kind`, `retry` and `landed`.
"""

import atexit

from . import _keywheel, aio
from ._api import verify_stream, version
from ._rotator import Rotator
from .errors import KeywheelError

__all__ = ["KeywheelError", "Rotator", "aio", "verify_stream", "version"]
__version__ = version()

# Before the interpreter goes, nothing of ours may still want to call into it.
atexit.register(_keywheel.shutdown)

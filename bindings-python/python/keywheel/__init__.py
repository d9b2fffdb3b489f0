"""keywheel rotates the encryption keys of an OCI tenancy and proves that it did.

Every call blocks the calling thread and no other: the GIL is released while keywheel works.
Errors are `KeywheelError` with `kind`, `retry` and `landed`.
"""

from ._api import verify_stream, version
from ._rotator import Rotator
from .errors import KeywheelError

__all__ = ["KeywheelError", "Rotator", "verify_stream", "version"]
__version__ = version()

"""The one exception of keywheel. It answers three questions: what, may I retry, did it land."""

from typing import Literal

Kind = Literal[
    "bug", "config", "conflict", "corrupt", "denied", "exhausted", "foreign", "fork", "not_found", "refused",
    "throttled", "timeout", "unavailable",
]  # fmt: skip


class KeywheelError(Exception):
    """What keywheel could not or would not do."""

    kind: Kind
    """What went wrong."""
    retry: Literal["never", "now", "later"]
    """Whether trying again makes sense."""
    retry_after_ms: int | None
    """How long to wait first, if the service said so."""
    landed: Literal["no", "maybe", "yes"]
    """Whether the effect may have happened."""
    operation: str
    """Which operation failed."""
    code: str | None
    """The service's own code."""
    status: int | None
    """The HTTP status, where there was one."""
    request_id: str | None
    """What the service called our request."""
    context: dict[str, str]
    """Named values: OCIDs, regions, counts, paths. Never a secret."""

    def __init__(
        self,
        message: str,
        *,
        kind: Kind,
        retry: Literal["never", "now", "later"],
        landed: Literal["no", "maybe", "yes"],
        operation: str,
        retry_after_ms: int | None = None,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        context: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry = retry
        self.retry_after_ms = retry_after_ms
        self.landed = landed
        self.operation = operation
        self.code = code
        self.status = status
        self.request_id = request_id
        self.context = context or {}

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments do not survive the default; multiprocessing and celery pickle exceptions.
        return (_restore, (self.args[0], dict(self.__dict__)))


def _restore(message: str, fields: dict[str, object]) -> KeywheelError:
    return KeywheelError(message, **fields)  # type: ignore[arg-type]

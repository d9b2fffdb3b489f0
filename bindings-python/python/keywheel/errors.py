"""The one exception of keywheel. It answers three questions: what, may I retry, did it land."""

from datetime import datetime, timedelta
from ._data import OpenWord


class ErrorKind(OpenWord):
    """What went wrong."""

    BUG = "bug"
    """A mistake of keywheel's own."""
    CONFIG = "config"
    """The configuration cannot be used."""
    CONFLICT = "conflict"
    """Somebody else changed it first: etag, journal head, epoch, state."""
    CORRUPT = "corrupt"
    """Bytes are not what was written: broken chain, unreadable line."""
    DENIED = "denied"
    """Not allowed, or the credentials are wrong."""
    EXHAUSTED = "exhausted"
    """The budget of tries is spent."""
    FOREIGN = "foreign"
    """A port written by somebody else broke its promise."""
    FORK = "fork"
    """Two different histories claim one place."""
    NOT_FOUND = "not_found"
    """Not there, or not visible to us: OCI says the same for both."""
    REFUSED = "refused"
    """keywheel or the service will not do this, for a stated reason."""
    THROTTLED = "throttled"
    """Too many requests."""
    TIMEOUT = "timeout"
    """No answer in time."""
    UNAVAILABLE = "unavailable"
    """Cannot be reached, or failed on the far side."""


class Retry(OpenWord):
    """Whether trying again makes sense."""

    NEVER = "never"
    """It would fail again."""
    NOW = "now"
    """At once, after reading again what changed."""
    LATER = "later"
    """Later, after `retry_after` if the service said so."""


class Landed(OpenWord):
    """Whether the effect may have happened."""

    NO = "no"
    """It did not."""
    MAYBE = "maybe"
    """Nobody knows: something left the machine and no definitive answer came back."""
    YES = "yes"
    """It did."""


class KeywheelError(Exception):
    """What keywheel could not or would not do."""

    kind: ErrorKind
    """What went wrong."""
    retry: Retry
    """Whether trying again makes sense."""
    retry_after_ms: int | None
    """How long to wait first, in milliseconds, if the service said so; see `retry_after`."""
    landed: Landed
    """Whether the effect may have happened."""
    operation: str
    """Which operation failed."""
    code: str | None
    """The service's own code."""
    status: int | None
    """The HTTP status, where there was one."""
    request_id: str | None
    """What the service called our request."""
    server_date: datetime | None
    """The far end's clock, if it answered."""
    context: dict[str, str]
    """Named values: OCIDs, regions, counts, paths. Never a secret."""

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind | str,
        retry: Retry | str = "never",
        landed: Landed | str = "maybe",
        operation: str = "",
        retry_after_ms: int | None = None,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        server_date: datetime | str | None = None,
        context: dict[str, str] | None = None,
    ) -> None:
        """For ports of your own: raise it with `kind` and `landed="no"` to say that nothing happened, and why."""
        super().__init__(message)
        self.kind = ErrorKind(kind)
        self.retry = Retry(retry)
        self.retry_after_ms = retry_after_ms
        self.landed = Landed(landed)
        self.operation = operation
        self.code = code
        self.status = status
        self.request_id = request_id
        self.server_date = datetime.fromisoformat(server_date) if isinstance(server_date, str) else server_date
        self.context = context or {}

    @property
    def retry_after(self) -> timedelta | None:
        """How long to wait before trying again, if the service said so."""
        return None if self.retry_after_ms is None else timedelta(milliseconds=self.retry_after_ms)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments do not survive the default; multiprocessing and celery pickle exceptions.
        return (_restore, (self.args[0], dict(self.__dict__)))


def _restore(message: str, fields: dict[str, object]) -> KeywheelError:
    return KeywheelError(message, **fields)  # type: ignore[arg-type]

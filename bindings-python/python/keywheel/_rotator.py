"""The rotator that blocks. No logic: it hands over a call and waits for its answer."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar

from . import _calls, _logs
from ._calls import Ask
from ._door import open_door, read_event
from ._hosts import Guests
from ._keywheel import Door
from ._signers import principal
from .ports import AuditSink, KeyStore, Notifier, ReKeyer, ResourceCatalog
from .rows import RecoveredRotation, RotatedKey, Rows, Started
from .types import Checkup, DependentReport, DueKey, Metric, Plan, Progress, Report, Rotated, RotationSummary

T = TypeVar("T")
Listener = Callable[[Progress], object]

# Named here because `Rotator.list` hides the builtin from the annotations below it.
Summaries = Rows[RotationSummary]
Dependents = Rows[DependentReport]
Facts = list[str]
Recovered = Rows[RecoveredRotation]


class Rotator:
    """A rotator for the tenancy and the journal that a `keywheel.toml` names.

    Every call blocks its thread and no other, also inside a running event loop (a notebook's cell); several may run
    at once. A process may die in the middle of any of them, and Ctrl-C may end any of them: the next `rotate` or
    `resume` goes on where the journal ends.
    """

    def __init__(
        self,
        config: str | PathLike[str],
        *,
        oci: Mapping[str, Any] | str | None = None,
        signer: object = None,
        key_store: KeyStore | None = None,
        catalog: ResourceCatalog | None = None,
        rekeyer: ReKeyer | None = None,
        audit_sinks: Sequence[AuditSink] = (),
        notifiers: Sequence[Notifier] = (),
    ) -> None:
        """Reads the config and opens the journal; sends nothing.

        `oci` and `signer` say who you are, in place of the config's profile: a config dict of the official SDK, the
        name of another profile, or a signer object, whose key stays where it is.
        Ports of your own (`keywheel.ports`) take the place of the config's; sinks and notifiers stand beside them.
        """
        guests = Guests(key_store, catalog, rekeyer, audit_sinks, notifiers, principal(oci, signer))
        self._door: Door | None = open_door(config, guests)

    @classmethod
    def _over(cls, door: Door) -> "Rotator":
        rotator = object.__new__(cls)
        rotator._door = door
        return rotator

    def __enter__(self) -> "Rotator":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the journal once no call uses it any more. Without this, it is closed with the object."""
        self._door = None

    def _do(self, ask: Ask[T], on_progress: Listener | None = None) -> T:
        door = self._door
        _logs.follow()
        if door is None:
            raise ValueError("this rotator was closed")
        if on_progress is None:
            return ask.answered(*door.call(ask.method, ask.arguments))
        events: deque[str] = deque()

        def tell() -> None:
            while events:
                on_progress(read_event(events.popleft()))

        answer = door.call(ask.method, ask.arguments, tell, events.append)
        tell()
        return ask.answered(*answer)

    def due(self) -> Rows[DueKey]:
        """Returns what is owed to each key, and why."""
        return self._do(_calls.due())

    def metrics(self) -> Rows[Metric]:
        """Returns how keys, rotations and ticks stand, as numbers; each is a gauge with dimensions."""
        return self._do(_calls.metrics())

    def plan(self, key: str) -> Plan:
        """Returns what a rotation of this key would do; made by reads alone."""
        return self._do(_calls.plan(key))

    def doctor(
        self, live: str | None = None, *, subject: str | None = None, on_progress: Listener | None = None
    ) -> Checkup:
        """Tests what rotations rely on: with `live`, also by minting on that key, which nobody can undo.

        `subject`, such as "dynamic-group keywheel", is whose statements are shown, and read for what is too broad.
        """
        return self._do(_calls.doctor(live, subject), on_progress)

    def rotate(self, key: str, *, on_progress: Listener | None = None) -> Rotated:
        """Rotates a key if it is due, and sees the rotation through.

        `on_progress` is called with every event, in this thread.
        """
        return self._do(_calls.rotate(key), on_progress)

    def rotate_due(self, *, on_progress: Listener | None = None) -> Rows[RotatedKey]:
        """Rotates every key that is due. A key that fails does not stop the others: each row has its own `error`."""
        return self._do(_calls.rotate_due(), on_progress)

    def list(self) -> Summaries:
        """Returns the rotations that are open."""
        return self._do(_calls.list_open())

    def history(self, key: str | None = None) -> Summaries:
        """Returns every rotation of a key, or of all keys."""
        return self._do(_calls.history(key))

    def status(self, rotation: str) -> Report:
        """Returns what a rotation did so far. The beginning of its id is enough."""
        return self._do(_calls.status(rotation))

    def dependents(self, rotation: str) -> Dependents:
        """Returns every dependent of a rotation, with its outcome if it has one."""
        return self._do(_calls.dependents(rotation))

    def facts(self, rotation: str) -> Facts:
        """Returns the facts of a rotation's own stream: canonical JSON, checked, in order."""
        return self._do(_calls.facts(rotation))

    def pause(self, rotation: str, why: str) -> None:
        """Stops a rotation before its next effect, whoever drives it."""
        return self._do(_calls.pause(rotation, why))

    def resume(self, rotation: str, *, on_progress: Listener | None = None) -> Rotated:
        """Lets a paused or abandoned rotation go on, and sees it through."""
        return self._do(_calls.resume(rotation), on_progress)

    def start(
        self,
        key: str,
        *,
        now: bool = False,
        supersedes: str | None = None,
        request_id: str | None = None,
        actor: str | None = None,
    ) -> Started:
        """Opens a rotation, or finds the open one, without driving it: `run_for` or `resume` does.

        With `now`, whether it is due or not: name the version that it `supersedes`, or give the wish a `request_id`
        that the journal remembers, so that asking twice rotates once. `actor` is the id of whoever asks.
        """
        return self._do(_calls.start(key, now, supersedes, request_id, actor))

    def recover(self, *, on_progress: Listener | None = None) -> Recovered:
        """Takes up every open rotation that is not paused, and sees it through."""
        return self._do(_calls.recover(), on_progress)

    def run_for(
        self, rotation: str, duration: timedelta | float, *, on_progress: Listener | None = None
    ) -> Rotated:
        """Drives a rotation for at most this long (a timedelta, or seconds); what is left, the next call does."""
        return self._do(_calls.run_for(rotation, duration), on_progress)

    def cancel(self, rotation: str, until: datetime | None = None) -> None:
        """Gives a rotation up; refused once a mint was intended. Not started again before `until`."""
        return self._do(_calls.cancel(rotation, until))

    def verify_journal(self) -> int:
        """Checks the chain of every stream of the journal; returns how many lines it read."""
        return self._do(_calls.verify_journal())

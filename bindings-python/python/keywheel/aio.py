"""The rotator that awaits. No logic: it hands over a call, and the event loop hears of its answer.

Nothing here blocks the loop, and nothing here needs a particular one: a rotator may outlive its loop and be used in
the next.
"""

import asyncio
import threading
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

__all__ = ["Rotator"]

T = TypeVar("T")
Listener = Callable[[Progress], object]

# Named here because `Rotator.list` hides the builtin from the annotations below it.
Summaries = Rows[RotationSummary]
Dependents = Rows[DependentReport]
Facts = list[str]
Recovered = Rows[RecoveredRotation]


class Rotator:
    """A rotator for the tenancy and the journal that a `keywheel.toml` names.

    The config is read and the journal opened by the first call, away from the event loop. A call that is cancelled
    (`asyncio.wait_for`, a task group, Ctrl-C) is dropped where it stands: the next `rotate` or `resume` goes on where
    the journal ends.
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
        """Remembers the config; nothing is read yet.

        `oci` and `signer` say who you are, in place of the config's profile: a config dict of the official SDK, the
        name of another profile, or a signer object, whose key stays where it is.
        Ports of your own (`keywheel.ports`) take the place of the config's; sinks and notifiers stand beside them.
        """
        guests = Guests(key_store, catalog, rekeyer, audit_sinks, notifiers, principal(oci, signer))
        self._set_up(guests, lambda: open_door(config, guests))

    def _set_up(self, guests: Guests, make: Callable[[], Door]) -> None:
        self._loops, self._make = guests.loops, make
        self._door: Door | None = None
        self._is_closed = False
        self._opening = threading.Lock()

    @classmethod
    def _over(cls, guests: Guests, make: Callable[[], Door]) -> "Rotator":
        rotator = object.__new__(cls)
        rotator._set_up(guests, make)
        return rotator

    async def __aenter__(self) -> "Rotator":
        self._loops.awaiting = asyncio.get_running_loop()
        await asyncio.to_thread(self._opened)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the journal once no call uses it any more. Without this, it is closed with the object."""
        self._door = None
        self._is_closed = True

    def _opened(self) -> Door:
        with self._opening:
            if self._is_closed:
                raise ValueError("this rotator was closed")
            door = self._door
            if door is None:
                door = self._door = self._make()
            return door

    async def _do(self, ask: Ask[T], on_progress: Listener | None = None) -> T:
        loop = self._loops.awaiting = asyncio.get_running_loop()
        _logs.follow()
        door = self._door
        if door is None:
            door = await asyncio.to_thread(self._opened)
        answer: asyncio.Future[tuple[bool, str]] = loop.create_future()

        def done(went_well: bool, text: str) -> None:
            _in_loop(loop, _settle, answer, (went_well, text))

        hear = None if on_progress is None else _hearing(loop, on_progress)
        call = door.start(ask.method, ask.arguments, done, hear)
        try:
            return ask.answered(*await answer)
        except asyncio.CancelledError:
            call.cancel()
            raise

    async def due(self) -> Rows[DueKey]:
        """Returns what is owed to each key, and why."""
        return await self._do(_calls.due())

    async def metrics(self) -> Rows[Metric]:
        """Returns how keys, rotations and ticks stand, as numbers; each is a gauge with dimensions."""
        return await self._do(_calls.metrics())

    async def plan(self, key: str) -> Plan:
        """Returns what a rotation of this key would do; made by reads alone."""
        return await self._do(_calls.plan(key))

    async def doctor(
        self, live: str | None = None, *, subject: str | None = None, on_progress: Listener | None = None
    ) -> Checkup:
        """Tests what rotations rely on: with `live`, also by minting on that key, which nobody can undo.

        `subject`, such as "dynamic-group keywheel", is whose statements are shown, and read for what is too broad.
        """
        return await self._do(_calls.doctor(live, subject), on_progress)

    async def rotate(self, key: str, *, on_progress: Listener | None = None) -> Rotated:
        """Rotates a key if it is due, and sees the rotation through.

        `on_progress` is called with every event, in the event loop.
        """
        return await self._do(_calls.rotate(key), on_progress)

    async def rotate_due(self, *, on_progress: Listener | None = None) -> Rows[RotatedKey]:
        """Rotates every key that is due. A key that fails does not stop the others: each row has its own `error`."""
        return await self._do(_calls.rotate_due(), on_progress)

    async def list(self) -> Summaries:
        """Returns the rotations that are open."""
        return await self._do(_calls.list_open())

    async def history(self, key: str | None = None) -> Summaries:
        """Returns every rotation of a key, or of all keys."""
        return await self._do(_calls.history(key))

    async def status(self, rotation: str) -> Report:
        """Returns what a rotation did so far. The beginning of its id is enough."""
        return await self._do(_calls.status(rotation))

    async def dependents(self, rotation: str) -> Dependents:
        """Returns every dependent of a rotation, with its outcome if it has one."""
        return await self._do(_calls.dependents(rotation))

    async def facts(self, rotation: str) -> Facts:
        """Returns the facts of a rotation's own stream: canonical JSON, checked, in order."""
        return await self._do(_calls.facts(rotation))

    async def pause(self, rotation: str, why: str) -> None:
        """Stops a rotation before its next effect, whoever drives it."""
        return await self._do(_calls.pause(rotation, why))

    async def resume(self, rotation: str, *, on_progress: Listener | None = None) -> Rotated:
        """Lets a paused or abandoned rotation go on, and sees it through."""
        return await self._do(_calls.resume(rotation), on_progress)

    async def start(
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
        return await self._do(_calls.start(key, now, supersedes, request_id, actor))

    async def recover(self, *, on_progress: Listener | None = None) -> Recovered:
        """Takes up every open rotation that is not paused, and sees it through."""
        return await self._do(_calls.recover(), on_progress)

    async def run_for(
        self, rotation: str, duration: timedelta | float, *, on_progress: Listener | None = None
    ) -> Rotated:
        """Drives a rotation for at most this long (a timedelta, or seconds); what is left, the next call does."""
        return await self._do(_calls.run_for(rotation, duration), on_progress)

    async def cancel(self, rotation: str, until: datetime | None = None) -> None:
        """Gives a rotation up; refused once a mint was intended. Not started again before `until`."""
        return await self._do(_calls.cancel(rotation, until))

    async def verify_journal(self) -> int:
        """Checks the chain of every stream of the journal; returns how many lines it read."""
        return await self._do(_calls.verify_journal())


def _hearing(loop: asyncio.AbstractEventLoop, listener: Listener) -> Callable[[str], None]:
    return lambda event: _in_loop(loop, lambda: listener(read_event(event)))


def _in_loop(loop: asyncio.AbstractEventLoop, act: Callable[..., object], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(act, *arguments)
    except RuntimeError:
        # The loop was closed meanwhile: nobody waits any more.
        pass


def _settle(answer: "asyncio.Future[tuple[bool, str]]", value: tuple[bool, str]) -> None:
    if not answer.done():
        answer.set_result(value)

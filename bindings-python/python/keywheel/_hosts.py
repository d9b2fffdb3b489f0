"""Ports written in Python, as the door calls them: a method's name and JSON in, a reply out.

Plain methods run where the call arrives, on a thread of keywheel's. Coroutines run on an event loop: the one that
awaits the rotator, or one of our own.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import threading
import types
import typing
from collections.abc import Callable
from typing import Any, TypeAlias

from ._data import checked, decoder, encode, kept
from ._keywheel import Reply as Telling
from .errors import ErrorKind, KeywheelError, Landed, Retry
from .ports import AuditSink, KeyStore, Notifier, ReKeyer, Reply, ResourceCatalog

Host: TypeAlias = Callable[[str, str, Telling], None]


class Loops:
    """The event loop on which coroutines of ports run."""

    def __init__(self) -> None:
        self.awaiting: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that awaits the rotator, while it runs; otherwise one of our own."""
        awaiting = self.awaiting
        return awaiting if awaiting is not None and awaiting.is_running() else _own_loop()


_own: dict[int, asyncio.AbstractEventLoop] = {}
_making = threading.Lock()


def _own_loop() -> asyncio.AbstractEventLoop:
    with _making:
        # A forked child has the parent's loop and not the thread that turns it.
        loop = _own.get(os.getpid())
        if loop is None:
            loop = _own[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="keywheel-ports", daemon=True).start()
        return loop


@kept
def signature(method: Any) -> tuple[dict[str, Callable[[Any], Any]], Any]:
    """How a port's method reads its arguments, and what it answers with."""
    hints = typing.get_type_hints(method)
    answer = hints.pop("return")
    is_union = typing.get_origin(answer) in (typing.Union, types.UnionType)
    members = typing.get_args(answer) if is_union else (answer,)
    replies = [member for member in members if typing.get_origin(member) is Reply]
    if replies:
        answer = replies[0]
    else:
        plain = [member for member in members if not _is_awaitable(member)]
        answer = typing.Union[tuple(plain)]  # noqa: UP007
    return {name: decoder(hint) for name, hint in hints.items()}, answer


def _is_awaitable(hint: Any) -> bool:
    return typing.get_origin(hint) is not None and "Awaitable" in str(typing.get_origin(hint))


def hosted(port: object, declared: type, loops: Loops, prefix: str = "") -> Host:
    """What the door calls for a port: `declared` is the class whose promises it makes."""
    if not isinstance(port, declared):
        raise TypeError(f"a {declared.__name__} must be a keywheel.ports.{declared.__name__}, not {type(port).__name__}")

    def call(method: str, arguments: str, telling: Telling) -> None:
        try:
            name = method.removeprefix(prefix)
            readers, answer = signature(getattr(declared, name))
            given = json.loads(arguments)
            values = {name: reader(given[name]) for name, reader in readers.items()}
            value = getattr(port, name)(**values)
            if inspect.isawaitable(value):
                asyncio.run_coroutine_threadsafe(_awaited(value, answer, name, telling), loops.loop())
            else:
                _tell(telling, answer, name, value)
        except BaseException as error:  # noqa: BLE001 - whatever it is, keywheel must hear of it
            telling.answer(False, thrown(error))

    return call


async def _awaited(value: Any, answer: Any, name: str, telling: Telling) -> None:
    try:
        _tell(telling, answer, name, await value)
    except BaseException as error:
        telling.answer(False, thrown(error))
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise


def _tell(telling: Telling, answer: Any, name: str, value: Any) -> None:
    try:
        telling.answer(True, json.dumps(_written(answer, value, name)))
    except TypeError as error:
        # Not an exception of the port's: its answer is not what it declared.
        said = {"message": f"the port's answer cannot be used: {error}", "kind": ErrorKind.FOREIGN}
        telling.answer(False, json.dumps({**said, "retry": Retry.NEVER, "landed": Landed.MAYBE, "context": {}}))


def _written(answer: Any, value: Any, name: str) -> Any:
    if typing.get_origin(answer) is not Reply:
        return encode(checked(answer, value, name))
    (inner,) = typing.get_args(answer)
    if not isinstance(value, Reply):
        raise TypeError(f"{name} must return a Reply, not {type(value).__name__}")
    # A value of None is an answer too, so it is written whatever it is.
    return {**encode(value), "value": encode(checked(inner, value.value, f"{name}: value"))}


def thrown(error: BaseException) -> str:
    if not isinstance(error, KeywheelError):
        return f"{type(error).__name__}: {error}"
    said = {name: value for name, value in error.__dict__.items() if value is not None}
    return json.dumps({**encode(said), "message": str(error)})


class Guests:
    """The ports of a rotator that are written in Python."""

    def __init__(
        self,
        key_store: KeyStore | None,
        catalog: ResourceCatalog | None,
        rekeyer: ReKeyer | None,
        audit_sinks: typing.Sequence[AuditSink],
        notifiers: typing.Sequence[Notifier],
        principal: dict[str, Any] | None = None,
    ) -> None:
        self.loops = Loops()

        def maybe(port: object, declared: type) -> Host | None:
            return None if port is None else hosted(port, declared, self.loops)

        self.hosts: dict[str, Any] = {
            "key_store": maybe(key_store, KeyStore),
            "catalog": maybe(catalog, ResourceCatalog),
            "rekeyer": maybe(rekeyer, ReKeyer),
            "audit_sinks": [hosted(sink, AuditSink, self.loops) for sink in audit_sinks],
            "notifiers": [hosted(notifier, Notifier, self.loops) for notifier in notifiers],
            **(principal or {"profile": None, "oci": None, "signer": None}),
        }

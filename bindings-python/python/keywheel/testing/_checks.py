"""The law for ports: core's conformance suites, run against ports written in Python.

A suite asks a port to keep each promise of its class. For that it needs a fixture, which makes things at the far end and
breaks them; `WorldFixture` does so over a World, a port to something else brings its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from .. import _keywheel
from .._api import answered
from .._hosts import Host, Loops, hosted
from .._keywheel import Reply as Telling
from ..ports import AuditSink, KeyStore, Notifier, ReKeyer, ResourceCatalog
from ..types import Compartment, Dependent, Kind, Margins


class PromiseBroken(AssertionError):
    """A port broke promises of its class. Each is named, with what was seen."""

    def __init__(self, port: str, broken: dict[str, str]) -> None:
        lines = [f"\n  {promise}: {seen}" for promise, seen in broken.items()]
        super().__init__(f"{port} breaks {len(broken)} of its promises:{''.join(lines)}")
        self.broken = broken
        """The promises by name, and how each was broken."""


class Passage(ABC):
    """Time as the far end has it."""

    @abstractmethod
    def now(self) -> datetime:
        """The far end's present."""

    @abstractmethod
    def pass_time(self, by: timedelta) -> None:
        """Lets so much time pass at the far end."""


class KeyStoreFixture(Passage):
    """What the suite of key stores needs."""

    @abstractmethod
    def margins(self) -> Margins:
        """Bounds within which the far end's lags stay."""

    @abstractmethod
    def place(self) -> tuple[str, str]:
        """The vault and compartment of the keys that `new_key` makes."""

    @abstractmethod
    def new_key(self) -> str:
        """A new ENABLED AES key with one version."""

    @abstractmethod
    def replica_key(self) -> str:
        """A key of which only a replica can be reached."""

    @abstractmethod
    def disabled_key(self) -> str:
        """A key that is disabled."""

    @abstractmethod
    def lose_next_mint_answer(self) -> None:
        """The far end will act on the next mint and its answer will not arrive."""

    @abstractmethod
    def mints_arrived(self) -> int:
        """Mint requests that arrived at the far end so far."""


class CatalogFixture(Passage):
    """What the suite of catalogs needs."""

    @abstractmethod
    def fresh_port(self) -> ResourceCatalog:
        """The catalog as another process would have it."""

    @abstractmethod
    def region(self) -> str:
        """The region of all that is made."""

    @abstractmethod
    def kind(self) -> Kind:
        """A kind that this catalog lists."""

    @abstractmethod
    def key(self) -> str:
        """A key for selectors."""

    @abstractmethod
    def search_lag(self) -> timedelta:
        """How long Search may lag."""

    @abstractmethod
    def new_compartment(self) -> Compartment:
        """A new compartment without anything in it."""

    @abstractmethod
    def make(self, compartment: str, name: str, tags: dict[str, str], key: str | None) -> str:
        """Makes a resource of `kind` with these free-form tags; without a key, under Oracle's."""

    @abstractmethod
    def terminate(self, id: str) -> bool:
        """The owning service terminates a resource and still lists it; `False` if this kind knows no such thing."""

    @abstractmethod
    def deny(self, compartment: str) -> None:
        """From now on the port may not see a compartment."""


class ReKeyerFixture(Passage):
    """What the suites of re-keyers need. Kinds that re-wrap and kinds that are only assigned a key have suites of
    their own; what only the other one needs may raise NotImplementedError."""

    @abstractmethod
    def kind(self) -> Kind:
        """The kind that is made here."""

    @abstractmethod
    def new_key(self) -> str:
        """A new key, usable by what `new_dependent` makes."""

    @abstractmethod
    def new_dependent(self, key: str) -> Dependent:
        """A new dependent of this key, ready to be changed."""

    @abstractmethod
    def delete(self, dependent: Dependent) -> None:
        """The service does not show the dependent any more."""

    @abstractmethod
    def lose_next_answer(self) -> None:
        """The far end will act on the next step and its answer will not arrive."""

    @abstractmethod
    def hangs_on_current(self, dependent: Dependent, key: str) -> bool | None:
        """Whether the data really hangs on this key's current version; `None` if nobody can know."""

    def work_request_deadline(self) -> timedelta:
        """Within which a work request ends; for kinds that re-wrap."""
        return timedelta(minutes=1)

    def unfinished_dependent(self, key: str, within: timedelta) -> Dependent:
        """A new dependent that is being made, and ready after a while; for kinds that are only assigned a key."""
        raise NotImplementedError

    def terminate(self, dependent: Dependent) -> None:
        """Somebody terminates the dependent; the service goes on showing it. For kinds that are only assigned a key."""
        raise NotImplementedError

    def mint(self, key: str) -> None:
        """Somebody mints a version of the key; it is current when this returns. For kinds that are only assigned a key."""
        raise NotImplementedError


class AuditSinkFixture(ABC):
    """What the suite of audit sinks needs."""

    @abstractmethod
    def reopened(self) -> AuditSink:
        """The sink, opened anew over the same storage."""

    @abstractmethod
    def recorded(self) -> list[str]:
        """Ids that the storage holds now, in no order."""


class NotifierFixture(ABC):
    """What the suite of notifiers needs."""

    @abstractmethod
    def accepted(self) -> list[str]:
        """What the far end accepted so far, as it would be read there."""

    @abstractmethod
    def refuse_next(self) -> bool:
        """The far end will not accept the next notice. `False`: it cannot be made to."""


def check_key_store(port: KeyStore, fixture: KeyStoreFixture) -> list[str]:
    """Holds a key store to its promises; returns their names, or raises `PromiseBroken`."""
    return _check("key_store", port, KeyStore, fixture, KeyStoreFixture)


def check_catalog(fixture: CatalogFixture) -> list[str]:
    """Holds the catalog that `fixture.fresh_port` makes to its promises."""
    return _check("catalog", fixture.fresh_port(), ResourceCatalog, fixture, CatalogFixture)


def check_rekeyer(port: ReKeyer, fixture: ReKeyerFixture) -> list[str]:
    """Holds a re-keyer to its promises, for the kind that the fixture makes."""
    return _check("rekeyer", port, ReKeyer, fixture, ReKeyerFixture)


def check_audit_sink(fixture: AuditSinkFixture) -> list[str]:
    """Holds the sink that `fixture.reopened` makes to its promises."""
    return _check("audit_sink", fixture.reopened(), AuditSink, fixture, AuditSinkFixture)


def check_notifier(port: Notifier, fixture: NotifierFixture) -> list[str]:
    """Holds a notifier to its promises."""
    return _check("notifier", port, Notifier, fixture, NotifierFixture)


# Methods of a fixture that give a port: it takes the place of the one before.
_GIVES_PORT = {"fixture.fresh_port": "fresh_port", "fixture.reopened": "reopened"}


def _check(suite: str, port: object, declared: type, fixture: object, needed: type) -> list[str]:
    if not isinstance(fixture, needed):
        raise TypeError(f"fixture must be a {needed.__name__}, not {type(fixture).__name__}")
    loops = Loops()
    helps = hosted(fixture, needed, loops, "fixture.")
    current: list[Host] = [hosted(port, declared, loops)]

    def call(method: str, arguments: str, telling: Telling) -> None:
        if method in _GIVES_PORT:
            current[0] = hosted(getattr(fixture, _GIVES_PORT[method])(), declared, loops)
            telling.answer(True, "null")
        elif method.startswith("fixture."):
            helps(method, arguments, telling)
        else:
            current[0](method, arguments, telling)

    tried = answered(_keywheel.check(suite, call))
    broken = {row["promise"]: row["broken"] for row in tried if row["broken"] is not None}
    if broken:
        raise PromiseBroken(type(port).__name__, broken)
    return [row["promise"] for row in tried]

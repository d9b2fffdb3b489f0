"""One deterministic cloud in memory: tenancies, faults, time, and the truth for whoever judges afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, cast

from .. import aio
from .._api import answered
from .._data import Data, checked, decode, decoder, encode
from .._door import opened
from .._hosts import Guests, signature
from .._keywheel import World as Native
from .._rotator import Rotator
from ..ports import AuditSink, KeyStore, Notifier, ReKeyer, ResourceCatalog
from ..types import AuditEntry, Dependent, KeyState, Margins, Tags

__all__ = ["Fault", "Message", "Version", "World", "Wrapping"]

START = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@dataclass(frozen=True, kw_only=True)
class Version(Data):
    """A version as it really is."""

    id: str
    """Its OCID."""
    created: datetime
    """When it was made."""
    is_ours: bool
    """Whether keywheel made it."""
    minted_by: str
    """The principal that made it."""


@dataclass(frozen=True, kw_only=True)
class Wrapping(Data):
    """The key and version that a resource's data really hangs on."""

    key: str
    """The key."""
    version: str
    """Its version."""


@dataclass(frozen=True, kw_only=True)
class Message(Data):
    """A message that a topic accepted."""

    id: str
    """The service's id for it."""
    title: str | None = None
    """Title."""
    body: str
    """Body."""
    at: datetime
    """When it was accepted."""


@dataclass(frozen=True, kw_only=True)
class Fault(Data):
    """Something that goes wrong. `nth` call of the operation, or the `first` so many, or (without either) every one.

    Operations are named as ports name them: `create_version`, `rewrap`, `notify`, …
    """

    fault: str
    """Its name."""
    operation: str | None = None
    """Which operation it strikes."""
    nth: int | None = None
    """Exactly this call, from 1, counted from when the faults were given."""
    first: int | None = None
    """The first so many calls."""
    status: int | None = None
    """The HTTP status of the answer."""
    by: timedelta | None = None
    """How much later."""
    region: str | None = None
    """Which region."""
    compartment: str | None = None
    """Which compartment."""

    @staticmethod
    def lose_answer(operation: str, nth: int | None = None, *, first: int | None = None) -> Fault:
        """The request acts, its answer never arrives."""
        return Fault(fault="lose_answer", operation=operation, nth=nth, first=first)

    @staticmethod
    def lose_request(operation: str, nth: int | None = None, *, first: int | None = None) -> Fault:
        """The request never arrives; the caller waits in vain."""
        return Fault(fault="lose_request", operation=operation, nth=nth, first=first)

    @staticmethod
    def refuse(operation: str, status: int, nth: int | None = None, *, first: int | None = None) -> Fault:
        """The service refuses before it acts."""
        return Fault(fault="status_before", operation=operation, status=status, nth=nth, first=first)

    @staticmethod
    def fail_after(operation: str, status: int, nth: int | None = None, *, first: int | None = None) -> Fault:
        """The service acts and answers with an error all the same."""
        return Fault(fault="status_after", operation=operation, status=status, nth=nth, first=first)

    @staticmethod
    def throttle(operation: str, nth: int | None = None, *, first: int | None = None) -> Fault:
        """429."""
        return Fault(fault="throttle", operation=operation, nth=nth, first=first)

    @staticmethod
    def delay(operation: str, by: timedelta, nth: int | None = None, *, first: int | None = None) -> Fault:
        """The request is held up on the way and arrives when the caller no longer listens."""
        return Fault(fault="delay", operation=operation, by=by, nth=nth, first=first)

    @staticmethod
    def flip_late(by: timedelta, nth: int | None = None, *, first: int | None = None) -> Fault:
        """The minted version becomes current this much later than usual."""
        return Fault(fault="flip_late", by=by, nth=nth, first=first)

    @staticmethod
    def silent_no_op(operation: str | None = None, nth: int | None = None, *, first: int | None = None) -> Fault:
        """The service says yes and changes nothing: a re-encrypt, or an assignment such as `update_volume_backup`."""
        return Fault(fault="silent_no_op", operation=operation, nth=nth, first=first)

    @staticmethod
    def work_request_fails(nth: int | None = None, *, first: int | None = None) -> Fault:
        """A re-encrypt whose work request fails."""
        return Fault(fault="work_request_fails", nth=nth, first=first)

    @staticmethod
    def region_down(region: str) -> Fault:
        """Every service of a region answers 503."""
        return Fault(fault="region_down", region=region)

    @staticmethod
    def deny_compartment(compartment: str) -> Fault:
        """Nobody may see this compartment: 404."""
        return Fault(fault="deny_compartment", compartment=compartment)


class World:
    """One OCI in memory. The same seed and the same calls give the same World.

    Its clock stands still until a rotator over it waits; then it jumps. Rotators over one World share its journal, as
    several processes would: drop one in the middle of a call, and make another.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        profile: str = "lab",
        settings: Mapping[str, Any] | None = None,
        start: datetime = START,
        home: str = "us-ashburn-1",
    ) -> None:
        """`profile` says how slow it is: `instant`, `lab` (seconds) or `production` (minutes).

        `settings` change single values of it (`flip_delay`, `search_lag`, `kms_per_second`, `versions_per_vault` …);
        durations are timedeltas.
        """
        changes = {"seed": checked(int, seed, "seed"), **encode(dict(settings or {}))}
        arguments = {
            "home": checked(str, home, "home"),
            "start": encode(checked(datetime, start, "start")),
            "profile": checked(str, profile, "profile"),
            "settings": changes,
        }
        self._native: Native = opened(Native.make(json.dumps(arguments)))
        place = self._ask("place")
        self.home: str = place["home"]
        """The home region."""
        self.tenancy: str = place["tenancy"]
        """The tenancy, which is the root compartment."""
        self.namespace: str = place["namespace"]
        """The Object Storage namespace."""
        self._keys: list[str] = []
        self._vault: str | None = None

    def _ask(self, method: str, **arguments: Any) -> Any:
        return answered(self._native.call(method, json.dumps(encode(arguments))))

    # ------------------------------------------------------------------------------------------------ what there is

    def add_region(self, region: str) -> str:
        """Subscribes to another region."""
        self._ask("add_region", region=region)
        return region

    def add_compartment(self, name: str, parent: str | None = None) -> str:
        """Adds a compartment, to the root one if no other is named."""
        return str(self._ask("add_compartment", name=name, parent=parent))

    def add_vault(
        self,
        name: str = "vault",
        *,
        region: str | None = None,
        compartment: str | None = None,
        replicas: Sequence[str] = (),
        is_replica: bool = False,
    ) -> str:
        """Adds a vault; `replicas` are regions, `is_replica` makes it the replica of a vault elsewhere."""
        place = {"region": region or self.home, "compartment": compartment or self.tenancy}
        return str(self._ask("add_vault", name=name, replicas=list(replicas), is_replica=is_replica, **place))

    def add_key(
        self,
        name: str = "key",
        *,
        vault: str | None = None,
        compartment: str | None = None,
        age: timedelta = timedelta(days=100),
        versions: Sequence[timedelta] = (),
        tags: Tags = Tags(),
    ) -> str:
        """Adds an AES key of this age, with later versions of these ages; rotators of this World manage it."""
        if vault is None:
            vault = self._vault = self._vault or self.add_vault()
        compartment = compartment or self.tenancy
        ages = {"age": checked(timedelta, age, "age"), "versions": list(versions)}
        key = str(self._ask("add_key", vault=vault, compartment=compartment, name=name, tags=tags, **ages))
        self._keys.append(key)
        return key

    def add_bucket(
        self,
        name: str,
        *,
        key: str | None = None,
        region: str | None = None,
        compartment: str | None = None,
        tags: Tags = Tags(),
    ) -> str:
        """Adds a bucket under a key, or under Oracle's."""
        place = {"region": region or self.home, "compartment": compartment or self.tenancy}
        return str(self._ask("add_bucket", name=name, key=key, tags=tags, **place))

    def add_volume(
        self,
        name: str,
        *,
        key: str | None = None,
        region: str | None = None,
        compartment: str | None = None,
        tags: Tags = Tags(),
        is_boot: bool = False,
        ready_in: timedelta | None = None,
    ) -> str:
        """Adds a block volume or boot volume; with `ready_in` it is being made for so long."""
        place = {"region": region or self.home, "compartment": compartment or self.tenancy}
        made = {"is_boot": is_boot, "ready_in": ready_in}
        return str(self._ask("add_volume", name=name, key=key, tags=tags, **place, **made))

    def add_backup(self, volume: str, name: str) -> str:
        """Adds an old backup of a volume, on the key and version that the volume hangs on now."""
        return str(self._ask("add_backup", volume=volume, name=name))

    def add_topic(self, name: str = "topic", *, region: str | None = None, compartment: str | None = None) -> str:
        """Adds a notification topic."""
        place = {"region": region or self.home, "compartment": compartment or self.tenancy}
        return str(self._ask("add_topic", name=name, **place))

    # ------------------------------------------------------------------------------------------- what others do to it

    def faults(self, *faults: Fault) -> None:
        """Puts these faults in force, in place of earlier ones."""
        self._ask("faults", faults=[checked(Fault, fault, "fault") for fault in faults])

    def struck(self) -> list[int]:
        """How often each fault struck, in the order they were given (regions and compartments are not counted)."""
        return list(self._ask("struck"))

    def advance(self, by: timedelta) -> datetime:
        """Lets time pass; returns the present."""
        now: datetime = decode(datetime, self._ask("advance", by=checked(timedelta, by, "by")))
        return now

    @property
    def now(self) -> datetime:
        """The present."""
        now: datetime = decode(datetime, self._ask("now"))
        return now

    def foreign_mint(self, key: str) -> str:
        """Somebody else makes a version of a key."""
        return str(self._ask("foreign_mint", key=key))

    def auto_rotate(self, key: str) -> str:
        """OCI's own rotation makes a version of a key."""
        return str(self._ask("auto_rotate", key=key))

    def set_key_state(self, key: str, state: KeyState) -> None:
        """Somebody disables or enables a key, or schedules its deletion."""
        self._ask("set_key_state", key=key, state=state)

    def delete(self, resource: str) -> None:
        """Somebody deletes a bucket, or terminates a volume or backup (which is still shown as such)."""
        self._ask("delete", resource=resource)

    def forget(self, resource: str) -> None:
        """A resource is gone and not shown any more."""
        self._ask("forget", resource=resource)

    def deny(self, compartment: str) -> None:
        """From now on keywheel may not see a compartment."""
        self._ask("deny", compartment=compartment)

    def allow(self, compartment: str) -> None:
        """Takes a denial back."""
        self._ask("allow", compartment=compartment)

    def deny_operation(self, operation: str) -> None:
        """From now on keywheel lacks the permission for an operation, by OCI's name for it (`get_key`)."""
        self._ask("deny_operation", operation=operation)

    # ------------------------------------------------------------------------------------------------------- the truth

    def versions(self, key: str) -> list[Version]:
        """A key's versions as they really are, oldest first."""
        versions: list[Version] = decode(list[Version], self._ask("versions", key=key))
        return versions

    def minted_by_us(self, key: str) -> int:
        """How many of a key's versions keywheel made."""
        return sum(version.is_ours for version in self.versions(key))

    def current_version(self, key: str) -> str:
        """The version that new data is wrapped with."""
        return str(self._ask("current_version", key=key))

    def wrapping(self, resource: str) -> Wrapping | None:
        """The key and version that a resource's data really hangs on; `None`: Oracle's."""
        wrapping: Wrapping | None = decode(Wrapping | None, self._ask("wrapping", resource=resource))
        return wrapping

    def resource(self, resource: str) -> Dependent:
        """A resource as ports speak of it."""
        dependent: Dependent = decode(Dependent, self._ask("resource", resource=resource))
        return dependent

    def messages(self, topic: str) -> list[Message]:
        """What a topic accepted."""
        messages: list[Message] = decode(list[Message], self._ask("messages", topic=topic))
        return messages

    def recorded(self) -> list[AuditEntry]:
        """What this World's audit sink holds."""
        entries: list[AuditEntry] = decode(list[AuditEntry], self._ask("recorded"))
        return entries

    def writes(self) -> int:
        """Calls that arrived and would change something, refused ones included."""
        return int(self._ask("writes"))

    def requests(self) -> int:
        """Answers that were given."""
        return int(self._ask("requests"))

    def margins(self) -> Margins:
        """The waits that go with this World's slowness."""
        margins: Margins = decode(Margins, self._ask("margins"))
        return margins

    # ------------------------------------------------------------------------------------------------ rotators over it

    def rotator(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        key_store: KeyStore | None = None,
        catalog: ResourceCatalog | None = None,
        rekeyer: ReKeyer | None = None,
        audit_sinks: Sequence[AuditSink] = (),
        notifiers: Sequence[Notifier] = (),
    ) -> Rotator:
        """A rotator over this World, a process of its own, with ports of yours in place of the World's.

        `settings` are those of a `keywheel.toml`'s policy, limits and scope, nested as in `keywheel.types.Settings`:
        `{"policy": {"cryptoperiod": timedelta(days=30)}, "budgets": {"blast_radius": 10}}`. Every key that was added
        is managed, unless `scope` says otherwise.
        """
        guests = Guests(key_store, catalog, rekeyer, audit_sinks, notifiers)
        return Rotator._over(opened(self._native.open(self._settings(settings), guests.hosts)))

    def aio_rotator(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        key_store: KeyStore | None = None,
        catalog: ResourceCatalog | None = None,
        rekeyer: ReKeyer | None = None,
        audit_sinks: Sequence[AuditSink] = (),
        notifiers: Sequence[Notifier] = (),
    ) -> aio.Rotator:
        """The same, to await."""
        guests = Guests(key_store, catalog, rekeyer, audit_sinks, notifiers)
        merged = self._settings(settings)
        return aio.Rotator._over(guests, lambda: opened(self._native.open(merged, guests.hosts)))

    def _settings(self, settings: Mapping[str, Any] | None) -> str:
        return json.dumps({"scope": {"keys": self._keys}, **encode(dict(settings or {}))})

    # ---------------------------------------------------------------------------------------------------------- ports

    @property
    def key_store(self) -> KeyStore:
        """The port through which keywheel sees vaults and keys; wrap it to make one of your own."""
        return cast(KeyStore, self._port("key_store", KeyStore))

    @property
    def catalog(self) -> ResourceCatalog:
        """The port through which keywheel finds dependents."""
        return cast(ResourceCatalog, self._port("catalog", ResourceCatalog))

    @property
    def rekeyer(self) -> ReKeyer:
        """The port through which keywheel moves dependents."""
        return cast(ReKeyer, self._port("rekeyer", ReKeyer))

    @property
    def audit_sink(self) -> AuditSink:
        """A sink that keeps what it is given; see `recorded`."""
        return cast(AuditSink, self._port("audit_sink", AuditSink))

    def notifier(self, topic: str) -> Notifier:
        """A notifier that publishes to a topic; see `messages`."""
        return cast(Notifier, self._port(f"notifier/{topic}", Notifier))

    def _port(self, port: str, declared: type) -> Any:
        def method(name: str) -> Callable[..., Any]:
            readers, answer = signature(getattr(declared, name))
            read, names = decoder(answer), list(readers)

            def call(_: object, *values: Any, **named: Any) -> Any:
                arguments = {**dict(zip(names, values, strict=False)), **named}
                return read(answered(self._native.port(port, name, json.dumps(encode(arguments)))))

            call.__name__, call.__doc__ = name, getattr(declared, name).__doc__
            return call

        names = [name for name in vars(declared) if not name.startswith("_")]
        made = type(f"World{declared.__name__}", (declared,), {name: method(name) for name in names})
        return made()

"""The fixtures of the suites over a World, for ports that lead to one; and to copy from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..ports import ResourceCatalog
from ..types import Compartment, Dependent, KeyState, Kind, Margins, Tags
from ._checks import CatalogFixture, KeyStoreFixture, NotifierFixture, ReKeyerFixture
from ._world import Fault, World


class _Place:
    """A World with a vault, the replica of another, a compartment and a topic."""

    def __init__(self, world: World, *, kind: Kind = Kind.BUCKET) -> None:
        self.world, self._kind, self._made = world, kind, 0
        self.compartment = world.add_compartment("suite")
        self.vault = world.add_vault("suite", compartment=self.compartment)
        self.replica = world.add_vault("suite-replica", compartment=self.compartment, is_replica=True)
        self.topic = world.add_topic("suite", compartment=self.compartment)

    def _name(self, what: str) -> str:
        self._made += 1
        return f"{what}-{self._made}"

    def now(self) -> datetime:
        return self.world.now

    def pass_time(self, by: timedelta) -> None:
        self.world.advance(by)

    def kind(self) -> Kind:
        return self._kind

    def new_key(self) -> str:
        return self.world.add_key(self._name("key"), vault=self.vault, compartment=self.compartment)

    def make(self, compartment: str, name: str, tags: dict[str, str], key: str | None) -> str:
        add = self.world.add_bucket if self._kind == Kind.BUCKET else self.world.add_volume
        return add(name, key=key, compartment=compartment, tags=Tags(freeform=tags))


class WorldFixture(_Place, KeyStoreFixture, ReKeyerFixture, NotifierFixture):
    """For key stores, re-keyers (of buckets or of block volumes) and notifiers that lead to a World.

    Make the World without a limit on requests (`settings={"kms_per_second": None}`): a suite asks much in no time.
    """

    def margins(self) -> Margins:
        return self.world.margins()

    def place(self) -> tuple[str, str]:
        return self.vault, self.compartment

    def replica_key(self) -> str:
        return self.world.add_key(self._name("key"), vault=self.replica, compartment=self.compartment)

    def disabled_key(self) -> str:
        key = self.new_key()
        self.world.set_key_state(key, KeyState.DISABLED)
        return key

    def lose_next_mint_answer(self) -> None:
        self.world.faults(Fault.lose_answer("create_version", 1))

    def mints_arrived(self) -> int:
        return self.world.writes()

    def new_dependent(self, key: str) -> Dependent:
        return self.world.resource(self.make(self.compartment, self._name("dependent"), {}, key))

    def unfinished_dependent(self, key: str, within: timedelta) -> Dependent:
        name, place = self._name("dependent"), self.compartment
        return self.world.resource(self.world.add_volume(name, key=key, compartment=place, ready_in=within))

    def terminate(self, dependent: Dependent) -> None:
        self.world.delete(dependent.id)

    def mint(self, key: str) -> None:
        minted = self.world.foreign_mint(key)
        while self.world.current_version(key) != minted:
            self.world.advance(timedelta(seconds=1))

    def delete(self, dependent: Dependent) -> None:
        self.world.forget(dependent.id)

    def lose_next_answer(self) -> None:
        operation = "rewrap" if self._kind == Kind.BUCKET else "update_volume_kms_key"
        self.world.faults(Fault.lose_answer(operation, 1))

    def hangs_on_current(self, dependent: Dependent, key: str) -> bool | None:
        wrapping = self.world.wrapping(dependent.id)
        return wrapping is not None and wrapping.version == self.world.current_version(key)

    def work_request_deadline(self) -> timedelta:
        return timedelta(minutes=10)

    def accepted(self) -> list[str]:
        return [f"{message.title}\n{message.body}" for message in self.world.messages(self.topic)]

    def refuse_next(self) -> bool:
        self.world.faults(Fault.refuse("notify", 413, 1))
        return True


class WorldCatalogFixture(_Place, CatalogFixture):
    """For catalogs that lead to a World: `make_port` makes one, as another process would."""

    def __init__(
        self, world: World, make_port: Callable[[], ResourceCatalog], *, kind: Kind = Kind.BUCKET
    ) -> None:
        super().__init__(world, kind=kind)
        self._make_port = make_port

    def search_lag(self) -> timedelta:
        return self.world.margins().search_lag

    def key(self) -> str:
        return self.new_key()

    def fresh_port(self) -> ResourceCatalog:
        return self._make_port()

    def region(self) -> str:
        return self.world.home

    def new_compartment(self) -> Compartment:
        name = self._name("compartment")
        return Compartment(id=self.world.add_compartment(name, self.compartment), name=name)

    def terminate(self, id: str) -> bool:
        if self._kind != Kind.BUCKET:
            self.world.delete(id)
        return self._kind != Kind.BUCKET

    def deny(self, compartment: str) -> None:
        self.world.deny(compartment)

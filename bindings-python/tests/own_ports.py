"""Ports written in Python: each kind plain and `async`, leading to a World; and storage of their own where a port needs
no cloud."""

from datetime import datetime
from typing import Any

import keywheel
from keywheel import types
from keywheel.ports import AuditSink, KeyStore, Notifier, Page, ReKeyer, Reply, ResourceCatalog
from keywheel.testing import World


def said(answer: Any) -> Any:
    """A World's ports are plain: what they return is the reply itself."""
    assert isinstance(answer, Reply)
    return answer


class PlainKeyStore(KeyStore):
    def __init__(self, world: World) -> None:
        self.inner = world.key_store

    def promises(self) -> types.KeyStorePromises:
        return types.KeyStorePromises(retry_token=True, date_fence=True, if_match=True)

    def list_vaults(self, region: str, compartment: str, cursor: str | None) -> Reply[Page[types.VaultSummary]]:
        return said(self.inner.list_vaults(region, compartment, cursor))  # type: ignore[no-any-return]

    def describe_vault(self, vault: str) -> Reply[types.Vault]:
        return said(self.inner.describe_vault(vault))  # type: ignore[no-any-return]

    def list_keys(self, vault: str, compartment: str, cursor: str | None) -> Reply[Page[types.KeySummary]]:
        return said(self.inner.list_keys(vault, compartment, cursor))  # type: ignore[no-any-return]

    def describe_key(self, key: str) -> Reply[types.Key]:
        return said(self.inner.describe_key(key))  # type: ignore[no-any-return]

    def list_versions(self, key: str, cursor: str | None) -> Reply[Page[types.KeyVersion]]:
        return said(self.inner.list_versions(key, cursor))  # type: ignore[no-any-return]

    def create_version(self, mint: types.VersionMint) -> Reply[types.KeyVersion]:
        return said(self.inner.create_version(mint))  # type: ignore[no-any-return]

    def create_key(self, mint: types.KeyMint) -> Reply[types.Key]:
        return said(self.inner.create_key(mint))  # type: ignore[no-any-return]

    def replication(self, key: str, version: str) -> Reply[list[types.ReplicaStatus]]:
        return said(self.inner.replication(key, version))  # type: ignore[no-any-return]

    def usage(self, vault: str) -> Reply[types.VaultUsage]:
        return said(self.inner.usage(vault))  # type: ignore[no-any-return]

    def set_tags(self, key: str, tags: types.Tags, if_match: str) -> Reply[types.Key]:
        return said(self.inner.set_tags(key, tags, if_match))  # type: ignore[no-any-return]


class PlainCatalog(ResourceCatalog):
    def __init__(self, world: World) -> None:
        self.inner = world.catalog

    def scopes(self) -> Reply[types.Scopes]:
        return said(self.inner.scopes())  # type: ignore[no-any-return]

    def dependents(self, selector: types.Selector, region: str, cursor: str | None) -> Reply[types.CatalogPage]:
        return said(self.inner.dependents(selector, region, cursor))  # type: ignore[no-any-return]


class PlainReKeyer(ReKeyer):
    def __init__(self, world: World) -> None:
        self.inner = world.rekeyer

    def kinds(self) -> list[types.Kind]:
        kinds = self.inner.kinds()
        assert isinstance(kinds, list)
        return kinds

    def describe(self, kind: types.Kind) -> types.KindSpec | None:
        spec = self.inner.describe(kind)
        assert spec is None or isinstance(spec, types.KindSpec)
        return spec

    def observe(self, dependent: types.Dependent) -> Reply[types.Observation]:
        return said(self.inner.observe(dependent))  # type: ignore[no-any-return]

    def begin(self, step: types.StepRequest) -> Reply[types.Begun | types.BegunWorking]:
        return said(self.inner.begin(step))  # type: ignore[no-any-return]

    def poll(self, tickets: list[types.Ticket], dependents: list[types.Dependent]) -> Reply[list[types.TicketReport]]:
        return said(self.inner.poll(tickets, dependents))  # type: ignore[no-any-return]

    def find(self, dependent: types.Dependent, since: datetime) -> Reply[list[types.TicketReport]]:
        return said(self.inner.find(dependent, since))  # type: ignore[no-any-return]


class ListSink(AuditSink):
    """Keeps entries in a list that outlives it."""

    def __init__(self, storage: list[types.AuditEntry]) -> None:
        self.storage = storage

    def name(self) -> str:
        return "list"

    def record(self, entries: list[types.AuditEntry]) -> Reply[None]:
        held = {(entry.stream, entry.seq): entry.id for entry in self.storage}
        for entry in entries:
            if held.setdefault((entry.stream, entry.seq), entry.id) != entry.id:
                why = f"another history at {entry.stream} {entry.seq}"
                raise keywheel.KeywheelError(why, kind="fork", landed="no")
        known = {(entry.stream, entry.seq) for entry in self.storage}
        self.storage.extend(entry for entry in entries if (entry.stream, entry.seq) not in known)
        return Reply(None)

    def last_held(self, stream: str) -> Reply[types.LastHeld | types.LastHeldEntry]:
        entries = [entry for entry in self.storage if entry.stream == stream]
        if not entries:
            return Reply(types.LastHeld.NOTHING)
        last = max(entries, key=lambda entry: entry.seq)
        return Reply(types.LastHeldEntry(seq=last.seq, id=last.id))


class ListNotifier(Notifier):
    """Keeps notices in a list, and refuses one if it is told to."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.is_refusing = False

    def name(self) -> str:
        return "list"

    def notify(self, notice: types.Notice) -> Reply[str]:
        if self.is_refusing:
            self.is_refusing = False
            raise keywheel.KeywheelError("too long", kind="refused", landed="no")
        self.accepted.append(f"{notice.title}\n{notice.body}\n{notice.dedupe_key} {notice.chain_head}")
        return Reply(f"notice-{len(self.accepted)}")


def awaiting(plain: type) -> type:
    """The same port with every method a coroutine."""

    def method(name: str) -> Any:
        inner = getattr(plain, name)

        async def call(self: object, *values: Any, **named: Any) -> Any:
            return inner(self, *values, **named)

        return call

    names = [name for name in dir(plain) if not name.startswith("_") and callable(getattr(plain, name))]
    return type(f"Awaiting{plain.__name__}", (plain,), {name: method(name) for name in names})

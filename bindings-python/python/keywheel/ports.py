"""The five ports that a program may implement itself: what stands between keywheel and the world.

Subclass one and hand it to a rotator. A method may be plain (it runs on a thread of keywheel's and may block) or `async`
(it runs on your event loop; with the blocking rotator, on one that keywheel keeps in a thread of its own).

What a port raises decides what keywheel believes. `KeywheelError(…, kind="conflict", landed="no")` says that nothing
happened, and why. Any other exception says that nobody knows: the effect is in doubt, and keywheel finds out before it
goes on. An answer of another type than the one declared is an error of kind `foreign`.

Each promise has a test that you can run against your own: `keywheel.testing.check_key_store` and its siblings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from ._data import Data
from .types import (
    AuditEntry,
    Begun,
    BegunWorking,
    CatalogPage,
    CompartmentId,
    Cursor,
    Dependent,
    Etag,
    Key,
    KeyId,
    KeyMint,
    KeyStorePromises,
    KeySummary,
    KeyVersion,
    KeyVersionId,
    Kind,
    KindSpec,
    LastHeld,
    LastHeldEntry,
    Notice,
    Observation,
    Region,
    ReplicaStatus,
    RequestId,
    Scopes,
    Selector,
    StepRequest,
    StreamId,
    Tags,
    Ticket,
    TicketReport,
    Vault,
    VaultId,
    VaultSummary,
    VaultUsage,
    VersionMint,
)

__all__ = ["Answer", "AuditSink", "KeyStore", "Notifier", "Page", "ReKeyer", "Reply", "ResourceCatalog"]

T = TypeVar("T")


@dataclass(frozen=True)
class Reply(Data, Generic[T]):
    """A good answer, with what the far end said about it."""

    value: T
    """What was asked for."""
    etag: Etag | None = field(default=None, kw_only=True)
    """The entity tag, where the service sent one."""
    server_date: datetime | None = field(default=None, kw_only=True)
    """The far end's clock, whole seconds, UTC. keywheel reckons with it: say it wherever the far end does."""
    request_id: RequestId | None = field(default=None, kw_only=True)
    """What the far end called this request."""


@dataclass(frozen=True, kw_only=True)
class Page(Data, Generic[T]):
    """A part of a listing. It may be short or empty and still have a next part."""

    items: list[T]
    """The items."""
    next: Cursor | None = None
    """Where to go on; `None` means that was all."""


Answer: TypeAlias = Reply[T] | Awaitable[Reply[T]]
"""What a method returns: a reply, or (if it is `async`) something to await that gives one."""


class KeyStore(ABC):
    """Keys and versions. There is no call to delete, export, disable or decrypt.

    1. Every call says the truth of one moment; nothing is cached. (`keys_read_what_was_minted`)
    2. `create_version` and `create_key` send at most one request and never retry. (`a_mint_is_sent_once`)
    3. An error of a mint says `landed="no"` only for a definitive refusal. (`a_lost_answer_says_maybe`)
    4. One token makes one version within 24 h, if `promises().retry_token`. (`one_token_one_version`)
    5. A date too far from server time has no effect, if `promises().date_fence`. (`a_stale_date_is_refused`)
    6. Nothing is minted at a replica. (`a_replica_refuses_to_mint`)
    7. Lists are complete when the last page has no `next`. (`paging_is_complete`)
    8. Every answer and every answered error carries `server_date` and `request_id`. (`answers_carry_witnesses`)
    """

    @abstractmethod
    def promises(self) -> KeyStorePromises | Awaitable[KeyStorePromises]:
        """What this store can promise; asked once. Without retry token and date fence keywheel refuses to mint."""

    @abstractmethod
    def list_vaults(
        self, region: Region, compartment: CompartmentId, cursor: Cursor | None
    ) -> Answer[Page[VaultSummary]]:
        """Lists the vaults of one compartment in one region."""

    @abstractmethod
    def describe_vault(self, vault: VaultId) -> Answer[Vault]:
        """Describes a vault."""

    @abstractmethod
    def list_keys(self, vault: VaultId, compartment: CompartmentId, cursor: Cursor | None) -> Answer[Page[KeySummary]]:
        """Lists the keys of one vault in one compartment; keys may live in other compartments than their vault."""

    @abstractmethod
    def describe_key(self, key: KeyId) -> Answer[Key]:
        """Describes a key, at its primary, with its etag."""

    @abstractmethod
    def list_versions(self, key: KeyId, cursor: Cursor | None) -> Answer[Page[KeyVersion]]:
        """Lists a key's versions."""

    @abstractmethod
    def create_version(self, mint: VersionMint) -> Answer[KeyVersion]:
        """Mints a version. Irreversible: send exactly this, once, signed with exactly this date."""

    @abstractmethod
    def create_key(self, mint: KeyMint) -> Answer[Key]:
        """Mints a successor key. Irreversible."""

    @abstractmethod
    def replication(self, key: KeyId, version: KeyVersionId) -> Answer[list[ReplicaStatus]]:
        """Says how far each replica region is with a version; empty where nothing is replicated."""

    @abstractmethod
    def usage(self, vault: VaultId) -> Answer[VaultUsage]:
        """Counts the versions in a vault."""

    @abstractmethod
    def set_tags(self, key: KeyId, tags: Tags, if_match: Etag) -> Answer[Key]:
        """Replaces a key's tags, if it still has this etag."""


class ResourceCatalog(ABC):
    """Where dependents may be: by tag through Search, and by List per kind.

    1. A pass over a region ends with one coverage verdict per compartment and kind, and one for Search.
       (`every_pass_ends_with_coverage`)
    2. Whatever the owning services list is among the candidates; what may not be seen is a verdict, not an error.
       (`what_is_listed_is_found`, `what_is_terminated_is_left_out`, `a_denied_compartment_is_a_verdict`)
    3. A cursor goes on where it stopped, in another process too. (`a_cursor_survives_its_process`)
    4. A candidate may come twice; never under two ids. (`a_candidate_keeps_its_id`)
    5. Tags are compared exactly. (`tags_are_checked_again`)
    6. Within one page all candidates found by List are of one kind and compartment. (`pages_are_homogeneous`)
    7. A hint about a candidate's key is the owning service's word, never a guess. (`a_hint_is_the_services_word`)
    """

    @abstractmethod
    def scopes(self) -> Answer[Scopes]:
        """Regions and compartments there are."""

    @abstractmethod
    def dependents(self, selector: Selector, region: Region, cursor: Cursor | None) -> Answer[CatalogPage]:
        """One part of the pass over a region; it begins without a cursor and ends when `next` is `None`."""


class ReKeyer(ABC):
    """Moves dependents to the new material.

    1. What a kind can do is constant. (`describe_is_constant`)
    2. `observe` reads the owning service, never an index. (`observe_sees_the_owning_service`)
    3. `begin` performs a step at most once; under a stale etag it is refused and changes nothing.
       (`a_stale_etag_changes_nothing`)
    4. An error of `begin` says `landed="no"` only for a definitive refusal. (`a_lost_answer_says_maybe`)
    5. A work request handed out by `begin` is known to `poll`. (`a_ticket_can_be_polled`)
    6. `find` shows work requests for a dependent accepted at or after an instant. (`find_shows_what_was_begun`)
    7. Several tickets may be polled in one call. (`tickets_are_polled_together`)
    8. `Begun.DONE` means that the service has changed the resource, not that it will. (`done_is_done`)
    9. What is being made is busy; what is terminated is said to be. (`what_is_being_made_is_busy`,
       `what_is_terminated_is_said_to_be`)
    """

    @abstractmethod
    def kinds(self) -> list[Kind] | Awaitable[list[Kind]]:
        """Kinds this port moves; asked once."""

    @abstractmethod
    def describe(self, kind: Kind) -> KindSpec | None | Awaitable[KindSpec | None]:
        """What a kind can do; `None` if this port does not move it. Asked once for each of `kinds`."""

    @abstractmethod
    def observe(self, dependent: Dependent) -> Answer[Observation]:
        """Reads a resource's key from the owning service."""

    @abstractmethod
    def begin(self, step: StepRequest) -> Answer[Begun | BegunWorking]:
        """Performs one step."""

    @abstractmethod
    def poll(self, tickets: list[Ticket], dependents: list[Dependent]) -> Answer[list[TicketReport]]:
        """Asks where work requests stand; `dependents` are those that the tickets name."""

    @abstractmethod
    def find(self, dependent: Dependent, since: datetime) -> Answer[list[TicketReport]]:
        """Work requests for this dependent, accepted at or after `since`."""


class AuditSink(ABC):
    """Receives the facts of the journal, which is the trail itself.

    1. At least once: the same entry may come again and is the same. (`an_entry_may_come_twice`)
    2. Another id at a place already taken is an error of kind `fork`, and nothing is recorded. (`a_fork_is_refused`)
    3. When `record` returns, the entries are as durable as the sink can make them. (`recorded_means_durable`)
    4. `last_held` says the truth or that it cannot. (`what_is_held_last_is_told_or_not_known`)
    """

    @abstractmethod
    def name(self) -> str | Awaitable[str]:
        """A name for logs and cursors; asked once."""

    @abstractmethod
    def record(self, entries: list[AuditEntry]) -> Answer[None]:
        """Records entries, in order."""

    def last_held(self, stream: StreamId) -> Answer[LastHeld | LastHeldEntry]:
        """What it holds last of a stream. A sink that only takes cannot say."""
        return Reply(LastHeld.CANNOT_SAY)


class Notifier(ABC):
    """Tells people: digests per phase, never one message per resource.

    1. At least once; the dedupe key is in what is sent. (`a_notice_carries_its_dedupe_key`)
    2. A reply means that the service accepted it, not that somebody read it. (`ok_means_accepted`)
    """

    @abstractmethod
    def name(self) -> str | Awaitable[str]:
        """A name for logs and facts; asked once."""

    @abstractmethod
    def notify(self, notice: Notice) -> Answer[str]:
        """Sends one notice; returns the service's id for it."""

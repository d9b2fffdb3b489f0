"""What crosses the border: plain data, frozen, made from keywheel's model.

Made by `make heal`; do not edit. Instants are aware datetimes in UTC, durations are timedeltas, OCIDs and other names
are strings. A class of words (`KeyState`) is an enum of strings: later versions add words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Literal, TypeAlias

from ._data import Data, OpenWord

__all__ = [
    "Actor",
    "Alone",
    "Attribution",
    "AuditCopy",
    "AuditEntry",
    "AuditShown",
    "AuditShownAmbiguous",
    "AuditShownNotAsked",
    "AuditShownOurs",
    "AuditShownPresumed",
    "AuditShownSomebody",
    "AuditShownUnknown",
    "AuditShownUnseen",
    "AutoRotation",
    "Begun",
    "BegunWorking",
    "Candidate",
    "CatalogPage",
    "Census",
    "Check",
    "CheckVerdict",
    "Checkup",
    "Compartment",
    "CompartmentId",
    "Copies",
    "Counts",
    "Coverage",
    "CoverageState",
    "Cursor",
    "Deletion",
    "DeletionOf",
    "Dependent",
    "DependentReport",
    "Due",
    "DueKey",
    "DueState",
    "DueStateOpen",
    "EnrolledFrom",
    "EnrolledFromKey",
    "Etag",
    "Evidence",
    "EvidenceScope",
    "ExceptionReport",
    "Finding",
    "FindingKind",
    "FoundBy",
    "Grade",
    "Keeping",
    "KeepingPromise",
    "KeepingSeen",
    "Key",
    "KeyHint",
    "KeyHintKey",
    "KeyId",
    "KeyMint",
    "KeyShape",
    "KeyState",
    "KeyStorePromises",
    "KeySummary",
    "KeyVersion",
    "KeyVersionId",
    "Kind",
    "KindReport",
    "KindSpec",
    "LastHeld",
    "LastHeldEntry",
    "LineHash",
    "LookedAt",
    "Margins",
    "Metric",
    "MetricUnit",
    "NamespaceName",
    "Notice",
    "Observation",
    "Origin",
    "OursBy",
    "Outcome",
    "OutcomeAlready",
    "OutcomeBlocked",
    "OutcomeExcluded",
    "OutcomeGone",
    "OutcomeManual",
    "OutcomePartial",
    "OutcomeRekeyed",
    "Plan",
    "Presence",
    "Progress",
    "ProgressDependents",
    "ProgressExamining",
    "ProgressFact",
    "ProgressLooking",
    "ProgressOpened",
    "ProgressWaiting",
    "ProtectionMode",
    "Region",
    "RekeyClass",
    "RememberedScopes",
    "ReplicaState",
    "ReplicaStatus",
    "Report",
    "Request",
    "RequestId",
    "ResourceId",
    "RetryToken",
    "Rotated",
    "RotatedCancelled",
    "RotatedCompleted",
    "RotatedNotDue",
    "RotatedOutOfTime",
    "RotatedOvertaken",
    "RotatedPaused",
    "RotationId",
    "RotationSummary",
    "ScopedRegion",
    "Scopes",
    "SearchTypes",
    "Section",
    "Selector",
    "Severity",
    "Shown",
    "Source",
    "Standing",
    "StepKind",
    "StepRequest",
    "Strategy",
    "StreamId",
    "TagSelector",
    "Tags",
    "Tally",
    "Ticket",
    "TicketReport",
    "TicketState",
    "TicketStateFailed",
    "TypesFrom",
    "Vault",
    "VaultId",
    "VaultState",
    "VaultSummary",
    "VaultType",
    "VaultUsage",
    "Verdict",
    "VersionMint",
    "When",
    "WhenNow",
    "WorkRequestId",
]


class Begun(StrEnum):
    """How a step began."""

    DONE = "done"
    """It is done; the reply's etag is its witness."""


class CheckVerdict(StrEnum):
    """What came of a check."""

    BROKEN = "broken"
    """What was seen contradicts it."""
    DENIED = "denied"
    """A right that is needed was refused."""
    HOLDS = "holds"
    """It was tested, and what was seen agrees with it."""
    OURS = "ours"
    """keywheel keeps it by itself; tests of the far end show it, not this run."""
    SEEN_WORKING = "seen_working"
    """A right that is needed was seen to be there: a call that takes it was answered."""
    TOO_BROAD = "too_broad"
    """More is allowed than is needed."""
    UNKNOWN = "unknown"
    """It was not tested, or the test came to nothing."""


class CoverageState(StrEnum):
    """The verdict on one part of a pass."""

    DENIED = "denied"
    """We may not look; what is there is unknown. 404 means this too (oci-api §7.2)."""
    LEFT_OUT = "left_out"
    """The owner does not want this kind looked at (`scope.kinds`)."""
    LISTED = "listed"
    """The owning service listed everything it shows us."""
    UNREACHABLE = "unreachable"
    """It could not be reached now."""
    UNSUPPORTED = "unsupported"
    """No adapter lists this kind."""


class DeletionOf(StrEnum):
    """What is to be deleted."""

    KEY = "key"
    """A key with all its versions."""
    KEY_VERSION = "key_version"
    """One version."""
    VAULT = "vault"
    """A vault with all its keys."""


class DueState(StrEnum):
    """The verdicts of rule R1."""

    AUTO_ROTATED = "auto_rotated"
    """OCI rotates it by itself."""
    BEHIND = "behind"
    """Its version is young, but older data hangs on an earlier one."""
    BLOCKED = "blocked"
    """Disabled, pending deletion, or its primary cannot be reached."""
    DUE = "due"
    """The cryptoperiod has passed."""
    MANUAL = "manual"
    """Imported, external or asymmetric: a person must act."""
    PREDECESSOR = "predecessor"
    """A successor took over."""
    REPLICA = "replica"
    """A replica: counted once, at its primary."""
    WAITING = "waiting"
    """Nothing is owed yet."""


class EnrolledFrom(StrEnum):
    """What an enrolled resource was under when it was found."""

    ORACLES_KEY = "oracles_key"
    """Oracle's own key."""


class EvidenceScope(StrEnum):
    """What the evidence speaks of."""

    ALL_DATA = "all_data"
    """All data of the resource."""
    DATA_KEY = "data_key"
    """The data keys that wrap its content; the content is not written anew."""
    NEW_DATA_ONLY = "new_data_only"
    """Only what is written from now on."""
    UNKNOWN = "unknown"
    """Oracle does not say."""


class FindingKind(StrEnum):
    """What rule."""

    CLASS_OVERRIDDEN = "class_overridden"
    """The owner says that a kind does something else with several versions of its key than its adapter says."""
    COPY_UNDER_ORACLES_KEY = "copy_under_oracles_key"
    """A copy in another region, of what is under the key, is under Oracle's own key."""
    COVERAGE_HOLE = "coverage_hole"
    """A compartment, region or kind could not be looked at."""
    DEPENDENT_NOT_MOVED = "dependent_not_moved"
    """A dependent ended blocked, manual or partial."""
    DUPLICATE = "duplicate"
    """Two versions were made where one was meant."""
    EMPTY = "empty"
    """The key protects nothing that we can see."""
    ENROLLED = "enrolled"
    """A tagged resource was under another key, or Oracle's, and policy has it moved to ours."""
    HISTORY_UNKNOWN = "history_unknown"
    """The key was first seen with several versions: older data may still hang on an earlier one."""
    INHERITED = "inherited"
    """A dependent that was left unfinished, by an overtaken rotation or before a resume, is not under the key any
    more.
    """
    JOURNAL_BEHIND = "journal_behind"
    """The journal ends before a copy of it: it was restored from a backup."""
    JOURNAL_FORKED = "journal_forked"
    """A copy of the journal tells another history."""
    KIND_LEFT_OUT = "kind_left_out"
    """The owner does not want a kind looked at: what of it is under the key is not known."""
    LIST_ALONE = "list_alone"
    """Dependents that carry the tag were listed, and Search does not show them."""
    POLICIES_UNREAD = "policies_unread"
    """IAM policies could not be read: whether one names the key by its OCID, and would deny its successor, is not
    known.
    """
    QUOTA_LOW = "quota_low"
    """The vault is close to its version limit."""
    REGISTER_UNRELIABLE = "register_unreliable"
    """The intent register held something else, was dated in the future, or was removed."""
    RISK_ACCEPTED = "risk_accepted"
    """The owner accepted a risk: a promise of the key store that is missing, or a step that Oracle does not
    document.
    """
    SCOPES_REMEMBERED = "scopes_remembered"
    """Identity did not answer: regions and compartments are those of an earlier look."""
    SEARCH_ALONE = "search_alone"
    """Dependents were shown by Search, and no list shows them."""
    SHORTENED_MARGINS = "shortened_margins"
    """Margins are shorter than in production."""
    SOURCE_LEFT = "source_left"
    """A template that no call updates goes on creating what forbids several versions under a key that gets one."""
    TAGGED_ELSEWHERE = "tagged_elsewhere"
    """A tagged resource is not under our key."""
    UNTAGGED = "untagged"
    """A dependent under the key does not carry the tag."""


class FoundBy(StrEnum):
    """How we came to know a dependent."""

    JOURNAL = "journal"
    """The journal knew it: it was left unfinished, by an overtaken rotation or before a resume."""
    LIST = "list"
    """The owning service listed it."""
    SEARCH = "search"
    """Only Resource Search showed it."""


class Grade(StrEnum):
    """What was seen, in falling order of strength (design §3)."""

    UNSEEN = "unseen"
    """Nothing was."""
    KEY_SEEN = "key-seen"
    """The key id was read back equal."""
    CHANGE_SEEN = "change-seen"
    """Our accepted change was seen completed after the new version was in use."""
    VERSION_SEEN = "version-seen"
    """The version was read back, or the key while that key has one version."""


class KeepingPromise(StrEnum):
    """Whether anybody could change or remove what a sink holds."""

    CANNOT_SAY = "cannot_say"
    """Nobody there can be asked."""
    LOCKED = "locked"
    """Not for a time, and nobody can shorten it."""
    NOTHING = "nothing"
    """Whoever may write there can."""
    REMOVABLE = "removable"
    """Not while a rule is there, and somebody may remove the rule."""


class KeyHint(StrEnum):
    """What the catalog could say about a candidate's key."""

    ORACLE_MANAGED = "oracle_managed"
    """The listing said: Oracle's key."""
    UNKNOWN = "unknown"
    """The listing does not say (buckets): the owning service must be asked."""


class KeyState(StrEnum):
    """A key's or key version's lifecycle."""

    BACKUP_IN_PROGRESS = "BACKUP_IN_PROGRESS"
    CANCELLING_DELETION = "CANCELLING_DELETION"
    CREATING = "CREATING"
    DELETED = "DELETED"
    DELETING = "DELETING"
    DISABLED = "DISABLED"
    DISABLING = "DISABLING"
    ENABLED = "ENABLED"
    ENABLING = "ENABLING"
    PENDING_DELETION = "PENDING_DELETION"
    RESTORING = "RESTORING"
    SCHEDULING_DELETION = "SCHEDULING_DELETION"
    UPDATING = "UPDATING"
    UNKNOWN = "UNKNOWN"
    """A state this version does not know; never acted on."""


class Kind(OpenWord):
    """A kind of resource, by the name Resource Search uses (compare without case, oci-api §4)."""

    BACKUP_POLICY_ASSIGNMENT = "backup_policy_assignment"
    """Assignment of a backup policy to a volume or volume group: it names the key of copies in another region."""
    BLOCK_VOLUME = "block_volume"
    """Block volume."""
    BLOCK_VOLUME_BACKUP = "block_volume_backup"
    """Block volume backup."""
    BLOCK_VOLUME_REPLICA = "block_volume_replica"
    """Block volume replica, in another region than its volume."""
    BOOT_VOLUME = "boot_volume"
    """Boot volume."""
    BOOT_VOLUME_BACKUP = "boot_volume_backup"
    """Boot volume backup."""
    BOOT_VOLUME_REPLICA = "boot_volume_replica"
    """Boot volume replica, in another region than its volume."""
    BUCKET = "bucket"
    """Object Storage bucket."""
    CLUSTER = "cluster"
    """OKE cluster: the key wraps what wraps its Kubernetes secrets, and is fixed at creation."""
    INSTANCE_CONFIGURATION = "instance_configuration"
    """Compute instance configuration: a template that names the keys of what it launches."""
    NODE_POOL = "node_pool"
    """OKE node pool: its nodes' boot volumes are made under the key that it names."""


class LastHeld(StrEnum):
    """What a sink holds last of one stream."""

    CANNOT_SAY = "cannot_say"
    """It cannot be asked, or does not know."""
    NOTHING = "nothing"
    """No entry of this stream."""


class MetricUnit(StrEnum):
    """What a metric's value counts."""

    COUNT = "count"
    """Things."""
    DAYS = "days"
    """Days of 24 hours, with fractions."""
    PER_MINUTE = "per_minute"
    """Requests per minute."""
    SECONDS = "seconds"
    """Seconds; of an instant, since 1970."""


class Origin(StrEnum):
    """Who made the material of a version."""

    EXTERNAL = "EXTERNAL"
    """Imported by a customer."""
    INTERNAL = "INTERNAL"
    """Made by OCI Vault."""
    UNKNOWN = "UNKNOWN"
    """An origin this version does not know."""


class OursBy(StrEnum):
    """What makes a request ours."""

    REQUEST_ID = "request_id"
    """The service called the request what our journaled answer says: certain."""
    RETRY_TOKEN = "retry_token"
    """It carried a token that only a keywheel computes for this rotation: this one, or another over a journal of its
    own.
    """


class Presence(StrEnum):
    """Whether the owning service shows the resource."""

    READY = "ready"
    """It may be changed now."""
    BUSY = "busy"
    """It exists but is in a state that refuses changes (creating, updating, read-only)."""
    TERMINATED = "terminated"
    """The service says terminated or deleted."""
    NOT_VISIBLE = "not_visible"
    """404: gone, or not ours to see. Not evidence of absence (oci-api §7.2)."""


class ProtectionMode(StrEnum):
    """Where the material is processed."""

    EXTERNAL = "EXTERNAL"
    """Outside OCI."""
    HSM = "HSM"
    """In a hardware security module."""
    SOFTWARE = "SOFTWARE"
    """In software."""
    UNKNOWN = "UNKNOWN"
    """A mode this version does not know."""


class RekeyClass(StrEnum):
    """What a kind does with several versions of its key (design §3)."""

    FIXED_SOURCE = "fixed_source"
    """A source that no call updates: what it goes on creating is left to a person."""
    FORBIDS = "forbids"
    """Undefined by Oracle: must move to another key before a version is minted (block storage)."""
    IGNORES = "ignores"
    """Takes no notice of versions (Autonomous Database Serverless)."""
    REWRAPS = "rewraps"
    """Re-wraps on request (bucket)."""
    SOURCE = "source"
    """A template that would create dependents and can be told another key: it goes to the successor, and never holds
    a version back.
    """
    TOLERATES = "tolerates"
    """New wraps use the new version, old ones stay; harmless, no operation (OKE, secrets)."""


class ReplicaState(StrEnum):
    """How far one replica region is with one version."""

    REPLICATED = "REPLICATED"
    """Persisted there."""
    REPLICATING = "REPLICATING"
    """On its way."""
    UNKNOWN = "UNKNOWN"
    """Not said, or a state this version does not know; the gate stays shut."""


class Severity(StrEnum):
    """Whether somebody must act."""

    INFO = "info"
    """For the record."""
    WARNING = "warning"
    """Look at it soon."""
    CRITICAL = "critical"
    """A person must act."""


class Standing(StrEnum):
    """What kind of word an assumption rests on."""

    DOCUMENTED = "documented"
    """Oracle documents it."""
    OURS = "ours"
    """keywheel keeps it by itself."""
    UNVERIFIED = "unverified"
    """Oracle documents nothing that says so: a margin of ours stands in for it."""


class StepKind(StrEnum):
    """One step of moving a dependent. Each has its own intent."""

    ASSIGN_KEY = "assign_key"
    """Say which key the resource uses. Conditional: if-match."""
    REASSIGN = "reassign"
    """Say the key it uses once more, so that the service makes its data key anew: what Oracle's API text says of a
    volume and its guide calls undefined (oci-api §0 fact 3). Conditional: if-match. In doubt it is done again.
    """
    REWRAP = "rewrap"
    """Wrap its data keys anew under the key's current version. Convergent: no token, no if-match."""


class Strategy(StrEnum):
    """How new material is made."""

    NEW_KEY = "new_key"
    """A successor key takes over."""
    NEW_VERSION = "new_version"
    """The same key gets a new version."""


class TicketState(StrEnum):
    """Where a work request stands."""

    COMPLETED = "completed"
    """The service says that it completed."""
    LOST = "lost"
    """The service does not show it (any more)."""
    WORKING = "working"
    """It goes on."""


class TypesFrom(StrEnum):
    """Where the names are from that Search gives to kinds."""

    DOCUMENTED = "documented"
    """The documented table: the service did not show its own."""
    SERVICE = "service"
    """The service's own list."""


class VaultState(StrEnum):
    """A vault's lifecycle, as far as it matters to us."""

    ACTIVE = "ACTIVE"
    """In use."""
    CANCELLING_DELETION = "CANCELLING_DELETION"
    """Its deletion is being cancelled."""
    DELETING = "DELETING"
    """It is being deleted."""
    PENDING_DELETION = "PENDING_DELETION"
    """Scheduled for deletion: its keys are unusable already."""
    SCHEDULING_DELETION = "SCHEDULING_DELETION"
    """Its deletion is being scheduled."""
    UNKNOWN = "UNKNOWN"
    """Any other state; not one to act in."""


class VaultType(StrEnum):
    """What kind of vault it is."""

    DEFAULT = "DEFAULT"
    """Virtual vault, shared partition."""
    EXTERNAL = "EXTERNAL"
    """Keys live in a key manager outside OCI."""
    VIRTUAL_PRIVATE = "VIRTUAL_PRIVATE"
    """A partition of its own."""
    UNKNOWN = "UNKNOWN"
    """A type this version does not know."""


class Verdict(StrEnum):
    """How a completed rotation ended."""

    CLEAN = "clean"
    """Every dependent that could be seen is on the new material and nothing was left out."""
    WITH_EXCEPTIONS = "with_exceptions"
    """Something is manual, blocked, partial, or could not be looked at: each is a finding with an owner."""


class When(StrEnum):
    """When a rotation is wanted."""

    IF_DUE = "if_due"
    """If the cryptoperiod has passed."""


@dataclass(frozen=True, kw_only=True)
class Alone(Data):
    """Dependents that one way of looking showed and the other did not: how many, and the first few."""

    count: int = field(default_factory=lambda: int())
    """How many."""
    named: list[ResourceId] = field(default_factory=list)
    """The first few of them."""


@dataclass(frozen=True, kw_only=True)
class Attribution(Data):
    """Who made one version."""

    version: KeyVersionId
    """The version."""
    made_at: datetime
    """When it was made, by KMS's clock."""
    shown: AuditShown
    """What the audit log says."""


@dataclass(frozen=True, kw_only=True)
class AuditCopy(Data):
    """A copy of a rotation's trail."""

    sink: str
    """The sink's name."""
    facts: int
    """Facts of the rotation, its pages' too."""
    taken: int
    """How many of them the sink said it has."""
    keeping: KeepingSeen | None = None
    """What keeps them; `None`: nobody has asked yet."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry(Data):
    """One fact, as it goes to a sink."""

    id: LineHash
    """The fact's hash: the entry's identity."""
    stream: StreamId
    """Stream and number: the entry's place."""
    seq: int
    """Number in the stream."""
    at: datetime
    """When it was written, by the runner's clock."""
    text: str
    """The canonical JSON of the fact."""


@dataclass(frozen=True, kw_only=True)
class AutoRotation(Data):
    """OCI's own rotation of a key in a private vault (oci-api §2.2)."""

    enabled: bool
    """Whether it is on."""
    interval_days: int | None = None
    """Interval in days, where said."""


@dataclass(frozen=True, kw_only=True)
class Candidate(Data):
    """A resource that may be a dependent."""

    dependent: Dependent
    """The resource."""
    found_by: FoundBy
    """How it was found."""
    key: KeyHint | KeyHintKey
    """What the listing said about its key."""
    copies: Copies = field(default_factory=lambda: Copies())
    """What it said about copies."""


@dataclass(frozen=True, kw_only=True)
class CatalogPage(Data):
    """A part of one region's pass."""

    candidates: list[Candidate]
    """Candidates of one compartment and kind (List), or of one search page."""
    coverage: list[Coverage]
    """Verdicts on what this part finished looking at."""
    next: Cursor | None = None
    """Where to go on; `None` means the region is done."""
    search: SearchTypes | None = None
    """In an answer of Search: which kinds it can find. `None`: this catalog does not say."""


@dataclass(frozen=True, kw_only=True)
class Census(Data):
    """Versions seen outside the baseline of our first intent (protocol.md, authorship)."""

    ours: int
    """Certainly ours: our 2xx or request id says so. 0 or 1, or we report a duplicate."""
    presumed: int
    """Presumed ours: found after an answer was lost, nobody else known to mint."""
    others: int
    """Made by somebody else: auto-rotation, a database, a person."""


@dataclass(frozen=True, kw_only=True)
class Check(Data):
    """One thing that was looked at."""

    id: str
    """Its short name, such as `A1`."""
    title: str
    """What is assumed or required."""
    value: str
    """The configured value with its unit."""
    source: Source
    """Who says so."""
    verdict: CheckVerdict
    """What came of it."""
    seen: list[str]
    """What was observed, one sentence each."""
    do_next: str | None = None
    """What to do about it, if anything."""


@dataclass(frozen=True, kw_only=True)
class Checkup(Data):
    """Everything one run of `doctor` found."""

    at: datetime
    """When it ended, by the local clock."""
    sections: list[Section]
    """What was looked at."""
    is_shortened: bool
    """Margins are shorter than in production: a rehearsal."""
    is_test: bool
    """Made against loopback endpoints: it proves nothing about a tenancy."""
    live: KeyId | None = None
    """The throw-away key that versions were minted on, if one was named."""


@dataclass(frozen=True, kw_only=True)
class Compartment(Data):
    """A compartment with what one needs to speak of it."""

    id: CompartmentId
    """Its OCID."""
    name: str
    """Its display name, foreign text."""
    parent: CompartmentId | None = None
    """The compartment that holds it; `None`: it is the root, or what holds it is not said."""


@dataclass(frozen=True, kw_only=True)
class Copies(Data):
    """What a listing says of copies in other regions. Their key is the destination's, or silently Oracle's (oci-api
    §5.2).
    """

    of: ResourceId | None = None
    """What this resource is a copy of."""
    under_oracles_key: list[str] = field(default_factory=list)
    """Copies of this resource that have no key of their own, by OCID."""


@dataclass(frozen=True, kw_only=True)
class Coverage(Data):
    """How well one region, compartment and kind could be looked at."""

    region: Region
    """Region looked at."""
    state: CoverageState
    """The verdict."""
    compartment: CompartmentId | None = None
    """Compartment looked at; `None` for what is regional, such as Search."""
    kind: Kind | None = None
    """Kind looked for; `None` where no single kind is meant."""


@dataclass(frozen=True, kw_only=True)
class Deletion(Data):
    """A deletion that is scheduled, or has happened."""

    of: DeletionOf
    """Of what."""
    id: str
    """Its OCID."""
    at: datetime | None = None
    """When the material is gone for good, where OCI says it. It is unusable already (oci-api §2.3)."""
    by: AuditShown | None = None
    """Who scheduled it, as far as people were told what Oracle's audit log shows; `None`: it was not asked."""
    holders_max: int | None = None
    """Dependents that this journal does not know to be off it, at most; `None`: it knows of no rotation that tells."""
    is_current: bool = field(default_factory=lambda: bool())
    """It concerns what new data is wrapped by: the key's current version is among it."""
    is_done: bool = field(default_factory=lambda: bool())
    """It has happened: nothing can be cancelled any more."""


@dataclass(frozen=True, kw_only=True)
class Dependent(Data):
    """A resource that may be wrapped by a key, addressed well enough to read and move it."""

    id: ResourceId
    """Its OCID."""
    kind: Kind
    """Its kind."""
    region: Region
    """Its region; the key it uses is that region's (oci-api §2.4)."""
    compartment: CompartmentId
    """Compartment that holds it."""
    name: str
    """Display name, or the bucket's name (which is its address); foreign text."""
    availability_domain: str | None = None
    """Availability domain, for block storage."""
    namespace: NamespaceName | None = None
    """Namespace, for Object Storage."""
    tags: Tags = field(default_factory=lambda: Tags())
    """Its tags as found, foreign text. A tag selects, it never causes a mutation."""


@dataclass(frozen=True, kw_only=True)
class DependentReport(Data):
    """One dependent in a report."""

    dependent: Dependent
    """Which."""
    enrolled_from: EnrolledFrom | EnrolledFromKey | None = None
    """It was not under the key: it carries the tag, and policy enrolled it from here."""
    outcome: Outcome | None = None
    """What became of it; `None` while it is open."""


@dataclass(frozen=True, kw_only=True)
class Due(Data):
    """What is owed to one key."""

    state: DueState | DueStateOpen
    """The verdict."""
    why: str
    """Why, in words."""
    next: datetime | None = None
    """When the next rotation falls due, where that can be said."""


@dataclass(frozen=True, kw_only=True)
class DueKey(Data):
    """One row of `due`."""

    key: KeyId
    """Which key."""
    name: str
    """Its display name, foreign text."""
    due: Due
    """What is owed."""
    age: timedelta | None = None
    """How old its current version is, where it could be read."""
    cryptoperiod: timedelta | None = None
    """How long a version of it may protect new data."""
    current_version: KeyVersionId | None = None
    """Its current version, where it could be read."""
    deletions: list[Deletion] = field(default_factory=list)
    """Deletions of its vault, of itself or of its versions that somebody scheduled, as far as they could be read."""
    protection: ProtectionMode | None = None
    """Where its material is processed: each mode has a limit of versions of its own."""
    vault: VaultId | None = None
    """Its vault, where it could be read."""
    vault_full_on: datetime | None = None
    """When its vault will be full, at the pace of the last cryptoperiod."""
    versions_left: int | None = None
    """Versions that its vault can still take, by `limits.versions_per_vault`, reserved ones taken off."""


@dataclass(frozen=True, kw_only=True)
class Evidence(Data):
    """A grade and a scope, with what one needs to look it up again."""

    grade: Grade
    """How strong."""
    scope: EvidenceScope
    """About what."""
    caveat: str | None = None
    """What one must know before leaning on it."""
    key: KeyId | None = None
    """Key read back from the owning service."""
    request_id: RequestId | None = None
    """The request that asked for the change."""
    seen_at: datetime | None = None
    """When the far end said so, by its clock."""
    version: KeyVersionId | None = None
    """Version read back, where a service shows one."""
    witness: str | None = None
    """The work request or etag that showed the change."""


@dataclass(frozen=True, kw_only=True)
class ExceptionReport(Data):
    """A dependent that a rotation could not bring to a good end."""

    dependent: Dependent
    """Which."""
    outcome: Outcome
    """What became of it."""
    remedy: str
    """What to do."""


@dataclass(frozen=True, kw_only=True)
class Finding(Data):
    """One rule not met."""

    kind: FindingKind
    """What rule."""
    subject: str
    """About what: an OCID, a region, a compartment."""
    text: str
    """What is so, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Keeping(Data):
    """Whether anybody could change or remove what a sink holds, as its far end says."""

    promise: KeepingPromise
    """In one word."""
    text: list[str]
    """Rule by rule, one sentence each."""


@dataclass(frozen=True, kw_only=True)
class KeepingSeen(Data):
    """What keeps a copy, and when that was seen."""

    keeping: Keeping
    """What the far end said."""
    seen_at: datetime
    """When it said so last, by its own clock where it says one."""
    same_since: datetime
    """Each look since then said the same; of the time before, and between two looks, nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Key(Data):
    """A key as GetKey describes it."""

    id: KeyId
    """The key's OCID."""
    vault: VaultId
    """Vault that holds the key."""
    compartment: CompartmentId
    """Compartment that holds the key."""
    region: Region
    """Region whose endpoint answered."""
    name: str
    """Display name, foreign text."""
    state: KeyState
    """Lifecycle state."""
    shape: KeyShape
    """Algorithm and length."""
    protection: ProtectionMode
    """Where the material is processed."""
    current_version: KeyVersionId
    """The version that new wraps use. Changes only once OCI guarantees the new one (oci-api §2.2)."""
    is_external: bool
    """Whether the key only refers to one in an external key manager."""
    time_created: datetime
    """When it was created."""
    tags: Tags
    """Its tags, foreign text."""
    auto_rotation: AutoRotation | None = None
    """OCI's own rotation, where said."""
    is_primary: bool | None = None
    """`false` for a replica of the key. `None`: not said."""
    time_of_deletion: datetime | None = None
    """When it will be deleted, if that is scheduled."""


@dataclass(frozen=True, kw_only=True)
class KeyMint(Data):
    """A request to mint a successor key."""

    vault: VaultId
    """The vault that gets a key."""
    token: RetryToken
    """The deterministic retry token."""
    date: datetime
    """The date the request is signed with, whole seconds."""
    body: str
    """The canonical body (CreateKeyDetails), byte for byte."""


@dataclass(frozen=True, kw_only=True)
class KeyShape(Data):
    """Algorithm and length in bytes, e.g. `AES` 32."""

    algorithm: str
    """`AES`, `RSA` or `ECDSA`; kept as text because it is only compared."""
    length: int
    """Length in bytes."""
    curve: str | None = None
    """Curve of an ECDSA key."""


@dataclass(frozen=True, kw_only=True)
class KeyStorePromises(Data):
    """What an adapter can keep of the protocol. The engine acts on it (protocol.md): both token and date fence →
    full; one → only with a named risk; neither → it refuses to mint.
    """

    retry_token: bool
    """A repeated `create_version` with one token makes at most one version (A1)."""
    date_fence: bool
    """A mint signed with date `d` has no effect long after `d` (A3), and is sent at most once (A7)."""
    if_match: bool
    """`set_tags` honours `if_match`."""


@dataclass(frozen=True, kw_only=True)
class KeySummary(Data):
    """A key as a listing shows it."""

    id: KeyId
    """The key's OCID."""
    compartment: CompartmentId
    """Compartment that holds the key."""
    vault: VaultId
    """Vault that holds the key."""
    name: str
    """Display name, foreign text."""
    state: KeyState
    """Lifecycle state."""
    algorithm: str
    """Algorithm, such as `AES`; the listing says no more of the shape."""
    tags: Tags = field(default_factory=lambda: Tags())
    """Its tags, foreign text."""


@dataclass(frozen=True, kw_only=True)
class KeyVersion(Data):
    """One version of a key. Versions carry no tags (oci-api §2.2)."""

    id: KeyVersionId
    """The version's OCID."""
    key: KeyId
    """The key it belongs to."""
    state: KeyState
    """Lifecycle state."""
    origin: Origin
    """Who made the material."""
    is_auto_rotated: bool
    """Whether OCI's auto-rotation made it."""
    time_created: datetime
    """When it was created, by KMS's clock."""
    replication_id: str | None = None
    """The replication operation that carries it to the replica region."""
    time_of_deletion: datetime | None = None
    """When it will be deleted, if that is scheduled."""


@dataclass(frozen=True, kw_only=True)
class KindReport(Data):
    """The dependents of one kind, and so of one leg."""

    kind: Kind
    """Which kind."""
    found: int
    """Dependents found; one that was called gone and came back is found twice."""
    open: int
    """Without an outcome yet."""
    rekeyed: int
    """Moved by us."""
    already: int
    """On the new material before we acted."""
    gone: int
    """No longer there."""
    excluded: int
    """Left alone by policy."""
    manual: int
    """For a person."""
    blocked: int
    """Could not be moved."""
    partial: int
    """Moved in part."""
    best: Shown | None = None
    """The strongest evidence of any of them."""
    leg: int | None = None
    """The leg that it belongs to, from 1; `None` before there are legs."""
    strategy: Strategy | None = None
    """How that leg makes new material."""
    worst: Shown | None = None
    """The weakest."""


@dataclass(frozen=True, kw_only=True)
class KindSpec(Data):
    """What a kind can do."""

    class_: RekeyClass
    """What it does with several versions of its key."""
    steps_same_key: list[StepKind]
    """Steps when the key stays and a version is new."""
    steps_new_key: list[StepKind]
    """Steps when another key takes over."""
    best_grade: Grade
    """The best grade its read-back can give."""
    scope: EvidenceScope
    """What the evidence speaks of."""
    permissions: list[str]
    """OCI permissions the steps and reads need."""
    listing_names_key: bool = False
    """Whether the catalog's listing names each resource's key (`KeyHint.Key`): then many are read back with one
    call. What the listing does not show under its new key is read by itself, so a wrong word here costs calls and
    decides nothing.
    """
    remedy: str | None = None
    """What a person does about a kind that is found and read but has no steps."""
    steps_undocumented: list[StepKind] = field(default_factory=list)
    """Steps when the key stays whose effect Oracle does not document: taken only where the owner says so, by class
    and by risk.
    """


@dataclass(frozen=True, kw_only=True)
class LookedAt(Data):
    """How one kind was looked for in one region, by number of compartments."""

    region: Region
    """Region looked at."""
    denied: int = field(default_factory=lambda: int())
    """We may not look there."""
    kind: Kind | None = None
    """Kind looked for; `None`: everything that carries the tag, by Search, which counts as one place."""
    left_out: int = field(default_factory=lambda: int())
    """The owner does not want this kind looked at."""
    list_only: Alone = field(default_factory=lambda: Alone())
    """Dependents that carry the tag and were listed, and that Search, which was read to the end, did not show."""
    listed: int = field(default_factory=lambda: int())
    """Listed to the end."""
    not_searchable: bool = field(default_factory=lambda: bool())
    """Search does not list the type of this kind: only lists show it."""
    search_only: Alone = field(default_factory=lambda: Alone())
    """Dependents that Search showed by their tag and no list did."""
    types: TypesFrom | None = None
    """In Search's own row: where the names of types are from."""
    unreachable: int = field(default_factory=lambda: int())
    """It could not be reached."""
    unsupported: int = field(default_factory=lambda: int())
    """No adapter lists this kind."""


@dataclass(frozen=True, kw_only=True)
class Margins(Data):
    """Waits and bounds that come from what OCI does or does not promise. One value for all of them."""

    skew_limit: timedelta
    """Δ of A3: how far a signature's date may be off before OCI refuses it (documented: 5 min)."""
    processing: timedelta
    """P of A3: how long an accepted request may take to act (undocumented)."""
    list_lag: timedelta
    """λ of A2: how long a new version may stay out of ListKeyVersions (undocumented)."""
    clock_error: timedelta
    """ε of A5: error of our estimate of server time; also more than this refuses to mint."""
    clock_offset_max: timedelta
    """Offset of the local clock beyond which nothing is started."""
    token_life: timedelta
    """How long after the first use a retry token is still trusted (A1; documented 24 h, less an hour)."""
    poll_min: timedelta
    """First wait between looks at `currentKeyVersion`; doubles up to `poll_max`."""
    poll_max: timedelta
    """Longest wait between two looks at the same thing."""
    flip_deadline: timedelta
    """How long a minted version may take to become current before a person is asked."""
    replica_deadline: timedelta
    """How long replication may take before a person is asked."""
    work_request_deadline: timedelta
    """How long one work request may take before its dependent is called blocked."""
    search_lag: timedelta
    """How long Resource Search may lag behind the owning service (undocumented)."""
    claim_ttl: timedelta
    """How long a claim on a rotation lasts without renewal."""
    absence_settle: timedelta = field(default_factory=lambda: timedelta())
    """How long after a first 404 a second one, with a full List of the place, means that a resource is gone (R10;
    undocumented: permissions take minutes to spread, oci-api §7.2).
    """
    audit_lag: timedelta = field(default_factory=lambda: timedelta())
    """How late an audit event may come before its absence is reported (undocumented). No decision rests on it."""
    scopes_age_max: timedelta = field(default_factory=lambda: timedelta())
    """How old regions and compartments may be that the journal remembers, for a version to be minted while identity
    does not answer. What is in the compartments is listed anew all the same.
    """


@dataclass(frozen=True, kw_only=True)
class Metric(Data):
    """One number of one moment. Every metric is a gauge: it says how things stand, not what was added."""

    name: str
    """Its name: small letters, digits and underscores, beginning with a letter."""
    unit: MetricUnit
    """What the value counts."""
    dimensions: dict[str, str]
    """What it is about. No value is empty, longer than 256 characters, or holds a control character."""
    value: float
    """The number; never NaN, never infinite."""
    at: datetime
    """When it was so, by the local clock."""


@dataclass(frozen=True, kw_only=True)
class Notice(Data):
    """One message."""

    dedupe_key: str
    """The same message sent again has the same key."""
    severity: Severity
    """Whether somebody must act."""
    title: str
    """One line."""
    body: str
    """Plain text, at most 32 KiB; foreign text in it is escaped."""
    chain_head: LineHash
    """Head of the rotation's chain when the notice was written. Whoever keeps the notice can later show that the
    journal's lines up to it were not rewritten; it says nothing about lines after it.
    """
    rotation: RotationId | None = None
    """The rotation it speaks of."""


@dataclass(frozen=True, kw_only=True)
class Observation(Data):
    """What the owning service says about a resource."""

    presence: Presence
    """Whether it is there."""
    held: list[KeyId]
    """Other keys that parts of it still hang on, where the service says so."""
    key: KeyId | None = None
    """The key its new data is wrapped with; `None`: Oracle's."""
    version: KeyVersionId | None = None
    """The version, where the service says one."""


@dataclass(frozen=True, kw_only=True)
class Plan(Data):
    """A plan. Made by reads alone; the numbers are those of the moment."""

    key: KeyId
    """Which key."""
    name: str
    """Its display name, foreign text."""
    due: Due
    """What is owed to it."""
    superseded: KeyVersionId
    """The version that would be superseded; of a sweep, the newest earlier one that data may hang on."""
    strategies: list[Strategy]
    """How new material would be made, leg by leg."""
    dependents: dict[str, int]
    """Dependents by kind."""
    regions: dict[str, int]
    """Dependents by region."""
    replicas: list[Region]
    """Regions that hold a replica of the key: the gate waits for them."""
    holes: list[Coverage]
    """What could not be looked at."""
    findings: list[Finding]
    """Rules not met."""
    calls_read: int
    """Reads it would take, about."""
    calls_write: int
    """Writes it would take."""
    versions_held: int
    """Versions in the vault, of this key's protection mode."""
    versions_reserved: int
    """Versions that open rotations have reserved."""
    versions_limit: int
    """Versions the vault may hold."""
    quiet_period: timedelta
    """What a lost answer to the mint would cost in waiting."""
    is_shortened: bool
    """Margins are shorter than in production: a rehearsal."""
    is_sweep: bool = False
    """Nothing would be minted: data moves to the version that is current already."""
    refusal: str | None = None
    """Why it would not start, if so."""
    vault_full_on: datetime | None = None
    """When the vault will be full, at the pace of the last cryptoperiod; `None`: nothing is minted there."""


@dataclass(frozen=True, kw_only=True)
class RememberedScopes(Data):
    """Regions and compartments were not shown when a pass asked for them: it looked at those of an earlier look."""

    seen_at: datetime
    """When they were seen, by the runner's clock."""
    age_s: int
    """How long before the pass that was, in seconds."""


@dataclass(frozen=True, kw_only=True)
class ReplicaStatus(Data):
    """One replica region's answer."""

    region: Region
    """Where the replica is."""
    state: ReplicaState
    """How far it is."""


@dataclass(frozen=True, kw_only=True)
class Report(Data):
    """What a rotation did, as far as it was observed."""

    summary: RotationSummary
    """Where it stands."""
    census: Census
    """Versions made while it ran."""
    coverage: list[Coverage]
    """What could not be looked at in the last pass, by name."""
    findings: list[Finding]
    """Rules not met."""
    chain_head: str
    """SHA-256 of the last fact of the rotation's own stream, hex."""
    is_test: bool
    """A rehearsal on loopback endpoints: proves nothing about a tenancy."""
    attributions: list[Attribution] = field(default_factory=list)
    """Who made the versions that came while it ran, as far as Oracle's audit log shows it."""
    audit_copies: list[AuditCopy] = field(default_factory=list)
    """Copies of the trail in audit sinks, and what keeps them, as far as it was seen."""
    exceptions: list[ExceptionReport] = field(default_factory=list)
    """Dependents without a good end, by name, with what to do."""
    exceptions_unnamed: int = field(default_factory=lambda: int())
    """How many more of them there are than are named."""
    key_regions: list[Region] = field(default_factory=list)
    """The only regions where something can be under the key; elsewhere copies and the tag are looked for. Empty:
    anywhere.
    """
    kinds: list[KindReport] = field(default_factory=list)
    """Its dependents kind by kind, leg by leg."""
    looked_at: list[LookedAt] = field(default_factory=list)
    """All that the last pass looked at, by region and kind, counted."""
    scopes: RememberedScopes | None = None
    """Identity did not answer the last pass: regions and compartments are those of an earlier look."""
    verdict: Verdict | None = None
    """How it ended; `None` while it is open."""


@dataclass(frozen=True, kw_only=True)
class Request(Data):
    """A wish to rotate one key."""

    key: KeyId
    """Which key."""
    when: When | WhenNow
    """When."""
    actor: Actor | None = None
    """Who asks; an id."""


@dataclass(frozen=True, kw_only=True)
class RotationSummary(Data):
    """One row of `list` and `status`."""

    rotation: RotationId
    """Which rotation."""
    key: KeyId
    """Of which key."""
    superseded: KeyVersionId
    """The version it supersedes; of a sweep, the newest earlier one that data may have hung on."""
    phase: str
    """Where it stands, in the words of design §6."""
    opened_at: datetime
    """When it was opened."""
    dependents: int
    """Dependents in its inventory so far."""
    counts: Counts
    """What became of them so far."""
    closed_at: datetime | None = None
    """When it ended."""
    is_sweep: bool = False
    """It moves data to the current version and mints nothing."""
    overtaken_by: RotationId | None = None
    """The rotation that took over, if one did."""
    paused: str | None = None
    """Why it rests, and the next safe action, if it does."""
    target: KeyVersionId | None = None
    """The version everything moves to, once that is settled."""


@dataclass(frozen=True, kw_only=True)
class ScopedRegion(Data):
    """A subscribed region."""

    region: Region
    """Its identifier."""
    is_home: bool
    """Whether identity calls that change things go there."""


@dataclass(frozen=True, kw_only=True)
class Scopes(Data):
    """What there is to look at."""

    regions: list[ScopedRegion]
    """Regions the tenancy subscribes to."""
    compartments: list[Compartment]
    """Compartments we can see, the root included."""


@dataclass(frozen=True, kw_only=True)
class SearchTypes(Data):
    """What Search can find, as it says itself."""

    from_: TypesFrom
    """Where the names of types are from."""
    unlisted: list[Kind] = field(default_factory=list)
    """Kinds of the selector that Search does not list."""


@dataclass(frozen=True, kw_only=True)
class Section(Data):
    """Checks that belong together."""

    name: str
    """Its name, such as `ASSUMPTIONS`."""
    checks: list[Check]
    """Its checks, in a fixed order."""


@dataclass(frozen=True, kw_only=True)
class Selector(Data):
    """What to look for."""

    key: KeyId
    """The key whose dependents are wanted."""
    kinds: list[Kind]
    """Kinds to list."""
    compartments: list[Compartment]
    """Compartments to list; Search spans all of them anyway and is filtered by this."""
    tag: TagSelector | None = None
    """The tag that marks resources meant to be under a managed key."""


@dataclass(frozen=True, kw_only=True)
class Shown(Data):
    """A grade, and what it speaks of."""

    grade: Grade
    """How strong."""
    scope: EvidenceScope | None = None
    """About what; `None`: the journal is older than this was counted."""


@dataclass(frozen=True, kw_only=True)
class Source(Data):
    """Who vouches for an assumption."""

    standing: Standing
    """What kind of word it is."""
    text: str
    """Where it stands, and how far it goes."""


@dataclass(frozen=True, kw_only=True)
class StepRequest(Data):
    """One step to perform. What it changes was journaled before."""

    dependent: Dependent
    """Which resource."""
    step: StepKind
    """Which step."""
    key: KeyId
    """The key it shall use (AssignKey) or uses (Rewrap)."""
    if_match: Etag | None = None
    """The etag it must still have, for conditional steps."""


@dataclass(frozen=True, kw_only=True)
class TagSelector(Data):
    """A tag that says "this resource is meant to be under a managed key"."""

    key: str
    """Tag key."""
    value: str
    """Tag value."""
    namespace: str | None = None
    """Namespace of a defined tag; `None` for a free-form tag."""


@dataclass(frozen=True, kw_only=True)
class Tags(Data):
    """Free-form and defined tags, the latter as namespace, key, value."""

    defined: dict[str, dict[str, str]] = field(default_factory=dict)
    """Defined tags: namespace → key → value."""
    freeform: dict[str, str] = field(default_factory=dict)
    """Free-form tags: anybody who may update the resource may write them."""


@dataclass(frozen=True, kw_only=True)
class Tally(Data):
    """Outcomes and grades of one kind."""

    outcomes: dict[str, int]
    """Outcome word → how many."""
    grades: dict[str, int]
    """Grade → how many, of those with evidence."""
    scopes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Grade → what it speaks of → how many."""


@dataclass(frozen=True, kw_only=True)
class Ticket(Data):
    """A work request of ours, with what one needs to ask for it again."""

    work_request: WorkRequestId
    """The work request."""
    dependent: ResourceId
    """Whose."""


@dataclass(frozen=True, kw_only=True)
class TicketReport(Data):
    """What the service says about a work request."""

    ticket: Ticket
    """Which."""
    state: TicketState | TicketStateFailed
    """Where it stands."""
    accepted_at: datetime | None = None
    """When the service accepted it, by its clock."""
    finished_at: datetime | None = None
    """When it ended, by the service's clock."""


@dataclass(frozen=True, kw_only=True)
class Vault(Data):
    """A vault with what only GetVault tells."""

    id: VaultId
    """The vault's OCID."""
    compartment: CompartmentId
    """Compartment that holds the vault."""
    region: Region
    """Region of the answer."""
    name: str
    """Display name, foreign text."""
    state: VaultState
    """Lifecycle state."""
    vault_type: VaultType
    """Vault type."""
    replicas: list[Region]
    """Regions that hold a replica of it, as ListVaultReplicas says."""
    time_created: datetime
    """When it was created."""
    is_primary: bool | None = None
    """`false` for a replica: it refuses every management call (oci-api §2.4). `None`: not said."""
    time_of_deletion: datetime | None = None
    """When it will be deleted, if that is scheduled."""


@dataclass(frozen=True, kw_only=True)
class VaultSummary(Data):
    """One vault of a listing."""

    id: VaultId
    """The vault's OCID."""
    compartment: CompartmentId
    """Compartment that holds the vault (its keys may be in others)."""
    region: Region
    """Region it was listed in."""
    name: str
    """Display name, foreign text."""
    state: VaultState
    """Lifecycle state."""
    vault_type: VaultType
    """Vault type."""


@dataclass(frozen=True, kw_only=True)
class VaultUsage(Data):
    """How many versions a vault holds (GetVaultUsage); they count against its limit."""

    keys: int
    """HSM keys."""
    key_versions: int
    """Versions of HSM keys."""
    software_keys: int
    """Software keys."""
    software_key_versions: int
    """Versions of software keys."""


@dataclass(frozen=True, kw_only=True)
class VersionMint(Data):
    """A request to mint a version. Every field was journaled before; the adapter sends exactly this, once."""

    key: KeyId
    """The key that gets a version."""
    token: RetryToken
    """The deterministic retry token."""
    date: datetime
    """The date the request is signed with, whole seconds."""
    body: str
    """The canonical body, byte for byte; empty for OCI keys."""


@dataclass(frozen=True, kw_only=True)
class AuditShownAmbiguous(Data):
    """More than one request may have made it."""

    who: ClassVar[Literal["ambiguous"]] = "ambiguous"
    _tag: ClassVar[str] = "who"
    requests: int
    """How many."""


@dataclass(frozen=True, kw_only=True)
class AuditShownNotAsked(Data):
    """The log could not be asked."""

    who: ClassVar[Literal["not_asked"]] = "not_asked"
    _tag: ClassVar[str] = "who"
    why: str
    """Why."""


@dataclass(frozen=True, kw_only=True)
class AuditShownOurs(Data):
    """A request of ours."""

    who: ClassVar[Literal["ours"]] = "ours"
    _tag: ClassVar[str] = "who"
    by: OursBy
    """What shows it."""
    at: datetime
    """When, by the log."""
    principal: str | None = None
    """OCID of whom it was signed by."""
    request_id: RequestId | None = None
    """Its `opc-request-id`."""


@dataclass(frozen=True, kw_only=True)
class AuditShownPresumed(Data):
    """One request can have been it, and it does not name what it was about."""

    who: ClassVar[Literal["presumed"]] = "presumed"
    _tag: ClassVar[str] = "who"
    at: datetime
    """When, by the log."""
    principal: str | None = None
    """OCID of whom it was signed by."""
    request_id: RequestId | None = None
    """Its `opc-request-id`."""


@dataclass(frozen=True, kw_only=True)
class AuditShownSomebody(Data):
    """A request that this journal does not know."""

    who: ClassVar[Literal["somebody"]] = "somebody"
    _tag: ClassVar[str] = "who"
    at: datetime
    """When, by the log."""
    principal: str | None = None
    """OCID of whom it was signed by."""
    request_id: RequestId | None = None
    """Its `opc-request-id`."""


@dataclass(frozen=True, kw_only=True)
class AuditShownUnknown(Data):
    """Nothing yet. Events arrive late: before `until`, that nothing is there says nothing at all."""

    who: ClassVar[Literal["unknown"]] = "unknown"
    _tag: ClassVar[str] = "who"
    until: datetime
    """Until when, by the assumption `margins.audit_lag`."""


@dataclass(frozen=True, kw_only=True)
class AuditShownUnseen(Data):
    """Nothing, although events should have arrived by the assumption `margins.audit_lag`. It proves nothing either."""

    who: ClassVar[Literal["unseen"]] = "unseen"
    _tag: ClassVar[str] = "who"


@dataclass(frozen=True, kw_only=True)
class BegunWorking(Data):
    """It goes on under this work request."""

    _word: ClassVar[str] = "working"
    _is_spread: ClassVar[bool] = False
    working: WorkRequestId


@dataclass(frozen=True, kw_only=True)
class DueStateOpen(Data):
    """A rotation is open."""

    _word: ClassVar[str] = "open"
    _is_spread: ClassVar[bool] = False
    open: RotationId


@dataclass(frozen=True, kw_only=True)
class EnrolledFromKey(Data):
    """Another key of the tenancy's."""

    _word: ClassVar[str] = "key"
    _is_spread: ClassVar[bool] = False
    key: KeyId


@dataclass(frozen=True, kw_only=True)
class KeyHintKey(Data):
    """The listing named this key."""

    _word: ClassVar[str] = "key"
    _is_spread: ClassVar[bool] = False
    key: KeyId


@dataclass(frozen=True, kw_only=True)
class LastHeldEntry(Data):
    """The entry with the highest number."""

    _word: ClassVar[str] = "entry"
    _is_spread: ClassVar[bool] = True
    seq: int
    """Its number in the stream."""
    id: LineHash
    """Its identity."""


@dataclass(frozen=True, kw_only=True)
class OutcomeAlready(Data):
    """It was on the new material before we acted."""

    outcome: ClassVar[Literal["already"]] = "already"
    _tag: ClassVar[str] = "outcome"
    evidence: Evidence
    """What shows it."""


@dataclass(frozen=True, kw_only=True)
class OutcomeBlocked(Data):
    """We could not move it."""

    outcome: ClassVar[Literal["blocked"]] = "blocked"
    _tag: ClassVar[str] = "outcome"
    why: str
    """Why, with what to do."""


@dataclass(frozen=True, kw_only=True)
class OutcomeExcluded(Data):
    """Policy says to leave it."""

    outcome: ClassVar[Literal["excluded"]] = "excluded"
    _tag: ClassVar[str] = "outcome"
    policy: str
    """Which rule."""


@dataclass(frozen=True, kw_only=True)
class OutcomeGone(Data):
    """It no longer exists."""

    outcome: ClassVar[Literal["gone"]] = "gone"
    _tag: ClassVar[str] = "outcome"
    how: str
    """How that was established."""


@dataclass(frozen=True, kw_only=True)
class OutcomeManual(Data):
    """A person must act."""

    outcome: ClassVar[Literal["manual"]] = "manual"
    _tag: ClassVar[str] = "outcome"
    remedy: str
    """What to do."""


@dataclass(frozen=True, kw_only=True)
class OutcomePartial(Data):
    """Some of its data moved."""

    outcome: ClassVar[Literal["partial"]] = "partial"
    _tag: ClassVar[str] = "outcome"
    what: str
    """What did and did not."""


@dataclass(frozen=True, kw_only=True)
class OutcomeRekeyed(Data):
    """We moved it."""

    outcome: ClassVar[Literal["rekeyed"]] = "rekeyed"
    _tag: ClassVar[str] = "outcome"
    evidence: Evidence
    """What shows it."""


@dataclass(frozen=True, kw_only=True)
class ProgressDependents(Data):
    """How many dependents have an outcome, of those known so far."""

    event: ClassVar[Literal["dependents"]] = "dependents"
    _tag: ClassVar[str] = "event"
    rotation: RotationId
    """Which rotation."""
    done: int
    """With an outcome."""
    total: int
    """Known so far."""


@dataclass(frozen=True, kw_only=True)
class ProgressExamining(Data):
    """`doctor` looks at something, or waits."""

    event: ClassVar[Literal["examining"]] = "examining"
    _tag: ClassVar[str] = "event"
    what: str
    """At what, or for what."""
    until: datetime | None = None
    """Until when, where it waits."""


@dataclass(frozen=True, kw_only=True)
class ProgressFact(Data):
    """A fact was appended and is durable."""

    event: ClassVar[Literal["fact"]] = "fact"
    _tag: ClassVar[str] = "event"
    rotation: RotationId
    """Which rotation."""
    stream: str
    """The stream's name within the rotation: `main` or `page <n>`."""
    fact: str
    """The fact's name."""
    phase: str | None = None
    """Where the rotation stands after it, for facts of the main stream."""


@dataclass(frozen=True, kw_only=True)
class ProgressOpened(Data):
    """A rotation was opened or taken up again."""

    event: ClassVar[Literal["opened"]] = "opened"
    _tag: ClassVar[str] = "event"
    rotation: RotationId
    """Which rotation."""
    key: KeyId
    """Of which key."""


@dataclass(frozen=True, kw_only=True)
class ProgressLooking(Data):
    """A pass over the catalog goes on."""

    event: ClassVar[Literal["looking"]] = "looking"
    _tag: ClassVar[str] = "event"
    rotation: RotationId
    """Which rotation."""
    candidates: int
    """Candidates looked at in this pass."""
    found: int
    """Dependents found that were not known."""


@dataclass(frozen=True, kw_only=True)
class ProgressWaiting(Data):
    """Nothing to do before an instant."""

    event: ClassVar[Literal["waiting"]] = "waiting"
    _tag: ClassVar[str] = "event"
    rotation: RotationId
    """Which rotation."""
    why: str
    """For what."""
    until: datetime
    """Until when."""


@dataclass(frozen=True, kw_only=True)
class RotatedCancelled(Data):
    """It was given up before the pivot."""

    rotated: ClassVar[Literal["cancelled"]] = "cancelled"
    _tag: ClassVar[str] = "rotated"
    rotation: RotationId
    """Which rotation."""


@dataclass(frozen=True, kw_only=True)
class RotatedCompleted(Report):
    """It is done."""

    rotated: ClassVar[Literal["completed"]] = "completed"
    _tag: ClassVar[str] = "rotated"


@dataclass(frozen=True, kw_only=True)
class RotatedNotDue(Data):
    """Nothing is owed."""

    rotated: ClassVar[Literal["not_due"]] = "not_due"
    _tag: ClassVar[str] = "rotated"
    due: Due
    """What is owed instead."""
    next: datetime | None = None
    """When the next rotation falls due, where that can be said."""


@dataclass(frozen=True, kw_only=True)
class RotatedOutOfTime(Data):
    """Time was up; call again."""

    rotated: ClassVar[Literal["out_of_time"]] = "out_of_time"
    _tag: ClassVar[str] = "rotated"
    rotation: RotationId
    """Which rotation."""


@dataclass(frozen=True, kw_only=True)
class RotatedOvertaken(Data):
    """The next rotation of the key's lineage took over; `list` shows it."""

    rotated: ClassVar[Literal["overtaken"]] = "overtaken"
    _tag: ClassVar[str] = "rotated"
    rotation: RotationId
    """Which rotation was overtaken."""


@dataclass(frozen=True, kw_only=True)
class RotatedPaused(Data):
    """A person must act."""

    rotated: ClassVar[Literal["paused"]] = "paused"
    _tag: ClassVar[str] = "rotated"
    rotation: RotationId
    """Which rotation."""
    why: str
    """Why."""
    do_next: str
    """The next safe action."""


@dataclass(frozen=True, kw_only=True)
class TicketStateFailed(Data):
    """It failed or was cancelled, with the service's words."""

    _word: ClassVar[str] = "failed"
    _is_spread: ClassVar[bool] = False
    failed: str


@dataclass(frozen=True, kw_only=True)
class WhenNow(Data):
    """Now. Without `supersedes` or `request_id` it is refused while the version is younger than `min_age` (R2)."""

    _word: ClassVar[str] = "now"
    _is_spread: ClassVar[bool] = True
    request_id: str | None = None
    """A name for this wish that the journal remembers: asking twice rotates once."""
    supersedes: KeyVersionId | None = None
    """The version to supersede: two people who mean the same rotation say the same."""


Actor: TypeAlias = str
"""Who asked for something: an id, never a person's name."""

AuditShown: TypeAlias = AuditShownAmbiguous | AuditShownNotAsked | AuditShownOurs | AuditShownPresumed | AuditShownSomebody | AuditShownUnknown | AuditShownUnseen
"""What the audit log says."""

CompartmentId: TypeAlias = str
"""A compartment's OCID; the tenancy is the root compartment."""

Counts: TypeAlias = dict[str, Tally]
"""Tallies by kind of resource."""

Cursor: TypeAlias = str
"""An opaque place to go on from. Only the port that made it may read it; it may be stored."""

Etag: TypeAlias = str
"""An entity tag, kept exactly as the service sent it."""

KeyId: TypeAlias = str
"""A master encryption key's OCID."""

KeyVersionId: TypeAlias = str
"""A key version's OCID."""

LineHash: TypeAlias = str
"""A SHA-256 in lower-case hex."""

NamespaceName: TypeAlias = str
"""An Object Storage namespace."""

Outcome: TypeAlias = OutcomeAlready | OutcomeBlocked | OutcomeExcluded | OutcomeGone | OutcomeManual | OutcomePartial | OutcomeRekeyed
"""What became of one dependent (rule R10). An effect has a `Reply`; only a dependent has an outcome."""

Progress: TypeAlias = ProgressDependents | ProgressExamining | ProgressFact | ProgressOpened | ProgressLooking | ProgressWaiting
"""One event."""

Region: TypeAlias = str
"""A region's identifier, such as `us-ashburn-1`."""

RequestId: TypeAlias = str
"""What one request was called by the service that answered it (`opc-request-id`)."""

ResourceId: TypeAlias = str
"""Any resource's OCID."""

RetryToken: TypeAlias = str
"""An `opc-retry-token`."""

Rotated: TypeAlias = RotatedCancelled | RotatedCompleted | RotatedNotDue | RotatedOutOfTime | RotatedOvertaken | RotatedPaused
"""How a call to rotate ended."""

RotationId: TypeAlias = str
"""The short name of a rotation: 16 characters of base32, see `rotation.rid`."""

StreamId: TypeAlias = str
"""A stream's name: `registry`, `r/<rid>`, `r/<rid>/p/<n>`, `vault/<id>`, `key/<id>`, `meta` (design §7), and
`doctor`.
"""

VaultId: TypeAlias = str
"""A vault's OCID."""

WorkRequestId: TypeAlias = str
"""The handle of an asynchronous operation (`opc-work-request-id`)."""

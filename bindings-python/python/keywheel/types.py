"""What the calls return: plain dictionaries, described for type checkers.

Words (`kind`, `state`, `outcome`, `phase`) are strings, since later versions add to them.
"""

from typing import Any, NotRequired, TypedDict


class Due(TypedDict):
    """What is owed to one key."""

    state: str | dict[str, str]
    next: NotRequired[str]
    why: str


class DueKey(TypedDict):
    """One row of `due`."""

    key: str
    name: str
    current_version: NotRequired[str]
    due: Due
    vault_full_on: NotRequired[str]


class Finding(TypedDict):
    """A rule not met."""

    kind: str
    subject: str
    text: str


class Coverage(TypedDict):
    """How well one region, compartment and kind could be looked at."""

    region: str
    compartment: NotRequired[str]
    kind: NotRequired[str]
    state: str


class Plan(TypedDict):
    """What a rotation would do."""

    key: str
    name: str
    due: Due
    is_sweep: bool
    superseded: str
    refusal: str | None
    strategies: list[str]
    dependents: dict[str, int]
    regions: dict[str, int]
    replicas: list[str]
    holes: list[Coverage]
    findings: list[Finding]
    calls_read: int
    calls_write: int
    versions_held: int
    versions_reserved: int
    vault_full_on: NotRequired[str]
    versions_limit: int
    quiet_period: dict[str, int]
    is_shortened: bool


class Source(TypedDict):
    """Who vouches for an assumption: `standing` is documented, unverified or ours."""

    standing: str
    text: str


class Check(TypedDict):
    """One thing that `doctor` looked at: `verdict` is holds, broken, unknown or ours."""

    id: str
    title: str
    value: str
    source: Source
    verdict: str
    seen: list[str]
    do_next: NotRequired[str]


class Section(TypedDict):
    """Checks that belong together."""

    name: str
    checks: list[Check]


class Checkup(TypedDict):
    """Everything one run of `doctor` found."""

    at: str
    live: NotRequired[str]
    sections: list[Section]
    is_shortened: bool
    is_test: bool


class Tally(TypedDict):
    """Outcomes and grades of one kind, counted."""

    outcomes: dict[str, int]
    grades: dict[str, int]


class RotationSummary(TypedDict):
    """One row of `list` and `history`."""

    rotation: str
    key: str
    superseded: str
    is_sweep: bool
    overtaken_by: NotRequired[str]
    target: str | None
    phase: str
    paused: str | None
    opened_at: str
    closed_at: str | None
    dependents: int
    counts: dict[str, Tally]


class Census(TypedDict):
    """Versions made while a rotation ran, by author."""

    ours: int
    presumed: int
    others: int


class Report(TypedDict):
    """What a rotation did, as far as it was observed."""

    summary: RotationSummary
    verdict: str | None
    census: Census
    coverage: list[Coverage]
    findings: list[Finding]
    chain_head: str
    is_test: bool


class Dependent(TypedDict):
    """A resource whose data key is wrapped by the key."""

    id: str
    kind: str
    region: str
    compartment: str
    name: str


class DependentReport(TypedDict):
    """One dependent, and what became of it."""

    dependent: Dependent
    outcome: dict[str, Any] | None


class Rotated(TypedDict):
    """What became of a rotation: `rotated` is completed, not_due, paused, out_of_time, overtaken or cancelled."""

    rotated: str
    rotation: NotRequired[str]
    due: NotRequired[Due]
    next: NotRequired[str | None]
    why: NotRequired[str]
    do_next: NotRequired[str]
    summary: NotRequired[RotationSummary]
    verdict: NotRequired[str | None]
    census: NotRequired[Census]
    coverage: NotRequired[list[Coverage]]
    findings: NotRequired[list[Finding]]
    chain_head: NotRequired[str]
    is_test: NotRequired[bool]


class RotatedKey(TypedDict):
    """One row of `rotate_due`: `rotated` or `error`."""

    key: str
    rotated: Rotated | None
    error: dict[str, Any] | None

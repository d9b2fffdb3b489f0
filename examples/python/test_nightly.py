"""A property test of one's own automation: whatever happens between nights, `nightly` keeps its word.

Hypothesis makes up the story (days pass, buckets come and go, answers are lost, somebody else mints), a World in memory
lives it in milliseconds, and what is asserted is what the team promises its auditors. A story that fails is shown as the
shortest one that does.
"""

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from keywheel.testing import Fault, World

from nightly import nightly

FAULTS = st.sampled_from(
    [
        Fault.lose_answer("create_version", 1),
        Fault.lose_request("create_version", 1),
        Fault.refuse("create_version", 503, 1),
        Fault.fail_after("create_version", 500, 1),
        Fault.throttle("rewrap", first=2),
        Fault.lose_answer("rewrap", 1),
        Fault.work_request_fails(1),
        Fault.flip_late(timedelta(seconds=20), 1),
    ]
)


class Nights(RuleBasedStateMachine):
    """A tenancy over some months."""

    @initialize(buckets=st.integers(1, 4))
    def found(self, buckets: int) -> None:
        self.world = World()
        self.key = self.world.add_key("payroll", age=timedelta(days=10))
        self.buckets = [self.world.add_bucket(f"bucket-{n}", key=self.key) for n in range(buckets)]
        self.made = buckets

    @rule(days=st.integers(1, 120))
    def days_pass(self, days: int) -> None:
        self.world.advance(timedelta(days=days))

    @rule()
    def a_bucket_comes(self) -> None:
        self.made += 1
        self.buckets.append(self.world.add_bucket(f"bucket-{self.made}", key=self.key))

    @rule(which=st.integers(0, 100))
    def a_bucket_goes(self, which: int) -> None:
        if len(self.buckets) > 1:
            self.world.delete(self.buckets.pop(which % len(self.buckets)))

    @rule()
    def somebody_mints(self) -> None:
        self.world.foreign_mint(self.key)

    @rule(faults=st.lists(FAULTS, max_size=2))
    def a_night(self, faults: list[Fault]) -> None:
        before = self.world.minted_by_us(self.key)
        self.world.faults(*faults)
        night = nightly(self.world.rotator())
        self.world.faults()
        assert self.world.minted_by_us(self.key) - before <= 1, "at most one version a night, whatever got lost"
        if night.clean:
            current = self.world.current_version(self.key)
            for bucket in self.buckets:
                wrapping = self.world.wrapping(bucket)
                assert wrapping is not None and wrapping.version == current, f"{bucket} was said to be moved"

    @rule()
    def two_quiet_nights_leave_nothing_due(self) -> None:
        for _ in range(2):
            nightly(self.world.rotator())
        due = [row.due.state for row in self.world.rotator().due()]
        assert "due" not in due, due

    @invariant()
    def the_journal_is_whole(self) -> None:
        if hasattr(self, "world"):
            self.world.rotator().verify_journal()


TestNights = Nights.TestCase
TestNights.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

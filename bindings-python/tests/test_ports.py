"""Ports written in Python: held to the law, in doubt when they raise, foreign when they talk nonsense."""

import unittest
from typing import Any

import keywheel
from keywheel import types
from keywheel.ports import AuditSink, Notifier, Reply
from keywheel.testing import (
    AuditSinkFixture,
    NotifierFixture,
    PromiseBroken,
    World,
    WorldCatalogFixture,
    WorldFixture,
    check_audit_sink,
    check_catalog,
    check_key_store,
    check_notifier,
    check_rekeyer,
)

from own_ports import ListNotifier, ListSink, PlainCatalog, PlainKeyStore, PlainReKeyer, awaiting

BOTH = [lambda plain: plain, awaiting]


def fixture(kind: types.Kind = types.Kind.BUCKET) -> WorldFixture:
    return WorldFixture(World(profile="lab", settings={"kms_per_second": None}), kind=kind)


class ListSinkFixture(AuditSinkFixture):
    def __init__(self, made: type) -> None:
        self.made, self.storage = made, list[types.AuditEntry]()

    def reopened(self) -> AuditSink:
        sink = self.made(self.storage)
        assert isinstance(sink, AuditSink)
        return sink

    def recorded(self) -> list[str]:
        return [entry.id for entry in self.storage]


class ListNotifierFixture(NotifierFixture):
    def __init__(self, notifier: ListNotifier) -> None:
        self.notifier = notifier

    def accepted(self) -> list[str]:
        return self.notifier.accepted

    def refuse_next(self) -> bool:
        self.notifier.is_refusing = True
        return True


class TheLaw(unittest.TestCase):
    def test_a_key_store_keeps_its_promises(self) -> None:
        for form in BOTH:
            place = fixture()
            kept = check_key_store(form(PlainKeyStore)(place.world), place)
            self.assertEqual((len(kept), "one_token_one_version" in kept), (9, True))

    def test_a_catalog_keeps_its_promises(self) -> None:
        for form in BOTH:
            for kind in (types.Kind.BUCKET, types.Kind.BLOCK_VOLUME):
                world = World(profile="instant")
                place = WorldCatalogFixture(world, lambda: form(PlainCatalog)(world), kind=kind)  # noqa: B023
                self.assertEqual(len(check_catalog(place)), 9)

    def test_a_re_keyer_keeps_its_promises_for_both_sorts_of_kinds(self) -> None:
        for form in BOTH:
            for kind, count in ((types.Kind.BUCKET, 7), (types.Kind.BLOCK_VOLUME, 9)):
                place = fixture(kind)
                self.assertEqual(len(check_rekeyer(form(PlainReKeyer)(place.world), place)), count)

    def test_an_audit_sink_keeps_its_promises(self) -> None:
        for form in BOTH:
            self.assertEqual(len(check_audit_sink(ListSinkFixture(form(ListSink)))), 4)

    def test_a_notifier_keeps_its_promises(self) -> None:
        for form in BOTH:
            notifier = form(ListNotifier)()
            self.assertEqual(len(check_notifier(notifier, ListNotifierFixture(notifier))), 2)


class BrokenPorts(unittest.TestCase):
    def broken(self, check: Any, *promises: str) -> PromiseBroken:
        with self.assertRaises(PromiseBroken) as caught:
            check()
        for promise in promises:
            self.assertIn(promise, caught.exception.broken)
            self.assertIn(promise, str(caught.exception))
        return caught.exception

    def test_a_key_store_that_retries_a_mint_is_named_by_its_promise(self) -> None:
        class Retrying(PlainKeyStore):
            def create_version(self, mint: types.VersionMint) -> Reply[types.KeyVersion]:
                try:
                    return super().create_version(mint)
                except keywheel.KeywheelError:
                    return super().create_version(mint)

        place = fixture()
        self.broken(lambda: check_key_store(Retrying(place.world), place), "a_mint_is_sent_once")

    def test_a_key_store_that_hides_its_doubt_is_named(self) -> None:
        class Sure(PlainKeyStore):
            def create_version(self, mint: types.VersionMint) -> Reply[types.KeyVersion]:
                try:
                    return super().create_version(mint)
                except keywheel.KeywheelError as error:
                    raise keywheel.KeywheelError("no", kind=error.kind, landed="no") from None

        place = fixture()
        self.broken(lambda: check_key_store(Sure(place.world), place), "a_lost_answer_says_maybe")

    def test_a_catalog_that_shows_its_first_page_only_is_named(self) -> None:
        class Short(PlainCatalog):
            def dependents(self, selector: types.Selector, region: str, cursor: str | None) -> Reply[types.CatalogPage]:
                page = super().dependents(selector, region, cursor)
                return Reply(types.CatalogPage(candidates=page.value.candidates, coverage=page.value.coverage))

        world = World(profile="instant")
        place = WorldCatalogFixture(world, lambda: Short(world))
        self.broken(lambda: check_catalog(place), "every_pass_ends_with_coverage")

    def test_a_re_keyer_that_ignores_etags_is_named(self) -> None:
        class Blind(PlainReKeyer):
            def begin(self, step: types.StepRequest) -> Reply[types.Begun | types.BegunWorking]:
                seen = self.observe(step.dependent)
                fresh = types.StepRequest(dependent=step.dependent, step=step.step, key=step.key, if_match=seen.etag)
                return super().begin(fresh)

        for kind in (types.Kind.BUCKET, types.Kind.BLOCK_VOLUME):
            place = fixture(kind)
            self.broken(lambda: check_rekeyer(Blind(place.world), place), "a_stale_etag_changes_nothing")  # noqa: B023

    def test_a_sink_that_takes_a_fork_is_named(self) -> None:
        class Gullible(ListSink):
            def record(self, entries: list[types.AuditEntry]) -> Reply[None]:
                self.storage.extend(entries)
                return Reply(None)

        self.broken(lambda: check_audit_sink(ListSinkFixture(Gullible)), "a_fork_is_refused")

    def test_a_notifier_that_drops_the_dedupe_key_is_named(self) -> None:
        class Terse(ListNotifier):
            def notify(self, notice: types.Notice) -> Reply[str]:
                self.accepted.append(notice.title)
                return Reply("x")

        notifier = Terse()
        error = self.broken(
            lambda: check_notifier(notifier, ListNotifierFixture(notifier)),
            "a_notice_carries_its_dedupe_key",
            "ok_means_accepted",
        )
        self.assertEqual(len(error.broken), 2)

    def test_a_fixture_that_fails_is_not_taken_for_a_port_that_does(self) -> None:
        class Empty(WorldFixture):
            def new_key(self) -> str:
                raise LookupError("no keys left")

        place = Empty(World(profile="instant"))
        error = self.broken(lambda: check_key_store(PlainKeyStore(place.world), place), "a_mint_is_sent_once")
        self.assertIn("the fixture failed, not the port", error.broken["a_mint_is_sent_once"])

    def test_what_is_no_port_is_refused_at_once(self) -> None:
        something: Any = object()
        with self.assertRaises(TypeError) as caught:
            World().rotator(notifiers=[something])
        self.assertIn("keywheel.ports.Notifier", str(caught.exception))
        self.assertTrue(issubclass(ListNotifier, Notifier))


class InDoubt(unittest.TestCase):
    def lab(self) -> tuple[World, str]:
        world = World()
        key = world.add_key()
        for number in range(3):
            world.add_bucket(f"bucket-{number}", key=key)
        return world, key

    def test_a_key_store_that_raises_after_creating_a_version_is_settled_without_a_second_one(self) -> None:
        class Raising(PlainKeyStore):
            calls = 0

            def create_version(self, mint: types.VersionMint) -> Reply[types.KeyVersion]:
                Raising.calls += 1
                super().create_version(mint)
                raise ConnectionError("the line went dead")

        for form in BOTH:
            Raising.calls = 0
            world, key = self.lab()
            rotated = world.rotator(key_store=form(Raising)(world)).rotate(key)
            assert isinstance(rotated, types.RotatedCompleted), rotated
            self.assertEqual((Raising.calls, world.minted_by_us(key)), (1, 1))
            self.assertEqual((rotated.census.ours, rotated.census.presumed), (0, 1))

    def test_nonsense_is_foreign_with_a_reason_and_the_rotation_can_be_resumed(self) -> None:
        something: Any = {"id": 7}

        class Babbling(PlainKeyStore):
            def create_version(self, mint: types.VersionMint) -> Reply[types.KeyVersion]:
                super().create_version(mint)
                return Reply(something)

            def list_versions(self, key: str, cursor: str | None) -> Any:
                return "versions" if self.is_babbling else super().list_versions(key, cursor)

            is_babbling = False

        world, key = self.lab()
        store = Babbling(world)
        store.is_babbling = True
        with self.assertRaises(keywheel.KeywheelError) as caught:
            world.rotator(key_store=store).rotate(key)
        self.assertEqual(caught.exception.kind, keywheel.ErrorKind.FOREIGN)
        self.assertIn("list_versions must return a Reply, not str", str(caught.exception))
        store.is_babbling = False
        rotated = world.rotator(key_store=store).rotate(key)
        self.assertIsInstance(rotated, types.RotatedCompleted, rotated)
        self.assertEqual(world.minted_by_us(key), 1)

    def test_a_re_keyer_that_raises_is_asked_again_and_loses_nobody(self) -> None:
        class Shaky(PlainReKeyer):
            calls = 0

            def begin(self, step: types.StepRequest) -> Reply[types.Begun | types.BegunWorking]:
                Shaky.calls += 1
                begun = super().begin(step)
                if Shaky.calls % 2:
                    raise OSError("reset by peer")
                return begun

        world, key = self.lab()
        rotated = world.rotator(rekeyer=Shaky(world)).rotate(key)
        assert isinstance(rotated, types.RotatedCompleted), rotated
        self.assertEqual(rotated.verdict, types.Verdict.CLEAN, rotated)
        self.assertGreater(Shaky.calls, 0)

    def test_facts_reach_a_sink_of_ones_own(self) -> None:
        world, key = self.lab()
        storage: list[types.AuditEntry] = []
        rotator = world.rotator(audit_sinks=[ListSink(storage)])
        rotator.rotate(key)
        (summary,) = rotator.history()
        facts = rotator.facts(summary.rotation)
        own = [entry.text for entry in storage if entry.stream == f"r/{summary.rotation}"]
        self.assertEqual(own, facts)


if __name__ == "__main__":
    unittest.main()

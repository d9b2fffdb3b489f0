"""World from Python: rotations in no time, faults, and ports written here."""

import asyncio
import unittest
from datetime import timedelta

import keywheel
from keywheel import types
from keywheel.ports import Answer, KeyStore, Notifier, Reply
from keywheel.testing import Fault, World


def lab(buckets: int = 6) -> tuple[World, str, list[str]]:
    world = World()
    key = world.add_key()
    return world, key, [world.add_bucket(f"bucket-{n}", key=key) for n in range(buckets)]


class Rotating(unittest.TestCase):
    def test_a_rotation_takes_no_time_and_moves_everything(self) -> None:
        world, key, buckets = lab()
        before, rotator = world.now, world.rotator()
        self.assertEqual([row.due.state for row in rotator.due()], [types.DueState.DUE])
        rotated = rotator.rotate(key)
        assert isinstance(rotated, types.RotatedCompleted)
        self.assertEqual((rotated.verdict, world.minted_by_us(key)), (types.Verdict.CLEAN, 1))
        current = world.current_version(key)
        on = [wrapping and wrapping.version for wrapping in map(world.wrapping, buckets)]
        self.assertEqual(on, [current] * len(buckets))
        self.assertGreater(world.now, before)
        self.assertIsInstance(world.rotator().rotate(key), types.RotatedNotDue)

    def test_months_pass_and_it_is_due_again(self) -> None:
        world, key, _ = lab(1)
        world.rotator().rotate(key)
        world.advance(timedelta(days=91))
        (row,) = world.rotator().rotate_due()
        self.assertEqual((row.key, row.error), (key, None))
        self.assertEqual(world.minted_by_us(key), 2)

    def test_settings_reach_the_rotator_and_unknown_ones_are_named(self) -> None:
        world, key, _ = lab(1)
        settings = {"policy": {"cryptoperiod": timedelta(days=365)}}
        self.assertIsInstance(world.rotator(settings=settings).rotate(key), types.RotatedNotDue)
        with self.assertRaises(keywheel.KeywheelError) as caught:
            world.rotator(settings={"policy": {"cryptoperoid": timedelta(days=1)}})
        self.assertIn("cryptoperoid", str(caught.exception))
        with self.assertRaises(keywheel.KeywheelError) as caught:
            World(settings={"flip_dealy": timedelta(seconds=1)})
        self.assertIn("flip_dealy", str(caught.exception))

    def test_a_lost_answer_is_settled_without_a_second_version(self) -> None:
        world, key, _ = lab()
        world.faults(Fault.lose_answer("create_version", 1))
        rotated = world.rotator().rotate(key)
        assert isinstance(rotated, types.RotatedCompleted)
        self.assertEqual((world.struck(), world.minted_by_us(key)), ([1], 1))
        self.assertEqual((rotated.census.ours, rotated.census.presumed), (0, 1))

    def test_two_rotators_beside_each_other_make_one_version(self) -> None:
        world, key, _ = lab()

        async def main() -> list[keywheel.Rotated | BaseException]:
            rotators = [world.aio_rotator() for _ in range(3)]
            return await asyncio.gather(*(rotator.rotate(key) for rotator in rotators), return_exceptions=True)

        ends = asyncio.run(main())
        self.assertTrue(any(isinstance(end, types.RotatedCompleted) for end in ends), ends)
        self.assertEqual(world.minted_by_us(key), 1)

    def test_volumes_move_to_a_successor_first(self) -> None:
        world, key, buckets = lab(2)
        volume = world.add_volume("data", key=key)
        backup = world.add_backup(volume, "backup")
        rotated = world.rotator().rotate(key)
        assert isinstance(rotated, types.RotatedCompleted), rotated
        for resource in (volume, backup):
            wrapping = world.wrapping(resource)
            assert wrapping is not None
            self.assertNotEqual(wrapping.key, key)
        self.assertEqual({w.key for w in map(world.wrapping, buckets) if w}, {key})


class Interrupting(unittest.TestCase):
    def test_a_rotator_that_is_cancelled_is_followed_by_another(self) -> None:
        world, key, buckets = lab()

        class Stuck(KeyStore):
            """Sees everything and never answers a mint, though it sends it."""

            promises = world.key_store.promises
            list_vaults, describe_vault = world.key_store.list_vaults, world.key_store.describe_vault
            list_keys, describe_key = world.key_store.list_keys, world.key_store.describe_key
            list_versions, replication = world.key_store.list_versions, world.key_store.replication
            usage, set_tags, create_key = world.key_store.usage, world.key_store.set_tags, world.key_store.create_key

            async def create_version(self, mint: types.VersionMint) -> Reply[types.KeyVersion]:
                world.key_store.create_version(mint)
                await asyncio.sleep(3600)
                raise AssertionError("nobody waits that long")

        async def main() -> None:
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(world.aio_rotator(key_store=Stuck()).rotate(key), 1)
            rotated = await world.aio_rotator().recover()
            self.assertIsInstance(rotated[0].rotated, types.RotatedCompleted, rotated)

        asyncio.run(main())
        self.assertEqual(world.minted_by_us(key), 1)


class Telling(unittest.TestCase):
    def test_notices_reach_a_notifier_of_ones_own(self) -> None:
        world, key, _ = lab(2)
        told: list[types.Notice] = []

        class Mine(Notifier):
            def name(self) -> str:
                return "mine"

            def notify(self, notice: types.Notice) -> Answer[str]:
                told.append(notice)
                return Reply(f"notice-{len(told)}")

        world.rotator(notifiers=[Mine()]).rotate(key)
        self.assertTrue(told)
        self.assertTrue(all(notice.dedupe_key and notice.rotation for notice in told))


if __name__ == "__main__":
    unittest.main()

"""A rotation from Python, from due to report, over HTTP against the emulator.

Needs the installed wheel and `KEYWHEEL_LAB`, a lab build of the `keywheel` program; `make test` sets it.
"""

import pathlib
import tempfile
import threading
import unittest

import keywheel

from lab import LAB, NO_LAB, emulator

BUCKETS = 6


class WithoutEmulator(unittest.TestCase):
    def test_a_config_that_is_not_there_is_a_keywheel_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(keywheel.KeywheelError) as caught:
                keywheel.Rotator(pathlib.Path(folder) / "keywheel.toml")
        self.assertEqual((caught.exception.kind, caught.exception.landed), ("config", "no"))
        self.assertIn("keywheel.toml", str(caught.exception))


@unittest.skipUnless(LAB, NO_LAB)
class Rotation(unittest.TestCase):
    def setUp(self) -> None:
        lab = emulator(BUCKETS)
        self.lab = lab.__enter__()
        self.addCleanup(lab.__exit__, None, None, None)

    def test_a_key_is_rotated_reported_and_not_due_again(self) -> None:
        rotator, key = keywheel.Rotator(self.lab["keywheel_config"]), self.lab["key"]
        due = rotator.due()
        self.assertEqual([(row.key, row.due.state) for row in due], [(key, "due")])
        plan = rotator.plan(key)
        self.assertEqual((plan.dependents, plan.refusal), ({"bucket": BUCKETS}, None))
        self.assertEqual(rotator.list(), [])

        # In a thread: a second call goes through the same rotator while the first one waits.
        results: list[object] = []
        thread = threading.Thread(target=lambda: results.append(rotator.rotate(key)))
        thread.start()
        while thread.is_alive() and not rotator.history():
            pass
        thread.join()

        (rotated,) = results
        assert isinstance(rotated, keywheel.types.RotatedCompleted)
        self.assertEqual((rotated.rotated, rotated.verdict), ("completed", "clean"))
        self.assertEqual(rotated.census, keywheel.types.Census(ours=1, presumed=0, others=0))
        (summary,) = rotator.history(key)
        report = rotator.status(summary.rotation[:8])
        self.assertEqual(report.chain_head, rotated.chain_head)
        self.assertTrue(report.is_test)
        outcomes = [row.outcome for row in rotator.dependents(summary.rotation)]
        self.assertEqual([outcome and outcome.outcome for outcome in outcomes], ["rekeyed"] * BUCKETS)
        self.assertGreater(rotator.verify_journal(), BUCKETS)

        self.assertEqual(rotator.rotate(key).rotated, "not_due")
        self.assertEqual(rotator.rotate_due(), [])

    def test_doctor_names_every_assumption_and_mints_only_on_a_throw_away_key(self) -> None:
        rotator = keywheel.Rotator(self.lab["keywheel_config"])
        checkup = rotator.doctor()
        sections = {section.name: section.checks for section in checkup.sections}
        self.assertEqual(list(sections), ["assumptions", "connectivity", "permissions", "over-broad rights"])
        verdicts = {check.id: check.verdict for check in sections["assumptions"]}
        self.assertEqual(list(verdicts), ["A1", "A2", "A3", "A4", "A5", "A6", "A7"])
        self.assertEqual((verdicts["A1"], verdicts["A4"], verdicts["A7"]), ("unknown", "holds", "ours"))
        self.assertTrue(checkup.is_test)
        self.assertIn("seen_working", {check.verdict for check in sections["permissions"]})
        theirs = rotator.doctor(subject="dynamic-group rotator").sections[2].checks
        self.assertTrue(any("dynamic-group rotator" in (check.do_next or "") for check in theirs))
        with self.assertRaises(keywheel.KeywheelError) as caught:
            rotator.doctor(subject="rotator")
        self.assertEqual(caught.exception.kind, "config")
        with self.assertRaises(keywheel.KeywheelError) as caught:
            rotator.doctor(live=self.lab["key"])
        self.assertEqual((caught.exception.kind, caught.exception.landed), ("refused", "no"))
        live = rotator.doctor(live=self.lab["throw_away_key"])
        tested = [check.verdict for check in live.sections[0].checks if check.id != "A7"]
        self.assertEqual(tested, ["holds"] * 6, live)

    def test_a_refusal_arrives_with_kind_and_landed(self) -> None:
        rotator = keywheel.Rotator(self.lab["keywheel_config"])
        with self.assertRaises(keywheel.KeywheelError) as caught:
            rotator.plan("my key")
        self.assertEqual((caught.exception.kind, caught.exception.landed), ("refused", "no"))
        with self.assertRaises(keywheel.KeywheelError) as caught:
            rotator.status("zzzzzzzz")
        self.assertEqual(caught.exception.kind, "not_found")


if __name__ == "__main__":
    unittest.main()

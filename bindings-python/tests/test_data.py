"""Data: frozen, typed, documented; and what is said to whoever hands over something else."""

import dataclasses
import pathlib
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any

import keywheel
import keywheel.aio
from keywheel import types
from keywheel._data import decode, encode

AT = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=timezone.utc)
COVERAGE = {"region": "us-ashburn-1", "state": "denied"}
SUMMARY: dict[str, Any] = {
    "rotation": "nk57gn45hj4rwffz", "key": "ocid1.key.oc1.iad.v.k", "superseded": "ocid1.keyversion.oc1.iad.v.k",
    "is_sweep": False, "target": None, "phase": "completed", "paused": None, "opened_at": "2026-11-22T12:00:00.25Z",
    "closed_at": None, "dependents": 1,
    "counts": {"bucket": {"outcomes": {"rekeyed": 1}, "grades": {"change-seen": 1}}},
}  # fmt: skip
REPORT: dict[str, Any] = {
    "summary": SUMMARY, "verdict": "clean", "census": {"ours": 1, "presumed": 0, "others": 0}, "coverage": [COVERAGE],
    "findings": [{"kind": "empty", "subject": "x", "text": "y"}], "chain_head": "00", "is_test": True,
}  # fmt: skip


class Reading(unittest.TestCase):
    def test_a_completed_rotation_is_a_report_with_instants_words_and_counts(self) -> None:
        rotated = decode(types.Rotated, {"rotated": "completed", **REPORT})
        assert isinstance(rotated, types.RotatedCompleted) and isinstance(rotated, types.Report)
        self.assertEqual((rotated.rotated, rotated.verdict), ("completed", types.Verdict.CLEAN))
        self.assertEqual(rotated.summary.opened_at, AT)
        self.assertEqual(rotated.summary.counts["bucket"].grades, {"change-seen": 1})
        self.assertEqual(rotated.coverage[0].state, types.CoverageState.DENIED)
        self.assertIsNone(rotated.coverage[0].kind)
        with self.assertRaises(dataclasses.FrozenInstanceError):
            setattr(rotated, "is_test", False)

    def test_words_and_words_with_data_are_told_apart(self) -> None:
        def read(value: Any) -> object:
            return decode(types.Due, {"state": value, "why": "so"}).state

        self.assertIs(read("due"), types.DueState.DUE)
        self.assertEqual(read({"open": "nk57gn45hj4rwffz"}), types.DueStateOpen(open="nk57gn45hj4rwffz"))
        held = decode(types.LastHeld | types.LastHeldEntry, {"entry": {"seq": 3, "id": "ab"}})
        self.assertEqual(held, types.LastHeldEntry(seq=3, id="ab"))

    def test_what_is_read_is_written_the_same(self) -> None:
        for hint, value in [
            (types.LastHeld | types.LastHeldEntry, {"entry": {"seq": 3, "id": "ab"}}),
            (types.Begun | types.BegunWorking, {"working": "wr1"}),
            (types.Begun | types.BegunWorking, "done"),
        ]:
            self.assertEqual(encode(decode(hint, value)), value)
        # The model may know more fields than are written here; those have their defaults.
        report = decode(types.Report, REPORT)
        written = encode(report)
        self.assertEqual(decode(types.Report, written), report)
        self.assertEqual(written["summary"]["opened_at"], "2026-11-22T12:00:00.250000Z")
        self.assertEqual(written["findings"], REPORT["findings"])
        self.assertEqual(encode(timedelta(minutes=1, milliseconds=5)), {"secs": 60, "nanos": 5_000_000})

    def test_a_kind_that_nobody_listed_is_a_kind_all_the_same(self) -> None:
        kind = types.Kind("okecluster")
        self.assertEqual((kind, kind.value, isinstance(kind, types.Kind)), ("okecluster", "okecluster", True))

    def test_every_class_and_most_fields_say_what_they_mean(self) -> None:
        for name in types.__all__:
            thing = getattr(types, name)
            if isinstance(thing, type) and thing is not str:
                self.assertTrue(thing.__doc__ and len(thing.__doc__) > 7, name)


class Refusing(unittest.TestCase):
    def refused(self, call: Any, *pieces: str) -> None:
        with self.assertRaises(TypeError) as caught:
            call()
        for piece in pieces:
            self.assertIn(piece, str(caught.exception))

    def test_a_field_of_the_wrong_type_is_named(self) -> None:
        nothing: Any = None
        self.refused(lambda: types.Census(ours=nothing, presumed=0, others=0), "Census.ours", "int", "NoneType")
        self.refused(lambda: types.Finding(kind="nonsense", subject="x", text="y"), "Finding.kind", "'empty'")  # type: ignore[arg-type]
        self.refused(lambda: types.Due(state=types.DueState.DUE, why="", next=datetime(2026, 1, 1)), "Due.next", "aware")
        self.refused(lambda: types.Tags(freeform={"a": 1}), "Tags.freeform['a']", "str", "int")  # type: ignore[dict-item]
        self.refused(lambda: types.Census(ours=True, presumed=0, others=0), "Census.ours", "bool")

    def test_a_word_may_be_written_as_a_string(self) -> None:
        finding = types.Finding(kind="empty", subject="x", text="y")  # type: ignore[arg-type]
        self.assertIs(finding.kind, types.FindingKind.EMPTY)

    def test_an_argument_of_the_wrong_type_is_named_before_anything_is_asked(self) -> None:
        number: Any = 7
        self.refused(lambda: keywheel.Rotator(number), "config", "int")
        with tempfile.TemporaryDirectory() as folder:
            rotator = keywheel.aio.Rotator(pathlib.Path(folder) / "keywheel.toml")
            self.refused(lambda: rotator.rotate(number).send(None), "key", "str", "int")
            self.refused(lambda: rotator.run_for("x", "1m").send(None), "duration", "timedelta")  # type: ignore[arg-type]
            self.refused(lambda: rotator.cancel("x", datetime(2027, 1, 1)).send(None), "until", "aware")
            self.refused(lambda: rotator.start("k", request_id="x").send(None), "now=True")
        self.refused(lambda: keywheel.verify_stream(["{}", 7]), "lines[1]", "int")  # type: ignore[list-item]

    def test_a_config_key_that_nobody_knows_is_answered_with_the_nearest(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "keywheel.toml"
            config.write_text('[policy]\ncryptoperoid = "90d"\n[jurnal]\npath = "x"\n')
            with self.assertRaises(keywheel.KeywheelError) as caught:
                keywheel.Rotator(config)
        self.assertEqual(caught.exception.kind, "config")
        self.assertIn('policy.cryptoperoid: there is no such key; did you mean "cryptoperiod"?', str(caught.exception))
        self.assertIn('did you mean "journal"?', str(caught.exception))


if __name__ == "__main__":
    unittest.main()

"""What the Python package promises. Needs the installed wheel and nothing else."""

import hashlib
import json
import pickle
import sys
import threading
import time
import unittest

import keywheel
from keywheel import _keywheel

GENESIS = "0" * 64


def sealed(count: int) -> list[str]:
    """Lines as keywheel seals them, made by a second hand: canonical JSON whose hash is taken without `hash`."""
    lines, prev = [], GENESIS
    for seq in range(count):
        entry = {
            "actor": "tester", "at": "2026-11-22T12:00:00Z", "body": {"n": seq}, "epoch": 0, "fact": "noted",
            "must": False, "nonce": "07" * 16, "prev": prev, "runner": "r1", "seq": seq, "stream": "meta", "v": 1,
        }  # fmt: skip
        prev = hashlib.sha256(canonical(entry)).hexdigest()
        lines.append(canonical({**entry, "hash": prev}).decode())
    return lines


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Package(unittest.TestCase):
    def test_the_version_is_the_crates(self) -> None:
        self.assertRegex(keywheel.version(), r"^\d+\.\d+\.\d+")
        self.assertEqual(keywheel.__version__, keywheel.version())

    def test_a_whole_stream_is_answered_with_its_head(self) -> None:
        lines = sealed(3)
        answer = keywheel.verify_stream(lines)
        self.assertEqual(answer, keywheel.Stream(stream="meta", lines=3, head=json.loads(lines[2])["hash"]))

    def test_a_changed_line_is_corrupt_and_says_where(self) -> None:
        lines = sealed(3)
        lines[1] = lines[1].replace('"n":1', '"n":9')
        with self.assertRaises(keywheel.KeywheelError) as caught:
            keywheel.verify_stream(lines)
        error = caught.exception
        self.assertEqual((error.kind, error.retry, error.landed), ("corrupt", "never", "no"))
        self.assertEqual(error.context["seq"], "1")
        self.assertIn("seq 1", str(error))

    def test_an_error_survives_pickling(self) -> None:
        with self.assertRaises(keywheel.KeywheelError) as caught:
            keywheel.verify_stream(["{}"])
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertIsInstance(again, keywheel.KeywheelError)
        self.assertEqual(again.__dict__, caught.exception.__dict__)
        self.assertEqual(str(again), str(caught.exception))

    def test_one_string_is_not_taken_for_lines(self) -> None:
        with self.assertRaises(TypeError):
            keywheel.verify_stream("\n".join(sealed(2)))

    def test_other_threads_run_while_keywheel_works(self) -> None:
        arguments = json.dumps({"lines": sealed(20_000)})
        ticks, stop = [0], threading.Event()

        def tick() -> None:
            while not stop.is_set():
                ticks[0] += 1
                time.sleep(0)  # gives the GIL back, which the interval below would keep

        thread = threading.Thread(target=tick)
        # With this interval nobody takes the GIL from a thread that does not offer it: ticks during the call
        # mean that the call did.
        interval = sys.getswitchinterval()
        sys.setswitchinterval(60)
        try:
            thread.start()
            before = ticks[0]
            went_well, _ = _keywheel.call("verify_stream", arguments)
            during = ticks[0] - before
        finally:
            stop.set()
            sys.setswitchinterval(interval)
            thread.join()
        self.assertTrue(went_well)
        self.assertGreater(during, 0)


if __name__ == "__main__":
    unittest.main()

"""How a process may end, wait and fork around keywheel: each ending in a process of its own, its exit code and the
journal that it leaves looked at."""

import asyncio
import os
import signal
import subprocess
import threading
import time
import unittest
from typing import Any

import keywheel
import keywheel.aio

from lab import LAB, NO_LAB, emulator, finish, is_under_way, program, until

BUCKETS = 6


def ended(child: "subprocess.Popen[str]", within: float = 30, text: str | None = None) -> tuple[int, str, str]:
    """Exit code and output of a child that must end by itself."""
    try:
        out, err = child.communicate(text, timeout=within)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError(f"it did not end: {out}\n{err}") from None
    return child.returncode, out, err


@unittest.skipUnless(LAB, NO_LAB)
class Endings(unittest.TestCase):
    def setUp(self) -> None:
        lab = emulator(BUCKETS)
        self.lab: dict[str, Any] = lab.__enter__()
        self.addCleanup(lab.__exit__, None, None, None)

    def begin(self, text: str) -> "subprocess.Popen[str]":
        """Starts a program and waits until its rotation has intended to mint."""
        child = program(text, self.lab["keywheel_config"], self.lab["key"])
        self.addCleanup(child.kill)
        until(lambda: child.poll() is not None or is_under_way(self.lab))
        if child.poll() is not None:
            self.fail(f"it ended too early: {child.communicate()}")
        return child

    def test_ctrl_c_ends_a_blocked_call_and_the_rotation_goes_on_elsewhere(self) -> None:
        child = self.begin("""
            import keywheel, sys
            rotator = keywheel.Rotator(sys.argv[1])
            try:
                rotator.rotate(sys.argv[2])
            except KeyboardInterrupt:
                print("interrupted; open:", len(rotator.list()))
                sys.exit(7)
        """)
        child.send_signal(signal.SIGINT)
        code, out, err = ended(child)
        self.assertEqual((code, out.strip()), (7, "interrupted; open: 1"), err)
        finish(self.lab, BUCKETS)

    def test_ctrl_c_ends_an_awaited_call_as_asyncio_has_it(self) -> None:
        child = self.begin("""
            import asyncio, keywheel.aio, sys
            async def main():
                async with keywheel.aio.Rotator(sys.argv[1]) as rotator:
                    await rotator.rotate(sys.argv[2])
            try:
                asyncio.run(main())
            except KeyboardInterrupt:
                sys.exit(8)
        """)
        child.send_signal(signal.SIGINT)
        code, out, err = ended(child)
        self.assertEqual(code, 8, err)
        finish(self.lab, BUCKETS)

    def test_wait_for_cancels_and_the_next_call_goes_on(self) -> None:
        async def main() -> None:
            async with keywheel.aio.Rotator(self.lab["keywheel_config"]) as rotator:
                before = time.monotonic()
                with self.assertRaises(TimeoutError):
                    await asyncio.wait_for(rotator.rotate(self.lab["key"]), 2.5)
                self.assertLess(time.monotonic() - before, 3.5)
                (summary,) = await rotator.list()
                self.assertIsNone(summary.closed_at)
                facts = await rotator.facts(summary.rotation)
                await asyncio.sleep(1)
                self.assertEqual(await rotator.facts(summary.rotation), facts, "what was cancelled went on")

        asyncio.run(main())
        finish(self.lab, BUCKETS)

    def test_the_interpreter_ends_while_a_daemon_thread_rotates(self) -> None:
        child = self.begin("""
            import keywheel, sys, threading
            rotator = keywheel.Rotator(sys.argv[1])
            threading.Thread(target=rotator.rotate, args=[sys.argv[2]], daemon=True).start()
            sys.stdin.readline()
            print("the end")
        """)
        code, out, err = ended(child, text="go on\n")
        self.assertEqual((code, out.strip(), err), (0, "the end", ""))
        finish(self.lab, BUCKETS)

    def test_the_interpreter_ends_in_the_middle_of_an_awaited_call(self) -> None:
        child = program(
            """
            import asyncio, keywheel.aio, sys
            async def main():
                rotator = keywheel.aio.Rotator(sys.argv[1])
                rotation = asyncio.ensure_future(rotator.rotate(sys.argv[2]))
                while not [row for row in await rotator.list() if row.phase not in ("opened", "checked")]:
                    await asyncio.sleep(0.05)
            loop = asyncio.new_event_loop()
            loop.run_until_complete(main())  # and the rotation is left as it is: neither awaited nor cancelled
            print("the end")
            """,
            self.lab["keywheel_config"],
            self.lab["key"],
        )
        code, out, err = ended(child)
        self.assertEqual((code, out.strip()), (0, "the end"), err)
        self.assertNotIn("panicked", err)
        finish(self.lab, BUCKETS)

    def test_a_forked_child_is_told_and_may_make_its_own(self) -> None:
        child = program(
            """
            import keywheel, os, sys
            rotator = keywheel.Rotator(sys.argv[1])
            rotator.list()
            child = os.fork()
            if child == 0:
                try:
                    rotator.list()
                except keywheel.KeywheelError as error:
                    print(error.kind, error.landed, "spawn" in str(error), flush=True)
                with keywheel.Rotator(sys.argv[1]) as own:
                    print(own.rotate(sys.argv[2]).rotated, flush=True)
                sys.exit(9)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print("child:", code, "parent sees:", len(rotator.history()))
            """,
            self.lab["keywheel_config"],
            self.lab["key"],
        )
        code, out, err = ended(child, 60)
        self.assertEqual(code, 0, err)
        self.assertEqual(out.splitlines(), ["refused no True", "completed", "child: 9 parent sees: 1"], err)


@unittest.skipUnless(LAB, NO_LAB)
class Waiting(unittest.TestCase):
    def test_a_blocking_call_works_inside_a_running_loop_and_an_awaited_one_blocks_nobody(self) -> None:
        async def main(lab: dict[str, Any]) -> None:
            blocking = keywheel.Rotator(lab["keywheel_config"])
            self.assertEqual(blocking.due()[0].due.state, "due")
            awaiting, events = keywheel.aio.Rotator(lab["keywheel_config"]), list[keywheel.Progress]()
            rotation = asyncio.ensure_future(awaiting.rotate(lab["key"], on_progress=events.append))
            ticks, longest, last = 0, 0.0, time.monotonic()
            while not rotation.done():
                await asyncio.sleep(0.01)
                now = time.monotonic()
                ticks, longest, last = ticks + 1, max(longest, now - last), now
            self.assertEqual((await rotation).rotated, "completed")
            self.assertGreater(ticks, 50)
            self.assertIn("fact", {event.event for event in events})
            self.assertEqual((await awaiting.rotate(lab["key"])).rotated, "not_due")

        with emulator(BUCKETS) as lab:
            asyncio.run(main(lab))

    def test_a_rotator_outlives_its_loop(self) -> None:
        with emulator(1) as lab:
            rotator = keywheel.aio.Rotator(lab["keywheel_config"])
            self.assertEqual([asyncio.run(rotator.list()) for _ in range(2)], [[], []])
            rotator.close()
            with self.assertRaises(ValueError):
                asyncio.run(rotator.list())

    def test_progress_is_told_in_the_thread_that_called(self) -> None:
        with emulator(2) as lab, keywheel.Rotator(lab["keywheel_config"]) as rotator:
            threads = set[int]()
            rotated = rotator.rotate(lab["key"], on_progress=lambda event: threads.add(threading.get_ident()))
            self.assertEqual((rotated.rotated, threads), ("completed", {threading.get_ident()}))

    def test_a_listener_that_fails_ends_the_call_and_loses_nothing(self) -> None:
        def refuse(event: keywheel.Progress) -> None:
            raise LookupError("a listener of mine")

        with emulator(2) as lab:
            with keywheel.Rotator(lab["keywheel_config"]) as rotator, self.assertRaises(LookupError):
                rotator.rotate(lab["key"], on_progress=refuse)
            finish(lab, 2)


if __name__ == "__main__":
    unittest.main()

"""What the tests share: the emulator as a child process, and programs that run in one of their own."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import keywheel

LAB = os.environ.get("KEYWHEEL_LAB")
NO_LAB = "KEYWHEEL_LAB names no lab build of keywheel: cargo build -p keywheel-cli --features lab"


@contextlib.contextmanager
def emulator(buckets: int = 6) -> Iterator[dict[str, Any]]:
    """A running emulator, and what it said of itself."""
    assert LAB is not None
    with tempfile.TemporaryDirectory() as folder:
        emulate = [LAB, "--json", "emulate", "--dir", folder, "--buckets", str(buckets), "--for", "5m"]
        with subprocess.Popen(emulate, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout is not None
                yield json.loads(child.stdout.readline())
            finally:
                child.kill()


def program(text: str, *arguments: str) -> subprocess.Popen[str]:
    """Starts a Python program of its own."""
    command = [sys.executable, "-c", textwrap.dedent(text), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def until(question: Any, within: float = 60) -> None:
    """Asks again until the answer is yes."""
    end = time.monotonic() + within
    while not question():
        if time.monotonic() > end:
            raise AssertionError(f"nothing came of it within {within} s")
        time.sleep(0.05)


def is_under_way(lab: dict[str, Any]) -> bool:
    """Whether the journal holds an open rotation that has intended its mint."""
    with keywheel.Rotator(lab["keywheel_config"]) as watcher:
        return any(row.phase not in ("opened", "checked") for row in watcher.list())


def finish(lab: dict[str, Any], buckets: int) -> None:
    """Whoever was killed, the journal goes on: one version, every bucket moved, every line whole."""
    with keywheel.Rotator(lab["keywheel_config"]) as rotator:
        (summary,) = rotator.history(lab["key"])
        end = time.monotonic() + 60
        while True:
            try:
                rotated = rotator.resume(summary.rotation)
                break
            except keywheel.KeywheelError as error:
                # Whoever died still holds the claim, for some seconds.
                if error.kind != "conflict" or time.monotonic() > end:
                    raise
                time.sleep(0.2)
        assert rotated.rotated == "completed", rotated
        census = rotated.census
        assert census.ours + census.presumed == 1 and census.others == 0, census
        outcomes = [row.outcome for row in rotator.dependents(summary.rotation)]
        assert [outcome and outcome.outcome for outcome in outcomes] == ["rekeyed"] * buckets, outcomes
        assert rotator.verify_journal() > buckets

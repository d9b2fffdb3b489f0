"""What a call from Python costs: ratios taken in one run, no asserted times.

1. An awaited call of keywheel against an awaited no-op of PyO3's own ways (pyo3-async-runtimes), one after the other in
   turns. The no-op is built here first, from `noop/`; that needs cargo and maturin.
2. How fast a second Python thread runs while a rotation runs, against how fast it runs alone: in memory, and over HTTP
   against the emulator if `keywheel[lab]` is installed.

    python bindings-python/bench/overhead.py
"""

import asyncio
import importlib
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from keywheel import Rotator
from keywheel.testing import LabMissing, World, emulator

HERE = pathlib.Path(__file__).parent
CALLS, ROUNDS = 2_000, 7


def built(folder: str) -> Any:
    """The no-op, built in the profile of the wheel that it is compared with: release, unless the first argument says so."""
    profile = sys.argv[1] if len(sys.argv) > 1 else "release"
    command = [sys.executable, "-m", "maturin", "build", "--profile", profile, "--compatibility", "linux"]
    command += ["--manifest-path", str(HERE / "noop" / "Cargo.toml"), "--target-dir", f"{folder}/target", "--out", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", f"{folder}/site", str(wheel)], check=True)
    sys.path.insert(0, f"{folder}/site")
    return importlib.import_module("keywheel_noop")


async def microseconds(call: Callable[[], Awaitable[object]]) -> float:
    """What one awaited call costs."""
    start = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - start) / CALLS * 1e6


async def awaited(noop: Any) -> None:
    rotator = World().aio_rotator()
    await rotator.list()
    await noop.noop()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(await microseconds(noop.noop))
        ours.append(await microseconds(rotator.list))
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"awaited list() {a:6.1f} µs   awaited PyO3 no-op {b:6.1f} µs   ratio {a / b:.2f} (target <= 1.5)")


def spins(seconds: float, until: Callable[[], bool] = lambda: False) -> float:
    """Turns of a pure Python loop in a second."""
    turns, start = 0, time.perf_counter()
    while (now := time.perf_counter()) - start < seconds and not until():
        for _ in range(1000):
            turns += 1
    return turns / (now - start)


def beside(what: str, rotate: Callable[[], object]) -> None:
    alone = [spins(0.3) for _ in range(ROUNDS)]
    rotation = threading.Thread(target=rotate)
    rotation.start()
    during = spins(120, lambda: not rotation.is_alive())
    rotation.join()
    print(f"a second thread beside {what}: {during / statistics.median(alone):.1%} of its speed alone (target >= 95 %)")


def in_memory() -> None:
    """The engine and its World compute on every core, so threads share cores here, whoever holds the GIL."""
    world = World(settings={"kms_per_second": None})
    key = world.add_key()
    for number in range(400):
        world.add_bucket(f"bucket-{number}", key=key)
    rotator = world.rotator()
    beside("400 buckets in memory", lambda: rotator.rotate(key))


def over_http() -> None:
    """As in a tenancy: mostly waiting, signing in between."""
    with emulator(buckets=100) as lab, Rotator(lab.config_file) as rotator:
        beside("100 buckets over HTTP", lambda: rotator.rotate(lab.key))


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, {CALLS} calls, {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(awaited(built(folder)))
    in_memory()
    try:
        over_http()
    except LabMissing as missing:
        print(f"not measured over HTTP: {missing}")


if __name__ == "__main__":
    main()

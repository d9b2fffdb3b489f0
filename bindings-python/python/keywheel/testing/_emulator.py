"""An OCI of one's own behind its wire formats: the lab program, as a child process."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from .._data import Data

PROGRAM = "keywheel-lab"


class LabMissing(RuntimeError):
    """The lab program is not installed. It comes in a package of its own: what is shipped has no emulator in it."""

    def __init__(self) -> None:
        super().__init__(f"there is no {PROGRAM} program here; install it with: pip install keywheel[lab]")


@dataclass(frozen=True, kw_only=True)
class Emulated(Data):
    """A running emulator. Nothing in it is real, and nothing of it is left once it stops."""

    oci: dict[str, str]
    """A config for the official SDK: `oci.identity.IdentityClient(lab.oci, service_endpoint=lab.endpoint)`."""
    oci_config_file: str
    """The same as a file, section DEFAULT."""
    config_file: str
    """A `keywheel.toml` for it."""
    endpoint: str
    """Where its home region answers: identity, vaults, search, object and block storage, notifications."""
    endpoints: dict[str, str]
    """The same for every region."""
    vault_endpoint: str
    """Where its vault answers: keys and versions."""
    tenancy: str
    """The tenancy, which is the root compartment."""
    vault: str
    """Its vault."""
    key: str
    """A key that is due, with buckets (and volumes, if asked for) under it."""
    throw_away_key: str
    """A key that protects nothing, for `doctor(live=…)`."""


@contextlib.contextmanager
def emulator(
    *,
    buckets: int = 24,
    volumes: int = 0,
    folder: str | os.PathLike[str] | None = None,
    at_most: timedelta = timedelta(hours=1),
) -> Iterator[Emulated]:
    """Starts an emulator with this many buckets and volumes under one key, and stops it at the end.

    It listens on loopback only. `folder` keeps its files, `keywheel.toml` and journal among them, beyond the end.
    Whatever happens to this process, the emulator ends by itself after `at_most`.
    """
    program = _program()
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{PROGRAM}-", ignore_cleanup_errors=True))
        command = [program, "--json", "emulate", "--dir", os.fspath(folder), "--buckets", str(buckets)]
        command += ["--volumes", str(volumes), "--for", f"{max(1, int(at_most.total_seconds()))}s"]
        child = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(child.kill)
        assert child.stdout is not None
        said = json.loads(child.stdout.readline() or '{"message": "it said nothing"}')
        if "regions" not in said:
            raise RuntimeError(f"the emulator did not start: {said.get('message', said)}")
        yield _emulated(said)


def _program() -> str:
    """The lab program: named by KEYWHEEL_LAB, beside this interpreter, or on the PATH."""
    named = os.environ.get("KEYWHEEL_LAB")
    beside = pathlib.Path(sysconfig.get_path("scripts")) / PROGRAM
    found = named or (str(beside) if beside.exists() else shutil.which(PROGRAM))
    if not found:
        raise LabMissing
    return found


def _emulated(said: dict[str, object]) -> Emulated:
    file, regions = str(said["oci_config"]), said["regions"]
    assert isinstance(regions, dict)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file)
    oci = dict(parser["DEFAULT"])
    return Emulated(
        oci=oci,
        oci_config_file=file,
        config_file=str(said["keywheel_config"]),
        endpoint=str(regions[oci["region"]]),
        endpoints={str(region): str(url) for region, url in regions.items()},
        vault_endpoint=str(said["vault_endpoint"]),
        tenancy=str(said["tenancy"]),
        vault=str(said["vault"]),
        key=str(said["key"]),
        throw_away_key=str(said["throw_away_key"]),
    )

"""For tests of your own automation: a cloud in memory, an emulated one, and the law for ports.

`World` is one deterministic OCI in memory whose time passes by itself; `emulator` is the same behind OCI's wire formats,
for the official SDK. `check_key_store` and its siblings hold a port of yours to the promises of its class. With pytest
the fixtures `keywheel_world` and `keywheel_emulator` are there once the package is installed.
"""

from ._checks import (
    AuditSinkFixture,
    CatalogFixture,
    KeyStoreFixture,
    NotifierFixture,
    PromiseBroken,
    ReKeyerFixture,
    check_audit_sink,
    check_catalog,
    check_key_store,
    check_notifier,
    check_rekeyer,
)
from ._emulator import Emulated, LabMissing, emulator
from ._fixtures import WorldCatalogFixture, WorldFixture
from ._world import Fault, Message, Version, World, Wrapping

__all__ = [
    "AuditSinkFixture",
    "CatalogFixture",
    "Emulated",
    "Fault",
    "KeyStoreFixture",
    "LabMissing",
    "Message",
    "NotifierFixture",
    "PromiseBroken",
    "ReKeyerFixture",
    "Version",
    "World",
    "WorldCatalogFixture",
    "WorldFixture",
    "Wrapping",
    "check_audit_sink",
    "check_catalog",
    "check_key_store",
    "check_notifier",
    "check_rekeyer",
    "emulator",
]

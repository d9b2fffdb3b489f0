"""What stands around the rotator: the command line, log lines, who signs, and one journal driven from two languages."""

import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import unittest
from datetime import timedelta
from typing import Any

import keywheel
from keywheel.testing import Emulated, Fault, LabMissing, World, emulator

from lab import LAB, NO_LAB, finish, is_under_way, program, until


def keywheel_says(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The program as `pip install` puts it there."""
    script = pathlib.Path(sys.executable).parent / "keywheel"
    return subprocess.run([script, *arguments], capture_output=True, text=True, timeout=60)


class CommandLine(unittest.TestCase):
    def test_it_is_the_same_program_and_has_no_lab(self) -> None:
        said = keywheel_says("--version")
        self.assertEqual((said.returncode, said.stdout.strip()), (0, f"keywheel {keywheel.version()}"))
        helped = keywheel_says("--help")
        self.assertIn("Exit codes:", helped.stdout)
        self.assertNotIn("emulate", helped.stdout)
        self.assertEqual(keywheel_says("emulate").returncode, 2)
        self.assertEqual(keywheel_says("due", "--config", "/nowhere/keywheel.toml").returncode, 2)

    @unittest.skipUnless(LAB, NO_LAB)
    def test_it_reads_the_same_tenancy_as_the_library(self) -> None:
        with emulator(buckets=2) as lab:
            said = keywheel_says("--json", "--config", lab.config_file, "due", "--exit-code")
            self.assertEqual(said.returncode, 5, said.stderr)
            self.assertIn(lab.key, said.stdout)

    def test_python_dash_m_is_the_same(self) -> None:
        said = subprocess.run([sys.executable, "-m", "keywheel", "--version"], capture_output=True, text=True)
        self.assertEqual(said.stdout, keywheel_says("--version").stdout)


class Logging(unittest.TestCase):
    def rotate(self) -> None:
        world = World()
        key = world.add_key()
        world.add_bucket("bucket", key=key)
        world.faults(Fault.refuse("create_version", 503, 1))
        world.rotator().rotate(key)

    def test_log_lines_arrive_in_pythons_logging_under_their_own_names(self) -> None:
        with self.assertLogs("keywheel", logging.WARNING) as caught:
            self.rotate()
        self.assertTrue(any("an effect failed" in line and "effect=" in line for line in caught.output), caught.output)
        self.assertTrue(all(record.name.startswith("keywheel.") for record in caught.records))

    def test_what_the_logger_does_not_want_is_not_made(self) -> None:
        logging.getLogger("keywheel").setLevel(logging.CRITICAL)
        try:
            with self.assertNoLogs("keywheel.engine", logging.DEBUG):
                self.rotate()
        finally:
            logging.getLogger("keywheel").setLevel(logging.NOTSET)


@unittest.skipUnless(LAB, NO_LAB)
class Principals(unittest.TestCase):
    def setUp(self) -> None:
        running = emulator(buckets=1)
        self.lab: Emulated = running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        config = pathlib.Path(self.lab.config_file)
        text = config.read_text()
        self.assertIn(self.lab.oci_config_file, text)
        # A config that names nobody: who one is must come from elsewhere.
        self.config = config.with_name("nobody.toml")
        self.config.write_text(text.replace(self.lab.oci_config_file, str(config.with_name("no-such-oci-config"))))

    def is_due(self, **who: Any) -> None:
        with keywheel.Rotator(self.config, **who) as rotator:
            self.assertEqual([row.key for row in rotator.due()], [self.lab.key])

    def test_a_config_dict_of_the_official_sdk(self) -> None:
        with self.assertRaises(keywheel.KeywheelError):
            keywheel.Rotator(self.config)
        self.is_due(oci=self.lab.oci)
        content = pathlib.Path(self.lab.oci["key_file"]).read_text()
        inline = {**self.lab.oci, "key_content": content, "key_file": None, "log_requests": False}
        self.is_due(oci=inline)
        with self.assertRaises(keywheel.KeywheelError) as caught:
            keywheel.Rotator(self.config, oci={"tenancy": "mine", "region": "us-ashburn-1"})
        self.assertEqual(caught.exception.kind, "config")
        self.assertIn("tenancy", str(caught.exception))

    def test_the_name_of_another_profile(self) -> None:
        file = pathlib.Path(self.lab.oci_config_file)
        values = "\n".join(f"{name}={value}" for name, value in self.lab.oci.items())
        file.write_text(f"[DEFAULT]\nregion=eu-frankfurt-1\n[NIGHTLY]\n{values}\n")
        with keywheel.Rotator(self.lab.config_file, oci="NIGHTLY") as rotator:
            self.assertEqual([row.key for row in rotator.due()], [self.lab.key])
        with self.assertRaises(keywheel.KeywheelError) as caught:
            keywheel.Rotator(self.lab.config_file, oci="WEEKLY")
        self.assertIn("NIGHTLY", str(caught.exception))

    def test_a_signer_of_the_official_sdk_keeps_its_key(self) -> None:
        try:
            import oci  # type: ignore[import-untyped]
        except ImportError:
            self.skipTest("the official SDK is not installed: pip install oci")
        config = self.lab.oci
        signer = oci.signer.Signer(config["tenancy"], config["user"], config["fingerprint"], config["key_file"])
        pathlib.Path(config["key_file"]).unlink()
        self.is_due(oci={"region": config["region"]}, signer=signer)

    def test_what_is_neither_is_refused_by_name(self) -> None:
        something: Any = object()
        for who, piece in (({"oci": something}, "oci must be"), ({"signer": something}, "signer must be")):
            with self.assertRaises(TypeError) as caught:
                keywheel.Rotator(self.config, **who)
            self.assertIn(piece, str(caught.exception))


@unittest.skipUnless(LAB, NO_LAB)
class InTurn(unittest.TestCase):
    def test_one_journal_driven_by_rust_and_python_in_turn_and_killed_in_each_ends_right(self) -> None:
        assert LAB is not None
        buckets = 40
        with emulator(buckets=buckets) as lab:
            here: dict[str, Any] = {"keywheel_config": lab.config_file, "key": lab.key}
            rust = subprocess.Popen(
                [LAB, "--config", lab.config_file, "rotate", "--yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            until(lambda: rust.poll() is not None or is_under_way(here))
            rust.kill()
            rust.communicate()
            self.assertEqual(rust.returncode, -signal.SIGKILL, "it was killed under way")
            lines = self.lines(lab)

            python = program(
                """
                import keywheel, sys, time
                rotator = keywheel.Rotator(sys.argv[1])
                while True:
                    try:
                        print(rotator.recover())
                        break
                    except keywheel.KeywheelError as error:
                        if error.kind != "conflict":
                            raise
                        time.sleep(0.2)
                """,
                lab.config_file,
            )
            until(lambda: python.poll() is not None or self.lines(lab) > lines + 8)
            python.kill()
            out, err = python.communicate()
            self.assertEqual(python.returncode, -signal.SIGKILL, f"it was killed under way: {out} {err}")

            def resumed() -> bool:
                ended = keywheel_says("--config", lab.config_file, "resume")
                return ended.returncode == 0

            until(resumed)
            finish(here, buckets)

    def lines(self, lab: Emulated) -> int:
        with keywheel.Rotator(lab.config_file) as watcher:
            return watcher.verify_journal()


class Lab(unittest.TestCase):
    def test_without_the_lab_program_its_package_is_named(self) -> None:
        before = {name: os.environ.pop(name) for name in ("KEYWHEEL_LAB", "PATH") if name in os.environ}
        try:
            with self.assertRaises(LabMissing) as caught, emulator():
                pass
            self.assertIn("pip install keywheel[lab]", str(caught.exception))
        finally:
            os.environ.update(before)

    @unittest.skipUnless(LAB, NO_LAB)
    def test_the_official_sdk_talks_to_it(self) -> None:
        try:
            import oci
        except ImportError:
            self.skipTest("the official SDK is not installed: pip install oci")
        with emulator(buckets=3, at_most=timedelta(minutes=5)) as lab:
            vaults = oci.key_management.KmsVaultClient(lab.oci, service_endpoint=lab.endpoint)
            self.assertEqual(vaults.get_vault(lab.vault).data.id, lab.vault)
            keys = oci.key_management.KmsManagementClient(lab.oci, lab.vault_endpoint)
            self.assertEqual(keys.get_key(lab.key).data.lifecycle_state, "ENABLED")
            self.assertEqual(json.loads(json.dumps(lab.to_dict()))["key"], lab.key)


if __name__ == "__main__":
    unittest.main()

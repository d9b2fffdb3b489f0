"""Runs the commands it is given through the official CLI, all in one process: its start costs more than its calls.

The CLI is used exactly as it comes from the package index; only endpoint and config are set. A command is a list of
arguments; `{name}` in one stands for what an earlier command's output said under that name.
"""

import json
import os
import sys

os.environ.update(OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING="True", SUPPRESS_LABEL_WARNING="True")
rows = json.loads(sys.argv[1])
# The CLI looks here for what it must load while it is imported.
sys.argv = ["oci", "--help"]

from click.testing import CliRunner  # noqa: E402
from oci_cli import dynamic_loader  # noqa: E402
from oci_cli.cli import cli  # noqa: E402

for service in sorted({row["arguments"][0] for row in rows}):
    dynamic_loader.load_service(service)


def plain(name):
    return "".join(c for c in name.lower() if c.isalnum())


def find(value, name):
    """The first text under this name, however it is spelled, anywhere inside."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if plain(key) == name and isinstance(inner, str):
                return inner
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return next((found for found in (find(inner, name) for inner in inside) if found), None)


kept = {}
for row in rows:
    arguments = list(row["arguments"])
    for name, value in kept.items():
        arguments = [argument.replace("{" + name + "}", value) for argument in arguments]
    ended = CliRunner().invoke(cli, arguments)
    if ended.exit_code != 0:
        error = ended.exception if not isinstance(ended.exception, SystemExit) else ""
        sys.exit(f"{row['operation']}: oci {' '.join(arguments)}\n{ended.output}\n{error!r}")
    print("ok:", row["operation"], flush=True)
    for name in row["keep"]:
        found = find(json.loads(ended.output), plain(name))
        assert found, f"{row['operation']}: its output has no {name}: {ended.output}"
        kept[name] = found

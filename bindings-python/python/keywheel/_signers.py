"""Who one is, as the official SDK says it: a config dict, a profile's name, or a signer object whose key stays in Python."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ._hosts import Host, thrown
from ._keywheel import Reply as Telling

# The names of ~/.oci/config that say who one is; the SDK's dicts hold others too, which say how it behaves.
NAMES = ("tenancy", "user", "fingerprint", "key_file", "key_content", "pass_phrase", "region", "security_token_file")


def principal(oci: object, signer: object) -> dict[str, Any]:
    """What the door is told: a profile, values, or a signer to ask."""
    nobody: dict[str, Any] = {"profile": None, "oci": None, "signer": None}
    if oci is not None and not isinstance(oci, (str, Mapping)):
        raise TypeError(f"oci must be a config dict or a profile's name, not {type(oci).__name__}")
    if signer is not None:
        return {**nobody, "signer": _hosted(signer, oci if isinstance(oci, Mapping) else {})}
    if isinstance(oci, str):
        return {**nobody, "profile": oci}
    if oci is None:
        return nobody
    return {**nobody, "oci": {name: str(oci[name]) for name in NAMES if oci.get(name)}}


def _hosted(signer: Any, oci: Mapping[str, Any]) -> Host:
    if not hasattr(signer, "_basic_signer"):
        raise TypeError(f"signer must be a signer of the official SDK (oci.signer.Signer …), not {type(signer).__name__}")

    def key_id() -> str:
        # The SDK keeps it nowhere else for every kind of signer, and writes it here anew when a token is renewed.
        found = re.search(r'keyId="([^"]+)"', signer._basic_signer.signature_template)
        if found is None:
            raise TypeError("signer does not say its key id")
        return found[1]

    def identity() -> dict[str, str]:
        tenancy = oci.get("tenancy") or getattr(signer, "tenancy_id", None) or key_id().split("/")[0]
        region = oci.get("region") or getattr(signer, "region", None)
        if not region:
            raise TypeError("oci must name the region: this signer does not know it (oci={'region': …})")
        return {"key_id": key_id(), "tenancy": str(tenancy), "region": str(region)}

    def sign(text: str) -> str:
        return str(signer._basic_signer._sign(text))

    def refresh() -> str:
        renew = getattr(signer, "refresh_security_token", None)
        if renew is not None:
            renew()
        return key_id()

    def call(method: str, arguments: str, telling: Telling) -> None:
        try:
            given = json.loads(arguments)
            answer = {"identity": identity, "sign": sign, "refresh": refresh}[method](**given)  # type: ignore[operator]
            telling.answer(True, json.dumps(answer))
        except BaseException as error:  # noqa: BLE001 - whatever it is, keywheel must hear of it
            telling.answer(False, thrown(error))

    return call

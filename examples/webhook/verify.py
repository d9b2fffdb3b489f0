"""Checks that a notice came from keywheel: Standard Webhooks by hand, with nothing but Python.

The `standardwebhooks` packages (PyPI, npm, crates.io, Maven, ...) do the same in one call. Run as a program, it reads one
notice from standard input, as JSON: {"headers": {...}, "body": "..."}; the secret's file is its argument.
"""

import base64
import hashlib
import hmac
import json
import sys
import time

TOLERANCE_SECONDS = 300


def verify(secret: str, headers: dict[str, str], body: bytes, now: float) -> dict:
    """Returns the notice, or raises ValueError: then do not read the body."""
    secret = secret.strip()
    is_encoded = secret.startswith("whsec_")
    key = base64.b64decode(secret.removeprefix("whsec_")) if is_encoded else secret.encode()
    headers = {name.lower(): value for name, value in headers.items()}
    sent_at = int(headers["webhook-timestamp"])
    if abs(now - sent_at) > TOLERANCE_SECONDS:
        raise ValueError("too old, or from the future: somebody may be repeating it")
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(expected, given) for given in headers["webhook-signature"].split(" ")):
        raise ValueError("the signature is not ours")
    # The same notice may come again, with the same id: remember the ids that were acted on.
    return json.loads(body)


if __name__ == "__main__":
    came = json.load(sys.stdin)
    with open(sys.argv[1], encoding="utf-8") as file:
        notice = verify(file.readline(), came["headers"], came["body"].encode(), time.time())
    print(f"{notice['severity']}: {notice['title']} ({notice['dedupe_key']})")

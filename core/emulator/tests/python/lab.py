"""What the scripts share: the facts the Rust test hands over, and checks that print one line each.

The SDK is used exactly as it comes from the package index; only endpoints are set.
"""

import json
import sys
import time

import oci

FACTS = json.loads(sys.argv[1])
CONFIG = oci.config.from_file(FACTS["config"])
# Expected refusals must neither open the breaker nor be retried.
PLAIN = {
    "circuit_breaker_strategy": oci.circuit_breaker.NoCircuitBreakerStrategy(),
    "retry_strategy": oci.retry.NoneRetryStrategy(),
}


def holds(sentence, condition):
    assert condition, sentence
    print("ok:", sentence, flush=True)


def refused(sentence, status, code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except oci.exceptions.ServiceError as error:
        assert (error.status, error.code) == (status, code), f"{sentence}: {error}"
        assert error.request_id, f"{sentence}: a refusal must name the request"
        print("ok:", sentence, flush=True)
        return error
    raise AssertionError(f"{sentence}: it was not refused")


def until(sentence, ask, seconds=30):
    """Asks until the answer is true, and returns how often it was not."""
    deadline = time.monotonic() + seconds
    tries = 0
    while not ask():
        tries += 1
        assert time.monotonic() < deadline, f"{sentence}: not within {seconds} s"
        time.sleep(0.1)
    print("ok:", sentence, flush=True)
    return tries


def regional(client):
    return client(CONFIG, service_endpoint=FACTS["region"], **PLAIN)

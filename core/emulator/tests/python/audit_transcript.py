"""Asks for audit events twice, the second time for another page, against a far end that only keeps what arrives."""

from datetime import datetime, timezone

import oci
from lab import FACTS, holds, regional

FROM = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
UNTIL = datetime(2026, 11, 22, 12, 5, tzinfo=timezone.utc)

audit = regional(oci.audit.AuditClient)
for page in ({}, {"page": "p2/+=&"}):
    try:
        audit.list_events(FACTS["compartment"], FROM, UNTIL, **page)
    except oci.exceptions.ServiceError as error:
        assert error.status == 404, error
holds("list_events was sent", True)

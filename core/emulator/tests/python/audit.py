"""Audit: who made a version, read back by the official SDK."""

from datetime import datetime, timedelta, timezone

import oci
from lab import CONFIG, FACTS, PLAIN, holds, refused, regional

keys = oci.key_management.KmsManagementClient(CONFIG, service_endpoint=FACTS["vault_url"], **PLAIN)
made = keys.create_key_version(FACTS["key"], opc_retry_token="audited")
audit = regional(oci.audit.AuditClient)
now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
span = (now - timedelta(minutes=1), now + timedelta(minutes=2))
events = audit.list_events(FACTS["compartment"], *span).data
holds("the event of the mint is there", len(events) == 1)
event = events[0]
holds("it names the operation", event.data.event_name == "CreateKeyVersion" and event.event_type.endswith(".CreateKeyVersion"))
holds("and the request", made.request_id.endswith(event.data.request.id))
holds("and its token", event.data.request.headers["Opc-Retry-Token"] == ["audited"])
holds("and the principal", event.data.identity.principal_id == CONFIG["user"])
holds("an hour ago there was nothing", not audit.list_events(FACTS["compartment"], now - timedelta(hours=1), span[0]).data)
odd = now.replace(second=7)
refused("seconds are refused", 400, "InvalidParameter", audit.list_events, FACTS["compartment"], odd, span[1])

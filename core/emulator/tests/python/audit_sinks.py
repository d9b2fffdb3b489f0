"""A custom log and a bucket's retention rules."""

from datetime import datetime, timezone

import oci
from lab import FACTS, holds, refused, regional

logging = regional(oci.loggingingestion.LoggingClient)
models = oci.loggingingestion.models
at = datetime.now(timezone.utc)
entry = models.LogEntry(id="e-1", data="a fact", time=at)
batch = models.LogEntryBatch(source="keywheel", type="t", subject="s", defaultlogentrytime=at, entries=[entry])
sent = logging.put_logs(FACTS["log"], models.PutLogsDetails(specversion="1.0", log_entry_batches=[batch]))
holds("put_logs is accepted and names the request", sent.status == 200 and sent.request_id)
nothing = models.PutLogsDetails(specversion="1.0", log_entry_batches=[])
refused("no batch is refused", 400, "InvalidParameter", logging.put_logs, FACTS["log"], nothing)
storage = regional(oci.object_storage.ObjectStorageClient)
rules = storage.list_retention_rules(FACTS["namespace"], FACTS["bucket"]).data.items
holds("the youngest rule comes first", [rule.display_name for rule in rules] == ["year", "hold"])
holds("a rule has its duration", (rules[0].duration.time_amount, rules[0].duration.time_unit) == (1, "YEARS"))
holds("a rule says from when it is locked", rules[0].time_rule_locked is not None and rules[1].time_rule_locked is None)
holds("a rule without a duration has none", rules[1].duration is None)

"""Puts one log entry and reads a bucket and its rules, against a far end that only keeps what arrives."""

from datetime import datetime

import oci
from lab import FACTS, holds, regional

at = datetime.fromisoformat(FACTS["time"])
logging = regional(oci.loggingingestion.LoggingClient)
entry = oci.loggingingestion.models.LogEntry(id=FACTS["id"], data=FACTS["data"], time=at)
batch = oci.loggingingestion.models.LogEntryBatch(
    source="keywheel", type="com.keywheel.journal.fact", subject=FACTS["stream"], defaultlogentrytime=at, entries=[entry]
)
logging.put_logs(FACTS["log"], oci.loggingingestion.models.PutLogsDetails(specversion="1.0", log_entry_batches=[batch]))
storage = regional(oci.object_storage.ObjectStorageClient)
storage.get_bucket("ns", FACTS["bucket"])
storage.list_retention_rules("ns", FACTS["bucket"])
holds("a log entry and a look at the rules were sent", True)

"""Posts two metrics, against a far end that only keeps what arrives."""

from datetime import datetime, timezone

import oci
from lab import FACTS, holds, regional

AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)


def metric(name, unit, dimensions, value):
    return oci.monitoring.models.MetricDataDetails(
        namespace="keywheel",
        compartment_id=FACTS["compartment"],
        name=name,
        dimensions=dimensions,
        metadata={"unit": unit},
        datapoints=[oci.monitoring.models.Datapoint(timestamp=AT, value=value, count=1)],
    )


monitoring = regional(oci.monitoring.MonitoringClient)
data = [
    metric("key_age_days", "days", {"key": FACTS["key"], "name": "k \u00fc"}, 12.5),
    metric("rotations_open", "count", {"program": "keywheel"}, 1.0),
]
try:
    monitoring.post_metric_data(oci.monitoring.models.PostMetricDataDetails(metric_data=data, batch_atomicity="NON_ATOMIC"))
except oci.exceptions.ServiceError as error:
    assert error.status == 404, error
holds("post_metric_data was sent", True)

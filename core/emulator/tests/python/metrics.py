"""Monitoring: metrics that are taken, a part that is not, and calls that are refused as a whole."""

from datetime import datetime, timedelta, timezone

import oci
from lab import FACTS, holds, refused, regional

monitoring = regional(oci.monitoring.MonitoringClient)
models = oci.monitoring.models
NOW = datetime.now(timezone.utc)


def metric(**changed):
    point = models.Datapoint(timestamp=changed.pop("at", NOW), value=1.5)
    values = {"namespace": "keywheel", "compartment_id": FACTS["compartment"], "name": "keys", "dimensions": {"state": "due"}}
    return models.MetricDataDetails(datapoints=[point], **{**values, **changed})


def post(*metrics, atomicity="NON_ATOMIC"):
    return monitoring.post_metric_data(models.PostMetricDataDetails(metric_data=list(metrics), batch_atomicity=atomicity))


holds("a metric is taken", post(metric()).data.failed_metrics_count == 0)
mixed = post(metric(), metric(name="old", at=NOW - timedelta(hours=3)), metric(namespace="oci_keys")).data
holds("of three, two are not taken", mixed.failed_metrics_count == 2)
holds("and each says why", all(record.message for record in mixed.failed_metrics))
holds("and which", mixed.failed_metrics[0].metric_data.name == "old")
refused("all or nothing is nothing", 400, "InvalidParameter", post, metric(), metric(name="9"), atomicity="ATOMIC")
many = [metric(dimensions={"n": str(n)}) for n in range(51)]
refused("more than 50 streams are refused", 400, "InvalidParameter", post, *many)
refused("somebody else's compartment is refused", 404, "NotAuthorizedOrNotFound", post, metric(compartment_id=FACTS["compartment"] + "x"))

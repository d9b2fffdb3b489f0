"""Notifications: a topic and a message."""

import oci
from lab import CONFIG, FACTS, PLAIN, holds, refused, regional

control = regional(oci.ons.NotificationControlPlaneClient)
topic = control.get_topic(FACTS["topic"]).data
holds("get_topic names its endpoint", topic.api_endpoint == FACTS["region"])
data = oci.ons.NotificationDataPlaneClient(CONFIG, service_endpoint=topic.api_endpoint, **PLAIN)
message = oci.ons.models.MessageDetails(title="keywheel", body="rotation completed")
sent = data.publish_message(FACTS["topic"], message)
holds("publish_message answers with an id", sent.data.message_id)
refused("an empty body is refused", 400, "MissingParameter", data.publish_message, FACTS["topic"], oci.ons.models.MessageDetails(title="t"))
large = oci.ons.models.MessageDetails(body="x" * 70000)
refused("more than 64 KB is refused", 413, "PayloadTooLarge", data.publish_message, FACTS["topic"], large)

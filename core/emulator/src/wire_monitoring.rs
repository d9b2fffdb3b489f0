//! Monitoring on the wire: posted metrics, and those of them that were not taken.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keywheel::memory::{PostedMetric, World};
use serde_json::{Map, Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpRefusal};
use crate::wire::{heard_json, instant};

pub(crate) fn post_metric_data(world: &World, asked: &Asked<'_>) -> Answered {
    let mut body = asked.json()?.into_inner();
    let atomicity = body.remove("batchAtomicity").filter(|value| !value.is_null());
    let is_atomic = match atomicity.as_ref().map(Value::as_str) {
        None | Some(Some("NON_ATOMIC")) => false,
        Some(Some("ATOMIC")) => true,
        Some(_) => return Err(HttpRefusal::invalid("batchAtomicity", "must be ATOMIC or NON_ATOMIC").into()),
    };
    let Value::Array(all) = taken(&mut body, "metricData")? else {
        return Err(HttpRefusal::invalid("metricData", "must be an array").into());
    };
    let posted = all.into_iter().map(metric).collect::<Result<Vec<_>, HttpRefusal>>()?;
    heard_json(world.post_metric_data(&asked.call(), asked.region(), posted, is_atomic), |failed| {
        let records = failed.iter().map(|(metric, why)| json!({ "message": why, "metricData": shown(metric) }));
        json!({ "failedMetricsCount": failed.len(), "failedMetrics": records.collect::<Vec<_>>() })
    })
}

fn metric(value: Value) -> Result<PostedMetric, HttpRefusal> {
    let Value::Object(mut fields) = value else {
        return Err(HttpRefusal::invalid("metricData", "must hold objects"));
    };
    let dimensions: BTreeMap<String, String> = serde_json::from_value(taken(&mut fields, "dimensions")?)
        .map_err(|_| HttpRefusal::invalid("dimensions", "must be an object of strings"))?;
    let Value::Array(points) = taken(&mut fields, "datapoints")? else {
        return Err(HttpRefusal::invalid("datapoints", "must be an array"));
    };
    Ok(PostedMetric {
        namespace: text(&mut fields, "namespace")?,
        compartment: text(&mut fields, "compartmentId")?
            .parse()
            .map_err(|_| HttpRefusal::invalid("compartmentId", "is not an OCID of the right type"))?,
        name: text(&mut fields, "name")?,
        dimensions,
        datapoints: points.into_iter().map(point).collect::<Result<_, _>>()?,
    })
}

fn point(value: Value) -> Result<(Timestamp, f64), HttpRefusal> {
    let Value::Object(mut fields) = value else {
        return Err(HttpRefusal::invalid("datapoints", "must hold objects"));
    };
    let at = text(&mut fields, "timestamp")?
        .parse()
        .map_err(|_| HttpRefusal::invalid("timestamp", "is no RFC 3339 instant"))?;
    let value = taken(&mut fields, "value")?.as_f64();
    Ok((at, value.ok_or_else(|| HttpRefusal::invalid("value", "must be a number"))?))
}

fn shown(metric: &PostedMetric) -> Value {
    let points = metric.datapoints.iter().map(|(at, value)| json!({ "timestamp": instant(*at), "value": value }));
    json!({
        "namespace": metric.namespace, "compartmentId": metric.compartment, "name": metric.name,
        "dimensions": metric.dimensions, "datapoints": points.collect::<Vec<_>>(),
    })
}

fn taken(fields: &mut Map<String, Value>, name: &str) -> Result<Value, HttpRefusal> {
    fields.remove(name).filter(|value| !value.is_null()).ok_or_else(|| HttpRefusal::missing(name))
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<String, HttpRefusal> {
    match taken(fields, name)? {
        Value::String(text) => Ok(text),
        _ => Err(HttpRefusal::invalid(name, "must be a string")),
    }
}

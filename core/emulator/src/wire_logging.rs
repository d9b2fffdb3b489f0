//! Log ingestion on the wire: batches of entries, every required field asked for by its own name.
//!
//! The answer is empty and means accepted.

use axum::http::StatusCode;
use keywheel::memory::{LogLine, World};
use keywheel::model::{LogId, Timestamp};
use serde_json::{Map, Value};

use crate::asked::Asked;
use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::wire::heard;

type Object = Map<String, Value>;

fn text<'o>(object: &'o Object, name: &str) -> Result<Option<&'o str>, HttpRefusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(HttpRefusal::invalid(name, "must be a string")),
    }
}

fn required<'o>(object: &'o Object, name: &str) -> Result<&'o str, HttpRefusal> {
    text(object, name)?.ok_or_else(|| HttpRefusal::missing(name))
}

fn instant(object: &Object, name: &str) -> Result<Option<Timestamp>, HttpRefusal> {
    let parse = |text: &str| text.parse().map_err(|_| HttpRefusal::invalid(name, "must be an RFC 3339 instant"));
    text(object, name)?.map(parse).transpose()
}

fn objects<'o>(object: &'o Object, name: &str) -> Result<Vec<&'o Object>, HttpRefusal> {
    match object.get(name) {
        None | Some(Value::Null) => Err(HttpRefusal::missing(name)),
        Some(Value::Array(items)) if !items.is_empty() => {
            let refused = || HttpRefusal::invalid(name, "must be a list of objects");
            items.iter().map(|item| item.as_object().ok_or_else(refused)).collect()
        }
        Some(_) => Err(HttpRefusal::invalid(name, "must be a list with something in it")),
    }
}

pub(crate) fn put_logs(world: &World, asked: &Asked<'_>) -> Answered {
    let log: LogId = asked.path_id(0)?;
    let body = asked.json()?.into_inner();
    if required(&body, "specversion")? != "1.0" {
        return Err(HttpRefusal::invalid("specversion", "must be 1.0").into());
    }
    let mut lines = Vec::new();
    for batch in objects(&body, "logEntryBatches")? {
        let (source, kind) = (required(batch, "source")?, required(batch, "type")?);
        let subject = text(batch, "subject")?;
        let usual =
            instant(batch, "defaultlogentrytime")?.ok_or_else(|| HttpRefusal::missing("defaultlogentrytime"))?;
        for entry in objects(batch, "entries")? {
            lines.push(LogLine {
                id: required(entry, "id")?.to_owned(),
                source: source.to_owned(),
                kind: kind.to_owned(),
                subject: subject.map(str::to_owned),
                data: required(entry, "data")?.to_owned(),
                at: instant(entry, "time")?.unwrap_or(usual),
            });
        }
    }
    heard(world.put_logs(&asked.call(), asked.region(), &log, lines), |()| Ok(HttpAnswer::empty(StatusCode::OK)))
}

//! The journal's statements, each a plain function over a connection.
//!
//! They compare and write inside the transaction that the worker opened; none begins or ends one.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{fault, misfit};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Head, LineHash, RunnerId, SealedLine, StreamId, Timestamp};
use crate::ports::{Append, Claim};

pub(super) fn head(connection: &Connection, stream: &StreamId) -> Result<Head> {
    let sql = "SELECT seq, hash FROM lines WHERE stream = ?1 ORDER BY seq DESC LIMIT 1";
    let last = connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_row([stream.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
                .optional()
        })
        .map_err(|error| fault("read_head", error))?;
    let Some((seq, hash)) = last else {
        return Ok(Head::empty());
    };
    let seq = u64::try_from(seq).map_err(|_| misfit("read_head", seq))?;
    Ok(Head { next_seq: seq + 1, hash: LineHash::stored(hash) })
}

pub(super) fn read(connection: &Connection, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<SealedLine>> {
    let Ok(from) = i64::try_from(from) else {
        return Ok(Vec::new());
    };
    let sql = "SELECT seq, prev, hash, nonce, text FROM lines WHERE stream = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3";
    let line = |row: &Row<'_>| {
        Ok(SealedLine {
            stream: stream.clone(),
            seq: row.get::<_, i64>(0)?.unsigned_abs(),
            prev: LineHash::stored(row.get::<_, String>(1)?),
            hash: LineHash::stored(row.get::<_, String>(2)?),
            nonce: row.get(3)?,
            text: row.get(4)?,
        })
    };
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_map(params![stream.as_str(), from, bounded(limit)], line)?.collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| fault("read_journal", error))
}

pub(super) fn streams(
    connection: &Connection,
    prefix: &str,
    after: Option<&StreamId>,
    limit: usize,
) -> Result<Vec<StreamId>> {
    let in_streams = |error| fault("list_streams", error);
    // Names are compared as bytes, as Rust does; what starts with the prefix stands together.
    let sql = "SELECT stream FROM lines WHERE seq = 0 AND stream >= ?1 AND stream > ?2 ORDER BY stream LIMIT ?3";
    let mut statement = connection.prepare_cached(sql).map_err(in_streams)?;
    let after = after.map_or("", StreamId::as_str);
    let names = statement
        .query_map(params![prefix, after, bounded(limit)], |row| row.get::<_, String>(0))
        .map_err(in_streams)?;
    let mut found = Vec::new();
    for name in names {
        let name = name.map_err(in_streams)?;
        if !name.starts_with(prefix) {
            break;
        }
        found.push(StreamId::stored(name));
    }
    Ok(found)
}

pub(super) fn epoch(connection: &Connection, scope: &StreamId) -> Result<u64> {
    let epoch = connection
        .prepare_cached("SELECT epoch FROM epochs WHERE scope = ?1")
        .and_then(|mut statement| statement.query_row([scope.as_str()], |row| row.get::<_, i64>(0)).optional())
        .map_err(|error| fault("read_epoch", error))?
        .unwrap_or(0);
    u64::try_from(epoch).map_err(|_| misfit("read_epoch", epoch))
}

fn set_epoch(connection: &Connection, scope: &StreamId, epoch: u64) -> Result<()> {
    let number = i64::try_from(epoch).map_err(|_| misfit("raise_epoch", epoch))?;
    connection
        .prepare_cached(
            "INSERT INTO epochs (scope, epoch) VALUES (?1, ?2) ON CONFLICT (scope) DO UPDATE SET epoch = excluded.epoch",
        )
        .and_then(|mut statement| statement.execute(params![scope.as_str(), number]))
        .map_err(|error| fault("raise_epoch", error))?;
    Ok(())
}

pub(super) fn append(connection: &Connection, append: &Append) -> Result<Head> {
    let stream = append.check_shape()?;
    let epoch = match &append.fence {
        Some(fence) => epoch(connection, &fence.scope)?,
        None => 0,
    };
    append.compare(&head(connection, stream)?, epoch)?;
    let in_append = |error| fault("append", error);
    let mut statement = connection
        .prepare_cached("INSERT INTO lines (stream, seq, prev, hash, nonce, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .map_err(in_append)?;
    for line in &append.lines {
        let seq = i64::try_from(line.seq).map_err(|_| misfit("append", line.seq))?;
        let (prev, hash) = (line.prev.as_str(), line.hash.as_str());
        statement.execute(params![stream.as_str(), seq, prev, hash, line.nonce, line.text]).map_err(in_append)?;
    }
    if let Some(fence) = append.fence.as_ref().filter(|fence| fence.raises) {
        set_epoch(connection, &fence.scope, epoch + 1)?;
    }
    Ok(append.head_after())
}

struct Held {
    runner: String,
    epoch: u64,
    until_us: i64,
}

fn held(connection: &Connection, scope: &StreamId) -> Result<Option<Held>> {
    let row = connection
        .prepare_cached("SELECT runner, epoch, until_us FROM claims WHERE scope = ?1")
        .and_then(|mut statement| {
            let held = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
            statement.query_row([scope.as_str()], held).optional()
        })
        .map_err(|error| fault("claim", error))?;
    row.map(|(runner, epoch, until_us)| {
        Ok(Held { runner, epoch: u64::try_from(epoch).map_err(|_| misfit("claim", epoch))?, until_us })
    })
    .transpose()
}

fn store_claim(connection: &Connection, claim: &Claim) -> Result<()> {
    let epoch = i64::try_from(claim.epoch).map_err(|_| misfit("claim", claim.epoch))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO claims (scope, runner, epoch, until_us) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| {
            let until = claim.until.as_microsecond();
            statement.execute(params![claim.scope.as_str(), claim.runner.as_str(), epoch, until])
        })
        .map_err(|error| fault("claim", error))?;
    Ok(())
}

/// Microseconds are what the table keeps. A claim without end lasts as long as timestamps do.
fn after(now: Timestamp, ttl: Duration) -> Timestamp {
    let whole = |until: Timestamp| Timestamp::from_microsecond(until.as_microsecond());
    now.checked_add(ttl).and_then(whole).unwrap_or_else(|_| {
        Timestamp::from_second(Timestamp::MAX.as_second()).expect("the last timestamp's own second is in range")
    })
}

fn taken(operation: &'static str, scope: &StreamId, by: Option<&Held>) -> Error {
    let error = Error::new(ErrorKind::Conflict, operation, "another runner has claimed this").with("scope", scope);
    match by {
        Some(held) => error.with("runner", &held.runner),
        None => error,
    }
}

pub(super) fn claim(
    connection: &Connection,
    scope: &StreamId,
    runner: &RunnerId,
    now: Timestamp,
    ttl: Duration,
) -> Result<Claim> {
    let held = held(connection, scope)?;
    if let Some(other) = held.as_ref().filter(|h| h.runner != runner.as_str() && h.until_us > now.as_microsecond()) {
        return Err(taken("claim", scope, Some(other)));
    }
    let is_own = held.is_some_and(|held| held.runner == runner.as_str());
    let epoch = epoch(connection, scope)? + u64::from(!is_own);
    if !is_own {
        set_epoch(connection, scope, epoch)?;
    }
    let claim = Claim { scope: scope.clone(), runner: runner.clone(), epoch, until: after(now, ttl) };
    store_claim(connection, &claim)?;
    Ok(claim)
}

pub(super) fn renew(connection: &Connection, claim: &Claim, now: Timestamp, ttl: Duration) -> Result<Claim> {
    match held(connection, &claim.scope)? {
        Some(held) if held.runner == claim.runner.as_str() && held.epoch == claim.epoch => {
            let renewed = Claim { until: after(now, ttl), ..claim.clone() };
            store_claim(connection, &renewed)?;
            Ok(renewed)
        }
        other => Err(taken("renew", &claim.scope, other.as_ref())),
    }
}

pub(super) fn release(connection: &Connection, claim: &Claim) -> Result<()> {
    let epoch = i64::try_from(claim.epoch).map_err(|_| misfit("release", claim.epoch))?;
    connection
        .prepare_cached("DELETE FROM claims WHERE scope = ?1 AND runner = ?2 AND epoch = ?3")
        .and_then(|mut statement| statement.execute(params![claim.scope.as_str(), claim.runner.as_str(), epoch]))
        .map_err(|error| fault("release", error))?;
    Ok(())
}

/// Checks every page of the file, and that the lines of each stream are numbered and linked without a gap.
pub(super) fn check_links(connection: &Connection) -> Result<u64> {
    let in_check = |error| fault("check_journal", error);
    let corrupt = |message: String| Error::new(ErrorKind::Corrupt, "check_journal", message);
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(in_check)?;
    if verdict != "ok" {
        return Err(corrupt(format!("the journal file is damaged: {verdict}")));
    }
    let mut statement =
        connection.prepare("SELECT stream, seq, prev, hash FROM lines ORDER BY stream, seq").map_err(in_check)?;
    let mut rows = statement.query([]).map_err(in_check)?;
    let (mut stream, mut next, mut count) = (String::new(), (0_i64, LineHash::genesis().as_str().to_owned()), 0);
    while let Some(row) = rows.next().map_err(in_check)? {
        let name: String = row.get(0).map_err(in_check)?;
        if name != stream {
            (stream, next) = (name, (0, LineHash::genesis().as_str().to_owned()));
        }
        let place: (i64, String) = (row.get(1).map_err(in_check)?, row.get(2).map_err(in_check)?);
        if place != next {
            return Err(corrupt("a line does not follow the one before it, or lines are missing".to_owned())
                .with("stream", &stream)
                .with("seq", place.0));
        }
        next = (place.0 + 1, row.get(3).map_err(in_check)?);
        count += 1;
    }
    Ok(count)
}

fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

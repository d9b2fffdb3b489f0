//! Verbs that drive: `rotate` and `resume`.
//!
//! What they show comes from the rotator; nothing is decided here but whether a person agreed.

use std::time::Duration;

use keywheel::model::{DueKey, KeyId, Request, RotationId, When};
use keywheel::{Error, ErrorKind, Result, Rotated, Rotator, Started};

use crate::args::{ResumeArgs, RotateArgs};
use crate::exit::Exit;
use crate::render::escape::Foreign;
use crate::render::progress::{watch, watch_each};
use crate::render::{Colour, Output, question, tables};

/// A hundred years: as long as it takes.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Everything that is due, behind or open.
pub(crate) async fn owed(rotator: &Rotator) -> Result<Vec<DueKey>> {
    let mut keys = rotator.due().await?;
    keys.retain(|key| tables::is_owed(&key.due.state));
    Ok(keys)
}

/// Refuses to rotate where nobody said yes and nobody can be asked.
pub(crate) fn may_go(args: &RotateArgs, output: &Output) -> Result<()> {
    if args.yes || output.can_ask {
        return Ok(());
    }
    let message = "minting cannot be undone and nobody can be asked here; look at `keywheel plan`, then add --yes";
    Err(Error::new(ErrorKind::Config, "rotate", message))
}

/// `keywheel rotate`.
pub(crate) async fn rotate(rotator: &Rotator, args: RotateArgs, output: &Output) -> Result<Exit> {
    let wishes = match args.key.clone() {
        Some(key) => vec![key],
        None => {
            let mut keys = rotator.due().await?;
            rotator.raise_alarms(&keys).await;
            keys.retain(|key| tables::is_owed(&key.due.state));
            if keys.is_empty() {
                output.show("nothing_due", &serde_json::json!({}), || "nothing is due".to_owned());
                rotator.end_tick(0, 0).await;
                return Ok(Exit::Done);
            }
            for key in keys.iter().filter(|_| !output.json) {
                output.say(&format!("{}  {}  {}", key.due.state.word(), Foreign(&key.name), key.key));
            }
            keys.into_iter().map(|key| key.key).collect()
        }
    };
    if !args.yes && !agreed(rotator, &wishes, &args, output).await? {
        output.say("nothing was changed");
        return Ok(Exit::Done);
    }
    if let Some(key) = &args.key {
        let rotated = watch(output, rotator, one(rotator, key, &args)).await?;
        return Ok(output.rotated(Some(key), &rotated));
    }
    // One key's failure, or its waiting, is no reason to leave the others: each has its own rotation.
    let (mut exit, mut failed) = (Exit::Done, 0);
    let until = args.run_for.map(|time| rotator.ports().clock.now() + time);
    let ended = Box::pin(rotator.rotate_all(&wishes, until));
    watch_each(output, rotator, wishes.len(), ended, |(place, result)| match result {
        Ok(rotated) => exit = exit.and(output.rotated(Some(&wishes[place]), &rotated)),
        Err(error) => {
            failed += 1;
            output.failed_key(&wishes[place], &error);
            exit = exit.and(Exit::of(&error));
        }
    })
    .await;
    rotator.end_tick(wishes.len(), failed).await;
    Ok(exit)
}

/// `keywheel resume`.
pub(crate) async fn resume(rotator: &Rotator, args: &ResumeArgs, output: &Output) -> Result<Exit> {
    let rotation = match &args.rotation {
        Some(prefix) => rotator.find(prefix).await?,
        None => match rotator.list().await?.as_slice() {
            [] => {
                output.show("nothing_open", &serde_json::json!({}), || "no rotation is open".to_owned());
                return Ok(Exit::Done);
            }
            [one] => one.rotation.clone(),
            several => {
                let ids: Vec<_> = several.iter().map(|row| row.rotation.to_string()).collect();
                let message = format!("{} rotations are open, say which: {}", ids.len(), ids.join(", "));
                return Err(Error::new(ErrorKind::Config, "resume", message));
            }
        },
    };
    let rotated = watch(output, rotator, resumed(rotator, rotation, args.run_for));
    Ok(output.rotated(None, &rotated.await?))
}

/// Resumes, for a while if one was named.
async fn resumed(rotator: &Rotator, rotation: RotationId, time: Option<Duration>) -> Result<Rotated> {
    let Some(time) = time else { return rotator.resume(&rotation).await };
    if rotator.status(&rotation).await?.summary.paused.is_none() {
        return rotator.run_for(&rotation, time).await;
    }
    // Dropping the future in the middle is a crash, and a crash is safe.
    tokio::time::timeout(time, rotator.resume(&rotation)).await.unwrap_or(Ok(Rotated::OutOfTime { rotation }))
}

/// Rotates one key: as the paved path does, or by hand where a wish or a limit of time was named.
async fn one(rotator: &Rotator, key: &KeyId, args: &RotateArgs) -> Result<Rotated> {
    if !args.now && args.run_for.is_none() {
        return rotator.rotate(key).await;
    }
    let when = if args.now {
        When::Now { supersedes: args.supersedes.clone(), request_id: args.request_id.clone() }
    } else {
        When::IfDue
    };
    let rotation = match rotator.start(&Request { key: key.clone(), when, actor: None }).await? {
        Started::NotDue(due) => return Ok(Rotated::NotDue { next: due.next, due }),
        Started::Ended(rotation) => return rotator.status(&rotation).await.map(Box::new).map(Rotated::Completed),
        Started::Open(rotation) => rotation,
        other => return Err(Error::bug("rotate", format!("an unknown answer: {other:?}"))),
    };
    rotator.run_for(&rotation, args.run_for.unwrap_or(FOR_EVER)).await
}

/// Shows what would be done and asks.
async fn agreed(rotator: &Rotator, keys: &[KeyId], args: &RotateArgs, output: &Output) -> Result<bool> {
    for key in keys {
        let plan = rotator.plan(key).await?;
        output.show("plan", &plan, || crate::render::plan::text(&plan));
    }
    if args.now {
        output.say(&output.paint(Colour::Yellow, "the key is rotated now, due or not"));
    }
    let what = if keys.len() == 1 { "this key".to_owned() } else { format!("these {} keys", keys.len()) };
    question(format!("Rotate {what}? Minting a version cannot be undone. [y/N] ")).await
}

//! Verbs that only look: `due`, `plan`, `status`, `list`, `history`, `metrics`.

use keywheel::compliance::render_prometheus;
use keywheel::{Result, Rotator};

use crate::args::{DueArgs, HistoryArgs, PlanArgs, StatusArgs};
use crate::exit::Exit;
use crate::render::escape::Foreign;
use crate::render::{Colour, Output, tables};

/// `keywheel due`.
pub(crate) async fn due(rotator: &Rotator, args: &DueArgs, output: &Output) -> Result<Exit> {
    let keys = rotator.due().await?;
    if output.json {
        for key in &keys {
            output.show("due", key, String::new);
        }
    } else {
        output.show("due", &keys, || tables::due(&keys));
    }
    let owed = keys.iter().filter(|key| tables::is_owed(&key.due.state)).count();
    if owed == 0 {
        output.say("nothing is due");
    }
    for key in &keys {
        for deletion in key.deletions.iter().filter(|deletion| !deletion.is_done) {
            let said = format!("{}: {deletion}. {}", Foreign(&key.name), deletion.remedy());
            output.say(&output.paint(Colour::Red, &said));
        }
    }
    let is_scheduled = keys.iter().flat_map(|key| &key.deletions).any(|deletion| !deletion.is_done);
    Ok(match (args.exit_code, is_scheduled) {
        (true, true) => Exit::DeletionPending,
        (true, false) if owed > 0 => Exit::SomethingDue,
        _ => Exit::Done,
    })
}

/// `keywheel plan`.
pub(crate) async fn plan(rotator: &Rotator, args: &PlanArgs, output: &Output) -> Result<Exit> {
    let keys = match &args.key {
        Some(key) => vec![key.clone()],
        None => super::rotate::owed(rotator).await?.into_iter().map(|key| key.key).collect(),
    };
    if keys.is_empty() {
        output.show("nothing_due", &serde_json::json!({}), || "nothing is due".to_owned());
    }
    for key in &keys {
        let plan = rotator.plan(key).await?;
        output.show("plan", &plan, || crate::render::plan::text(&plan));
    }
    Ok(Exit::Done)
}

/// `keywheel status`.
pub(crate) async fn status(rotator: &Rotator, args: &StatusArgs, output: &Output) -> Result<Exit> {
    let rotations = match &args.rotation {
        Some(prefix) => vec![rotator.find(prefix).await?],
        None => rotator.list().await?.into_iter().map(|row| row.rotation).collect(),
    };
    if rotations.is_empty() {
        output.show("nothing_open", &serde_json::json!({}), || "no rotation is open".to_owned());
    }
    let mut exit = Exit::Done;
    for rotation in rotations {
        exit = exit.and(output.report(&rotator.status(&rotation).await?));
        if args.dependents {
            let rows = rotator.dependents(&rotation).await?;
            output.show("dependents", &rows, || tables::dependents(&rows));
        }
    }
    Ok(exit)
}

/// `keywheel list`.
pub(crate) async fn list(rotator: &Rotator, output: &Output) -> Result<Exit> {
    let rows = rotator.list().await?;
    show(&rows, "no rotation is open", output);
    Ok(Exit::Done)
}

/// `keywheel history`.
pub(crate) async fn history(rotator: &Rotator, args: &HistoryArgs, output: &Output) -> Result<Exit> {
    let rows = rotator.history(args.key.as_ref()).await?;
    show(&rows, "the journal knows no rotation", output);
    Ok(Exit::Done)
}

/// `keywheel metrics`.
pub(crate) async fn metrics(rotator: &Rotator, output: &Output) -> Result<Exit> {
    let metrics = rotator.metrics().await?;
    if output.json {
        for metric in &metrics {
            output.show("metric", metric, String::new);
        }
    } else {
        // The format's own line ends are all there are: a collector reads this text as it is.
        output.show("metrics", &metrics, || render_prometheus(&metrics).trim_end().to_owned());
    }
    Ok(Exit::Done)
}

fn show(rows: &[keywheel::model::RotationSummary], none: &str, output: &Output) {
    if output.json {
        for row in rows {
            output.show("rotation", row, String::new);
        }
    } else if rows.is_empty() {
        output.say(none);
    } else {
        output.show("rotations", rows, || tables::rotations(rows));
    }
}

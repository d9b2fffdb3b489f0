//! Verbs that steer an open rotation without driving it: `pause`, `cancel`.

use keywheel::model::Timestamp;
use keywheel::{Error, ErrorKind, Result, Rotator};
use serde_json::json;

use crate::args::{CancelArgs, PauseArgs};
use crate::exit::Exit;
use crate::render::Output;

/// `keywheel pause`.
pub(crate) async fn pause(rotator: &Rotator, args: &PauseArgs, output: &Output) -> Result<Exit> {
    let rotation = rotator.find(&args.rotation).await?;
    rotator.pause(&rotation, &args.why).await?;
    output.show("paused", &json!({ "rotation": rotation, "why": args.why }), || {
        format!("rotation {rotation} rests at its next append; `keywheel resume {rotation}` goes on")
    });
    Ok(Exit::Done)
}

/// `keywheel cancel`.
pub(crate) async fn cancel(rotator: &Rotator, args: &CancelArgs, output: &Output) -> Result<Exit> {
    let until = args.until.as_deref().map(instant).transpose()?;
    let rotation = rotator.find(&args.rotation).await?;
    rotator.cancel(&rotation, until).await?;
    output.show("cancelled", &json!({ "rotation": rotation, "until": until }), || match until {
        Some(until) => format!("rotation {rotation} is cancelled; the key is not due again before {until}"),
        None => format!("rotation {rotation} is cancelled; the key is due again as before"),
    });
    Ok(Exit::Done)
}

/// An instant, or a duration from now.
fn instant(text: &str) -> Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wrong = |why: String| {
        Error::new(ErrorKind::Config, "cancel", format!("--until {text:?}: {why}; write 7d or 2027-01-01T00:00:00Z"))
    };
    let after = keywheel::config::parse_duration(text).map_err(wrong)?;
    now().checked_add(after).map_err(|error| wrong(error.to_string()))
}

#[allow(clippy::disallowed_methods, reason = "`--until 7d` is said from the present of whoever says it")]
fn now() -> Timestamp {
    Timestamp::now()
}

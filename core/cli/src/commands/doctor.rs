//! `doctor`: tests what rotations rely on.
//!
//! What it costs to test on a live key comes from the library; here a person is only asked.

use keywheel::config::show_duration;
use keywheel::model::Forecast;
use keywheel::{Error, ErrorKind, Result, Rotator};

use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::render::progress::watch;
use crate::render::{Output, doctor, question};

/// Refuses to mint where nobody said yes and nobody can be asked.
pub(crate) fn may_go(args: &DoctorArgs, output: &Output) -> Result<()> {
    if args.live.is_none() || args.yes || output.can_ask {
        return Ok(());
    }
    let message = "--live mints versions that can never be removed, and nobody can be asked here; add --yes";
    Err(Error::new(ErrorKind::Config, "doctor", message))
}

/// `keywheel doctor`.
pub(crate) async fn run(rotator: &Rotator, args: &DoctorArgs, output: &Output) -> Result<Exit> {
    if let Some(key) = &args.live {
        let forecast = Forecast::of(&rotator.settings().margins);
        output.show("forecast", &forecast, || {
            format!(
                "{key}\n  mints {} version if every assumption holds, {} at most; they count against the vault's limit, and \
                 keywheel cannot delete\n  takes about {}, nearly all of it waiting",
                forecast.versions,
                forecast.versions_max,
                show_duration(forecast.duration)
            )
        });
        if !args.yes && !question("Mint on this key? It must be one that may be thrown away. [y/N] ").await? {
            output.say("nothing was sent");
            return Ok(Exit::Done);
        }
    }
    let live = args.live.as_ref();
    let checkup = match &args.subject {
        Some(subject) => watch(output, rotator, rotator.doctor_for(live, subject.as_str())).await?,
        None => watch(output, rotator, rotator.doctor(live)).await?,
    };
    output.show("doctor", &checkup, || doctor::text(&checkup, output));
    Ok(if checkup.broken().next().is_some() { Exit::Broken } else { Exit::Done })
}

//! Deaths at named points: the program stops there, says so, and waits to be killed.
//!
//! Only for the kill tests. It never ends itself: what is tested is a real SIGKILL from outside.

#![allow(clippy::disallowed_methods, reason = "the kill tests name the point through the environment of the child")]

use std::io::Write as _;
use std::path::Path;

use keywheel::config::Config;
use keywheel::ports::Ports;
use keywheel::testkit::crash::{At, Points};
use keywheel::{Result, Rotator};

/// Names the point: `<port call>:before#<nth>` or `append <fact>:after#<nth>`.
const VARIABLE: &str = "KEYWHEEL_KILL_POINT";

/// A rotator that stops at the point the environment names; `None` if it names none.
pub(crate) async fn armed(config: &Path) -> Result<Option<Rotator>> {
    let Ok(point) = std::env::var(VARIABLE) else { return Ok(None) };
    let config = Config::load(config)?;
    let points = Points::with_action(At::parse(&point), |reached| {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "kill point reached: {reached}").and_then(|()| stderr.flush());
        loop {
            std::thread::park();
        }
    });
    let ports = points.over(Ports::from_config(&config).await?);
    Ok(Some(Rotator::with_ports(config.settings, ports)))
}

//! A runner: a process that a scheduler starts again and again, with an operator who resumes what is paused.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::scenario::Fault;
use super::stage::Stage;
use crate::model::{DueState, RotationId};
use crate::ports::Clock;
use crate::testkit::crash::{At, Points};
use crate::{ErrorKind, Rotated, Rotator};

/// How long a Function lives.
const FUNCTION_LIFE: Duration = Duration::from_secs(300);

/// Which process this is.
pub(super) struct Role {
    /// Its number; a duplicate has one above the runners'.
    pub(super) number: usize,
    /// When it first starts.
    pub(super) start: Duration,
    /// Whether it ends with its first answer.
    pub(super) is_duplicate: bool,
}

enum Wish {
    Resume(RotationId),
    Rotate,
}

/// Runs lives until nothing is due any more after everything was mended.
pub(super) async fn live(stage: Rc<Stage>, role: Role) {
    let dice = stage.dice(100 + role.number as u64);
    stage.sleep(role.start).await;
    let mut wish = Wish::Rotate;
    for life in 0u32.. {
        let was_healed = stage.healed.get();
        let points = points(&stage, &role, life);
        let clock: Arc<dyn Clock> = match stage.clocks.get(role.number) {
            Some(clock) => Arc::new(clock.clone()),
            None => Arc::new(stage.clock.clone()),
        };
        let ports = points.over(stage.ports(clock, (role.number as u64 + 1) * 1000 + u64::from(life)));
        let rotator = Rotator::with_ports(stage.settings.clone(), ports);
        let key = stage.key.clone();
        let work = async {
            match &wish {
                Wish::Rotate => rotator.rotate(&key).await,
                Wish::Resume(rid) => rotator.resume(rid).await,
            }
        };
        let ended = until_killed(&stage, &role, &points, work).await;
        wish = Wish::Rotate;
        let pause = match ended {
            None => dice.secs(0, 120),
            // Nobody can say yet: the current version is not listed, the key is disabled.
            Some(Ok(Rotated::NotDue { due, .. })) if due.state == DueState::Blocked => dice.secs(60, 900),
            Some(Ok(Rotated::NotDue { .. })) if was_healed => return,
            Some(Ok(_)) if role.is_duplicate => return,
            // The scheduler's last tick comes after the end: what a stranger minted meanwhile shows only then.
            Some(Ok(Rotated::Completed(_))) if was_healed => dice.secs(1, 60),
            // The scheduler's next tick; the last one comes after everything was mended.
            Some(Ok(Rotated::Completed(_) | Rotated::NotDue { .. })) => {
                let left = stage.heals_at.duration_since(stage.clock.now()).unsigned_abs();
                let tick = dice.secs(900, 2700);
                if tick < left { tick } else { left + dice.secs(1, 60) }
            }
            Some(Ok(Rotated::Paused { rotation, .. })) => {
                wish = Wish::Resume(rotation);
                dice.secs(30, 600)
            }
            Some(Ok(_)) => dice.secs(5, 300),
            Some(Err(error)) if error.kind() == ErrorKind::Conflict && !stage.scenario.is_herd => dice.secs(30, 600),
            Some(Err(_)) => dice.secs(5, 120),
        };
        stage.sleep(pause).await;
    }
}

fn points(stage: &Stage, role: &Role, life: u32) -> Arc<Points> {
    let at = stage.scenario.faults.iter().find_map(|fault| match fault {
        Fault::Crash { runner, life: of, point } if *runner == role.number && *of == life => Some(At::Index(*point)),
        _ => None,
    });
    let at = at.filter(|_| !stage.healed.get()).unwrap_or(At::Nowhere);
    let dice = stage.dice(10_000 + role.number as u64 * 1000 + u64::from(life));
    let most = stage.scenario.latency_max;
    let lag = move |_: &str| if dice.one_in(2) { Duration::ZERO } else { dice.between(Duration::ZERO, most) };
    Points::with_lag(at, Arc::new(stage.clock.clone()), Box::new(lag))
}

/// Runs until it ends, dies at a crash point, is killed by the fates, or has lived as long as a Function may.
async fn until_killed<T>(stage: &Stage, role: &Role, points: &Points, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let is_short = !stage.healed.get() && stage.scenario.faults.contains(&Fault::ShortLived(role.number));
    let mut alarm = is_short.then(|| {
        let until = stage.clock.now() + FUNCTION_LIFE;
        Clock::sleep_until(&stage.clock, until)
    });
    let kill = stage.kills.get(role.number);
    if let Some(kill) = kill {
        kill.set(false);
    }
    poll_fn(|cx| {
        if kill.is_some_and(|kill| kill.replace(false)) {
            return Poll::Ready(None);
        }
        if let Poll::Ready(value) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        if points.hit().is_some() {
            stage.strike("crash before or after a call or an append");
            return Poll::Ready(None);
        }
        if let Some(sleep) = alarm.as_mut()
            && sleep.as_mut().poll(cx).is_ready()
        {
            stage.strike("killed after 300 s");
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

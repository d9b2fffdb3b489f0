//! Progress while a rotation runs: bars on a terminal, plain lines elsewhere, JSON lines for machines.
//!
//! Only shows. A missed event changes nothing: the journal is the record.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write as _;
use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use keywheel::model::{RotationId, Timestamp};
use keywheel::{Progress, Rotator};

use super::Output;
use super::escape::Foreign;

/// The phase, and the fact, after which people are told; what is drawn must be out of their way by then.
const ENDING: &str = "accounted";
const PAUSED: &str = "paused";

/// Drives `work` and shows the rotator's progress meanwhile.
pub(crate) async fn watch<T>(output: &Output, rotator: &Rotator, work: impl Future<Output = T>) -> T {
    let mut events = rotator.progress();
    let mut view = View::new(output);
    let mut work = std::pin::pin!(work);
    let mut is_live = true;
    let result = loop {
        tokio::select! {
            event = events.next(), if is_live => match event {
                Some(event) => view.event(&event),
                None => is_live = false,
            },
            result = &mut work => break result,
        }
    };
    while let Some(Some(event)) = events.next().now_or_never() {
        view.event(&event);
    }
    view.finish();
    result
}

/// Drives several keys at once: shows the rotator's progress, and hands each result on as it ends.
pub(crate) async fn watch_each<T>(
    output: &Output,
    rotator: &Rotator,
    of: usize,
    mut results: impl Stream<Item = T> + Unpin,
    mut ended: impl FnMut(T),
) {
    let mut events = rotator.progress();
    let mut view = View::new(output);
    view.count(0, of);
    let (mut is_live, mut done) = (true, 0);
    loop {
        tokio::select! {
            event = events.next(), if is_live => match event {
                Some(event) => view.event(&event),
                None => is_live = false,
            },
            result = results.next() => {
                let Some(result) = result else { break };
                while let Some(Some(event)) = events.next().now_or_never() {
                    view.event(&event);
                }
                done += 1;
                // What is printed must not run into what is drawn.
                view.bars.clone().suspend(|| ended(result));
                view.count(done, of);
            }
        }
    }
    view.finish();
}

/// Rotations with lines of their own on a terminal; the others are counted.
const ROWS_MAX: usize = 8;

struct View<'a> {
    output: &'a Output,
    bars: MultiProgress,
    rotations: BTreeMap<RotationId, Row>,
    /// Of several keys, how many are done.
    counter: Option<ProgressBar>,
}

#[derive(Default)]
struct Row {
    phase: String,
    waiting: String,
    /// Tenths of the work that were said already, for plain lines.
    tenths: u64,
    /// It has come to its end, or nearly: it needs no line any more.
    is_over: bool,
    spinner: Option<ProgressBar>,
    bar: Option<ProgressBar>,
}

impl<'a> View<'a> {
    fn new(output: &'a Output) -> Self {
        Self { output, bars: MultiProgress::new(), rotations: BTreeMap::new(), counter: None }
    }

    /// Says how many keys are done, where there are several.
    fn count(&mut self, done: usize, of: usize) {
        if !self.output.bars || of < 2 {
            return;
        }
        let bars = &self.bars;
        let counter = self.counter.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{wide_msg}").expect("the template is valid");
            bars.add(ProgressBar::new_spinner().with_style(style))
        });
        let drawn = self.rotations.values().filter(|row| row.spinner.is_some()).count();
        let under_way = self.rotations.values().filter(|row| !row.is_over).count();
        let more = match under_way.saturating_sub(drawn) {
            0 => String::new(),
            more => format!(", {more} more than are shown here are under way"),
        };
        counter.set_message(format!("{done} of {of} keys{more}"));
        counter.tick();
    }

    fn event(&mut self, event: &Progress) {
        if self.output.json {
            self.output.show("progress", event, String::new);
            return;
        }
        match event {
            Progress::Fact { rotation, phase: Some(phase), fact, .. } => self.phase(rotation, phase, fact),
            Progress::Dependents { rotation, done, total } => self.counters(rotation, *done, *total),
            Progress::Looking { rotation, candidates, found } => {
                let now = format!("looks: {candidates} candidates, {found} new dependents");
                self.waiting(rotation, "looks for dependents", &now);
            }
            Progress::Examining { what, until } => {
                let until = until.map(|until| format!(", until {}", clock(until))).unwrap_or_default();
                plain(self.output, &format!("doctor  {}{until}", Foreign(what)));
            }
            Progress::Opened { rotation, key } => {
                let key = format!("key {key}");
                self.waiting(rotation, &key, &key);
            }
            Progress::Waiting { rotation, why, until } => {
                let why = Foreign(why);
                self.waiting(rotation, &format!("waits: {why}"), &format!("waits until {}: {why}", clock(*until)));
            }
            _ => {}
        }
    }

    fn phase(&mut self, rotation: &RotationId, phase: &str, fact: &str) {
        if phase == ENDING || fact == PAUSED {
            self.end_bars(rotation);
        }
        let output = *self.output;
        let row = self.row(rotation);
        let message = format!("{phase}  {fact}");
        if let Some(spinner) = &row.spinner {
            spinner.set_message(message);
        } else if row.phase != phase && !output.bars {
            plain(&output, &format!("{rotation}  {phase}"));
        }
        if row.phase != phase {
            row.waiting.clear();
            phase.clone_into(&mut row.phase);
        }
    }

    fn counters(&mut self, rotation: &RotationId, done: u64, total: u64) {
        let (output, bars) = (*self.output, self.bars.clone());
        let row = self.row(rotation);
        if output.bars && row.spinner.is_some() {
            let after = row.spinner.clone().expect("it is some");
            let bar = row
                .bar
                .get_or_insert_with(|| bars.insert_after(&after, ProgressBar::new(total).with_style(bar_style())));
            bar.set_length(total);
            bar.set_position(done);
        } else if !output.bars && total > 0 && done * 10 / total > row.tenths {
            row.tenths = done * 10 / total;
            plain(&output, &format!("{rotation}  {done} of {total} dependents"));
        }
    }

    /// Shows what goes on within a phase: `now` where a line can be redrawn, `once` where it cannot.
    fn waiting(&mut self, rotation: &RotationId, once: &str, now: &str) {
        let output = *self.output;
        let row = self.row(rotation);
        if let Some(spinner) = &row.spinner {
            spinner.set_message(now.to_owned());
        } else if !output.bars && row.waiting != once {
            plain(&output, &format!("{rotation}  {once}"));
            once.clone_into(&mut row.waiting);
        }
    }

    fn row(&mut self, rotation: &RotationId) -> &mut Row {
        let drawn = self.rotations.values().filter(|row| row.spinner.is_some()).count();
        let (has_room, bars) = (self.output.bars && drawn < ROWS_MAX, &self.bars);
        let row = self.rotations.entry(rotation.clone()).or_default();
        // One that found no room is drawn as soon as another has ended.
        if has_room && row.spinner.is_none() && !row.is_over {
            let style = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg}").expect("the template is valid");
            let spinner = bars.insert(0, ProgressBar::new_spinner().with_style(style));
            spinner.set_prefix(rotation.to_string());
            spinner.enable_steady_tick(Duration::from_millis(120));
            row.spinner = Some(spinner);
        }
        row
    }

    /// Takes the bars away before notices are written to the same terminal.
    fn end_bars(&mut self, rotation: &RotationId) {
        let row = self.rotations.entry(rotation.clone()).or_default();
        row.is_over = true;
        if let Some(bar) = row.bar.take() {
            bar.finish_and_clear();
        }
        if let Some(spinner) = row.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    fn finish(&self) {
        let _ = self.bars.clear();
    }
}

fn bar_style() -> ProgressStyle {
    // As wide as there is room for: a bar of its own width is broken over two lines on a narrow terminal.
    ProgressStyle::with_template("  {wide_bar} {pos}/{len} dependents  {elapsed}").expect("the template is valid")
}

/// The time of day is enough for a wait.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Progress is not a result: it goes to standard error.
fn plain(output: &Output, line: &str) {
    if !output.json {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

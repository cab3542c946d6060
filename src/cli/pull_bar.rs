//! Shows on stderr how far pulls have come: as a bar on a terminal, else as a line every ten percent.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::screen::{Terminal, draw_line, erase_line};
use crate::cli::sync::lock;
use minions::events::{Event, EventKind, EventListener};

/// Time between two lines that report less than ten percent.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Time between two drawings of the bar.
const BAR_EVERY: Duration = Duration::from_millis(100);
/// Characters of a full bar.
const WIDTH: u64 = 30;

/// The pulls that are under way.
#[derive(Default)]
pub(crate) struct PullBar(Mutex<HashMap<String, Shown>>);

/// What was shown of one pull.
struct Shown {
    status: String,
    /// The percentage and the time of the last line.
    line: (u64, Instant),
    /// When the bar was drawn last; `None` where stderr is no terminal.
    bar: Option<Instant>,
}

impl EventListener for PullBar {
    fn event(&self, event: &Arc<Event>) {
        match &event.kind {
            EventKind::Pull { model, is_done: true, .. } => self.done(model),
            EventKind::Pull { model, status, completed, total, is_done: false } => {
                self.progress(model, status, *completed, *total);
            }
            EventKind::Finished { .. } => self.erase(),
            _ => {}
        }
    }

    fn wants_details(&self) -> bool {
        false
    }
}

impl PullBar {
    fn progress(&self, model: &str, status: &str, completed: u64, total: u64) {
        let mut pulls = self.pulls();
        let shown = pulls.entry(model.to_owned()).or_insert_with(Shown::nothing);
        // Bytes alone are shown.
        if status == shown.status {
            shown.update(model, completed, total);
        } else {
            status.clone_into(&mut shown.status);
        }
    }

    fn done(&self, model: &str) {
        let shown = self.pulls().remove(model);
        if shown.is_some_and(|shown| shown.bar.is_some()) {
            erase_line();
        }
    }

    /// A pull that was cut off has no end of its own.
    fn erase(&self) {
        if self.pulls().drain().any(|(_, shown)| shown.bar.is_some()) {
            erase_line();
        }
    }

    fn pulls(&self) -> MutexGuard<'_, HashMap<String, Shown>> {
        lock(&self.0)
    }
}

impl Shown {
    fn nothing() -> Self {
        let now = Instant::now();
        let bar = Terminal::of(&io::stderr()).can_redraw.then_some(now);
        Self { status: String::new(), line: (0, now), bar }
    }

    fn update(&mut self, model: &str, completed: u64, total: u64) {
        let percent = (completed * 100).checked_div(total).unwrap_or(0).min(100);
        if let Some(drawn) = &mut self.bar {
            if drawn.elapsed() >= BAR_EVERY {
                *drawn = Instant::now();
                draw_line(&format!("{} {percent} % of {} {model}", bar(percent), size(total)));
            }
            return;
        }
        let (last, at) = self.line;
        let is_due = percent >= last + 10 || percent > last && at.elapsed() >= LINE_EVERY;
        if is_due || percent == 100 && last < 100 {
            self.line = (percent, Instant::now());
            tracing::info!("fetching {model}: {percent} % of {}", size(total));
        }
    }
}

/// The bar at `percent`, [`WIDTH`] characters long.
fn bar(percent: u64) -> String {
    let full = percent.min(100) * WIDTH / 100;
    let marks = (0..WIDTH).map(|at| if at < full { '#' } else { '.' });
    marks.collect()
}

/// `bytes` in the largest fitting unit.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        for (bytes, expected) in
            [(0, "0 bytes"), (999, "999 bytes"), (98_362_432, "98.3 MB"), (2_019_377_376, "2.0 GB")]
        {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_bar_fills_up() {
        assert_eq!(bar(0), ".".repeat(30));
        assert_eq!(bar(50), "#".repeat(15) + &".".repeat(15));
        assert_eq!(bar(100), "#".repeat(30));
    }
}

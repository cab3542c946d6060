//! The log lines of llama.cpp, caught on the thread that calls it. They go to the debug log and into error messages.
//!
//! The crate `llama-cpp-2` hands each line to the current tracing subscriber. A [`Tap`] is that subscriber during a
//! call. It keeps the lines, so that no line of llama.cpp reaches stderr by itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, dispatcher, span};

/// The number of lines that are kept of one call.
const KEPT: usize = 400;

/// Catches the log lines of llama.cpp.
pub(super) struct Tap {
    lines: Arc<Mutex<VecDeque<Line>>>,
    dispatch: Dispatch,
}

struct Line {
    bad: bool,
    text: String,
}

impl Tap {
    pub(super) fn new() -> Self {
        static ROUTED: Once = Once::new();
        ROUTED.call_once(|| llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default()));
        let lines = Arc::default();
        let dispatch = Dispatch::new(Catcher { lines: Arc::clone(&lines) });
        Self { lines, dispatch }
    }

    /// Runs `call` and gives, besides its result, the warnings and errors that llama.cpp logged in it.
    pub(super) fn listen<T>(&self, call: impl FnOnce() -> T) -> (T, String) {
        let result = dispatcher::with_default(&self.dispatch, call);
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let mut complaints = Vec::new();
        for line in lines {
            tracing::debug!(target: "llama.cpp", "{}", line.text);
            if line.bad && !complaints.contains(&line.text) {
                complaints.push(line.text);
            }
        }
        let tail = complaints.len().saturating_sub(4);
        (result, complaints.split_off(tail).join("; "))
    }
}

struct Catcher {
    lines: Arc<Mutex<VecDeque<Line>>>,
}

impl Subscriber for Catcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "llama-cpp-2"
    }

    /// Off for every other call site; the crate `llama-cpp-2` does not ask for this hint.
    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::OFF)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(Line {
            bad: *event.metadata().level() <= Level::WARN,
            text: text.0.trim().to_owned(),
        });
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message of an event.
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0.push_str(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

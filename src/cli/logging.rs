//! Logs for people, on stderr, cleaned of credentials.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use minions::chat::secrets::Redactor;
use minions::config::{self, Environment};

use super::screen::{Terminal, clean, start_line, without_job_words};

/// What one job tells.
const OF_A_JOB: &str = "minions=info";
/// What many jobs tell: warnings, and how far the batch is.
const OF_A_BATCH: &str = "minions=warn,minions::cli::batch=info";

/// How much the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// Errors alone.
    Quiet,
    Normal,
    /// Warnings, as a person who asks reads them: without time, below a line of progress.
    Person,
    /// Each step of each job.
    Verbose,
}

impl Volume {
    /// The filter for one job.
    fn filter(self) -> String {
        match self {
            Self::Quiet => "minions=error".to_owned(),
            Self::Normal => OF_A_JOB.to_owned(),
            Self::Person => "minions=warn".to_owned(),
            Self::Verbose => format!("{OF_A_JOB},{}=debug", super::narrator::TARGET),
        }
    }
}

/// How much is told; can be lowered once it is known that there are many jobs.
#[derive(Clone, Default)]
pub(crate) struct Verbosity(Option<Arc<dyn Fn() + Send + Sync>>);

impl Verbosity {
    /// From now on only what matters among many jobs, unless `RUST_LOG` or the command line says otherwise.
    pub(crate) fn of_a_batch(&self) {
        if let Some(lower) = &self.0 {
            lower();
        }
    }
}

/// Sends logs, and the words of a panic, to stderr. `RUST_LOG` chooses how much, else `volume`.
pub(crate) fn start(environment: &Environment, redactor: &Redactor, volume: Volume) -> Verbosity {
    let chosen = environment.get(config::ENV_LOG);
    let Terminal { is_terminal, has_colours, .. } = Terminal::of(&io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(chosen.map_or_else(|| volume.filter(), str::to_owned)))
        .with_target(false)
        .with_ansi(has_colours)
        .with_timer(if is_terminal { Clock::Local(TimeZone::system()) } else { Clock::Utc })
        .with_writer(CleanStderr(redactor.clone()))
        .map_event_format(|usual| Lines { usual, is_for_person: volume == Volume::Person })
        .with_filter_reloading();
    let filter = builder.reload_handle();
    if tracing::subscriber::set_global_default(builder.finish()).is_err() {
        tracing::debug!("logs were started before");
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let lower = move || {
        if let Err(error) = filter.reload(EnvFilter::new(OF_A_BATCH)) {
            tracing::debug!("the log filter stays as it is: {error}");
        }
    };
    let is_normal = chosen.is_none() && volume == Volume::Normal;
    Verbosity(is_normal.then(|| Arc::new(lower) as _))
}

/// The form of a line.
struct Lines<F> {
    usual: F,
    is_for_person: bool,
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if !self.is_for_person {
            return self.usual.format_event(context, line, event);
        }
        let (what, colour) = match *event.metadata().level() {
            Level::ERROR => ("error", "31"),
            Level::WARN => ("warning", "33"),
            _ => ("note", "2"),
        };
        let mut text = String::new();
        context.field_format().format_fields(Writer::new(&mut text), event)?;
        let text = without_job_words(&text);
        match line.has_ansi_escapes() {
            true => writeln!(line, "\x1b[{colour}m{what}:\x1b[0m {}", clean(&text)),
            false => writeln!(line, "{what}: {}", clean(&text)),
        }
    }
}

/// The time of a line: for people to the second as their clock shows it, for files to the microsecond in UTC.
enum Clock {
    Local(TimeZone),
    Utc,
}

impl FormatTime for Clock {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        match self {
            Self::Local(zone) => {
                write!(line, "{}", Timestamp::now().to_zoned(zone.clone()).strftime("%H:%M:%S"))
            }
            Self::Utc => SystemTime.format_time(line),
        }
    }
}

/// Opens stderr for one line at a time.
struct CleanStderr(Redactor);

impl<'a> MakeWriter<'a> for CleanStderr {
    type Writer = CleanLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        CleanLine { redactor: &self.0, line: Vec::new() }
    }
}

/// Holds a line back until it is whole, so that no credential slips through in two parts.
struct CleanLine<'a> {
    redactor: &'a Redactor,
    line: Vec<u8>,
}

impl Write for CleanLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for CleanLine<'_> {
    fn drop(&mut self) {
        let line = self.redactor.clean(&String::from_utf8_lossy(&self.line));
        // A closed stderr is no reason to fail.
        let _ = start_line(&line);
    }
}

//! Logs for people, on stderr, cleaned of credentials.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use minions::chat::secrets::Redactor;
use minions::config::{self, Environment};

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
    /// Each step of each job.
    Verbose,
}

impl Volume {
    /// The filter for one job.
    fn filter(self) -> String {
        match self {
            Self::Quiet => "minions=error".to_owned(),
            Self::Normal => OF_A_JOB.to_owned(),
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
    let is_terminal = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(chosen.map_or_else(|| volume.filter(), str::to_owned)))
        .with_target(false)
        .with_ansi(is_terminal)
        .with_timer(if is_terminal { Clock::Local(TimeZone::system()) } else { Clock::Utc })
        .with_writer(CleanStderr(redactor.clone()))
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
        let mut stderr = io::stderr().lock();
        // Over a bar that shows progress. A closed stderr is no reason to fail.
        let bar = if stderr.is_terminal() { "\r\x1b[K" } else { "" };
        let _ = stderr.write_all(&[bar.as_bytes(), line.as_bytes()].concat());
    }
}

//! Logs for people, on stderr, cleaned of credentials.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use minions::chat::secrets::Redactor;
use minions::config::{self, Environment};

/// What one job tells.
const OF_A_JOB: &str = "minions=info";
/// What many jobs tell: warnings, and how far the batch is.
const OF_A_BATCH: &str = "minions=warn,minions::cli::batch=info";

/// How much is told; can be lowered once it is known that there are many jobs.
#[derive(Clone, Default)]
pub(crate) struct Verbosity(Option<Arc<dyn Fn() + Send + Sync>>);

impl Verbosity {
    /// From now on only what matters among many jobs, unless `RUST_LOG` says otherwise.
    pub(crate) fn of_a_batch(&self) {
        if let Some(lower) = &self.0 {
            lower();
        }
    }
}

/// Sends logs, and the words of a panic, to stderr. `RUST_LOG` chooses how much.
pub(crate) fn start(environment: &Environment, redactor: &Redactor) -> Verbosity {
    let chosen = environment.get(config::ENV_LOG);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(chosen.unwrap_or(OF_A_JOB)))
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
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
    Verbosity(chosen.is_none().then(|| Arc::new(lower) as _))
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

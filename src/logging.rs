//! Logs for people, on stderr, cleaned of credentials.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{self, Environment};
use crate::secrets::Redactor;

/// Sends logs, and the words of a panic, to stderr. `RUST_LOG` chooses how much.
pub fn start(environment: &Environment, redactor: &Redactor) {
    let filter = environment.get(config::ENV_LOG).unwrap_or("minions=info");
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(CleanStderr(redactor.clone()))
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("logs were started before");
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
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

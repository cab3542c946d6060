//! Waits for what is asked over the network, where there is no job.

use std::future::Future;
use std::io::{self, Write};

/// What `task` gives; `None` if it can't be run, which is said on stderr.
pub(crate) fn wait_for<T>(task: impl Future<Output = T>) -> Option<T> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let told = runtime.block_on(task);
            // What is still being asked must not hold the answer back.
            runtime.shutdown_background();
            Some(told)
        }
        Err(error) => {
            // A closed stderr changes nothing: the exit code tells.
            let _ =
                writeln!(io::stderr().lock(), "error: the asynchronous runtime can't be started: {error}");
            None
        }
    }
}

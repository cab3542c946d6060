//! minions, the program.

use std::process::ExitCode;

use minions::sandbox::{WORKER_COMMAND, worker_main};

/// Counts, so that a sandbox child can be held to its memory limit; elsewhere it is the system's.
#[global_allocator]
static ALLOCATOR: monty_alloc::LimitedAllocator = monty_alloc::LimitedAllocator;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|command| command == WORKER_COMMAND) {
        return worker_main();
    }
    ExitCode::SUCCESS
}

//! The sandbox's child as a program of its own, for programs that do not embed it.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: minions_sandbox::LimitedAllocator = minions_sandbox::LimitedAllocator;

fn main() -> ExitCode {
    minions_sandbox::child_main()
}

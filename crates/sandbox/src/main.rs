//! The sandbox's child as a program of its own, for hosts that cannot start themselves as the child.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: minions_sandbox::LimitedAllocator = minions_sandbox::LimitedAllocator;

fn main() -> ExitCode {
    minions_sandbox::child_main()
}

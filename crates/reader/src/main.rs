//! The reader's child as a program of its own, for hosts that cannot start themselves as the child.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: minions_reader::LimitedAllocator = minions_reader::LimitedAllocator;

fn main() -> ExitCode {
    minions_reader::child_main()
}

//! minions, the program.
fn main() {}

//! Child processes for what nobody trusts: code that a model wrote, files that anybody made.
//!
//! In: an executable, and limits. Out: a child that has no right to files, network or processes, is held to its memory,
//! and is talked to by messages. What the child does is its owner's: the crate knows neither Python nor documents.
//!
//! ```text
//! parent                                      child
//!   Child::start  -- a long-lived thread -->    give_up_rights, then keep_within
//!   wire::send    -- head, blocks -->           wire::read
//!   wire::receive <-- head, blocks --           wire::write
//!   Child::death  -- how and why it ended
//! ```

mod child;
mod confine;
mod executable;
pub mod wire;

pub use child::{Child, Death};
pub use confine::{Room, cpu_below, give_up_rights, keep_within, space_below};
pub use executable::ChildExecutable;
pub use monty_alloc::LimitedAllocator;

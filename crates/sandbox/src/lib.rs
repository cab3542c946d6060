//! Runs the supervisor's Python in a child process, under limits.
//!
//! A session takes code, documents and earlier jobs, and gives manifests, or the text for the supervisor, or an error
//! that says whether the code is to blame. The crate knows no model, provider or prompt.
//!
//! ```text
//! parent (session.rs)                              child: `minions-sandbox` (child/)
//!   Sandbox::warm                                    interpreter, prelude
//!   Sandbox::start      -- code, documents -->       confine, module's top level
//!   prepare_jobs        -- earlier jobs ---->        prepare_jobs(context, ...), checked one by one
//!   transform_outputs   -- jobs with replies ->      transform_outputs(jobs), same globals
//!   in any of them      <- a host call, texts --      embedding_retrieve_top_k_chunks(...)
//!                       -- its answer --------->
//! ```
//!
//! The code is confined twice. The interpreter has no files, network or processes and stops itself at its limits. The
//! process has no right to them either, and is killed at a deadline.

mod child;
mod error;
mod host;
mod limits;
mod outline;
mod search;
mod session;
mod types;
mod wire;

pub use child::{CHILD_COMMAND, child_main};
pub use error::{CodeError, SandboxError};
pub use host::{HostCall, HostCallLimit, HostCalls};
pub use limits::SandboxLimits;
pub use minions_confined::{ChildExecutable as SandboxExecutable, LimitedAllocator};
pub use outline::{NoPython, Outline};
pub use search::{Retriever, Search, SearchByMeaning};
pub use session::{Sandbox, Session, Transformed, Warm};
pub use types::{JobManifest, JobOutput, JobRecord, Shown, set_ids};

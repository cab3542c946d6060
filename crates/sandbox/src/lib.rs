//! Runs the supervisor's Python in a child process, under limits.
//!
//! In: code, documents, earlier jobs. Out: manifests, or the text for the supervisor, or an error that says
//! whether the code is to blame. It must not know any model, provider or prompt.
//!
//! ```text
//! parent (session.rs)                              child: `minions-sandbox` (child/)
//!   Sandbox::start      -- code, documents -->       confine, prelude, module's top level
//!   prepare_jobs        -- earlier jobs ---->        prepare_jobs(context, ...), checked one by one
//!   transform_outputs   -- jobs with replies ->      transform_outputs(jobs), same globals
//!   in any of them      <- a host call, texts --      embedding_retrieve_top_k_chunks(...)
//!                       -- its answer --------->
//! ```
//!
//! Two walls stand one behind the other: the interpreter, which has no files, network or processes and stops
//! itself at its limits, and the process, which has no right to them either and is killed at a deadline.

mod child;
mod error;
mod host;
mod limits;
mod program;
mod search;
mod session;
mod types;
mod wire;

pub use child::{CHILD_COMMAND, child_main};
pub use error::{CodeError, SandboxError};
pub use host::{HostCall, HostCallLimit, HostCalls};
pub use limits::SandboxLimits;
pub use monty_alloc::LimitedAllocator;
pub use program::SandboxProgram;
pub use search::{Retriever, Search, SearchByMeaning};
pub use session::{Sandbox, Session, Transformed};
pub use types::{JobManifest, JobOutput, JobRecord, set_ids};

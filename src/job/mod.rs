//! A job: bytes become a checked [`Job`], or an error that names the place and the remedy.
//!
//! In: the bytes of one JSON value. Out: a job with every default filled in. It must not know how a job is run.
//! On the way: bytes, a JSON [`value`], a [`bare`] job, a checked job ([`parse`]).

mod client;
mod context;
mod digest;
mod error;
mod fields;
mod file_names;
mod history;
mod json_schema;
mod line;
mod model_id;
mod names;
mod not_json;
mod options;
#[cfg(test)]
mod options_tests;
mod parse;
mod protocol;
mod role;
mod schema;
mod subject;
mod synonyms;
mod unique;
mod value;

pub use digest::{digest, paths};
pub use error::{JobError, Subject};
pub(crate) use fields::nearest;
pub use file_names::bare_name;
pub use json_schema::json_schema;
pub use line::{bare, custom_id, is_job};
pub use model_id::ModelId;
pub use not_json::foreign_file;
pub use parse::parse;
pub(crate) use parse::{BUDGET, check_budget, parse_foreign, prices_of};
pub use protocol::{AutoParams, CostSensitivity, MinionParams, MinionsParams, Protocol, ProtocolKind};
pub use role::JobRole;
pub use schema::{
    Budget, ClientKwargs, ClientSpec, Conversation, Job, NamedFile, Prices, Rewrite, SessionRef,
};
pub use value::{value, value_of};

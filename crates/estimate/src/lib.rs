//! How fast a model will be on a machine, and what memory it takes.
//!
//! In: a model's file or figures, what the machine was measured to manage, what calls have shown. Out: tokens a second, a time
//! and a range for it, bytes, and what that rests on. Nothing here measures, and nothing goes to a network.
//!
//! * [`gguf`]: the one reader of GGUF files; [`quantisation`]: names of their types; [`facts`]: what of a model counts;
//! * [`roofline`]: what a machine would need for a model; [`calls`]: what calls to it have needed;
//! * [`estimate`]: both together;
//! * [`store`]: the file that keeps them.

pub mod calls;
pub mod estimate;
pub mod facts;
pub mod gguf;
pub mod quantisation;
pub mod roofline;
pub mod seed;
pub mod store;

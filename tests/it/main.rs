//! The one integration-test binary: the real executable, real servers, scripted servers for faults.

#[cfg(feature = "embedded")]
mod llama_cpp;
mod support;

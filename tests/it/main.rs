//! The one integration-test binary: the real executable, real servers, scripted servers for faults.

mod sandbox;
mod sandbox_hostile;
mod support;

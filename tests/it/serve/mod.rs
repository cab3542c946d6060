//! `minions serve`, over real HTTP.

mod batches;
mod metrics;
mod openai;
mod openapi;
mod original;

//! The program around the engine: its command line, stdin and stdout, signals, progress, the container.
//!
//! In: arguments, bytes, signals. Out: envelopes on stdout, words for people on stderr, an exit code.

pub(crate) mod args;
pub(crate) mod ask;
pub(crate) mod batch;
pub(crate) mod begin_anew;
pub(crate) mod chat;
pub(crate) mod columns;
pub(crate) mod completions;
mod container;
mod conversation;
pub(crate) mod demo;
mod digits;
pub(crate) mod doctor;
pub(crate) mod envelope;
pub(crate) mod estimate;
mod eval;
mod events_file;
pub(crate) mod index;
mod input;
pub(crate) mod interrupt;
pub(crate) mod last_words;
pub(crate) mod listing;
pub(crate) mod logging;
pub(crate) mod logs;
pub(crate) mod machine;
pub(crate) mod manual;
pub(crate) mod models;
mod narrator;
pub(crate) mod options;
mod outcome;
mod pages;
pub(crate) mod program;
mod progress;
mod pull_bar;
pub(crate) mod queue;
mod readings;
pub(crate) mod run;
mod screen;
pub(crate) mod serve;
pub(crate) mod service;
pub(crate) mod sessions;
mod shell;
pub(crate) mod stdout;
mod sync;
pub(crate) mod usage;
mod waiting;
mod while_open;

pub(crate) use input::Source;

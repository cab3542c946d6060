//! The command line.

use std::ffi::OsString;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use minions::error::Failure;

use super::ask::{self, AskArgs, AskOptions};
use super::batch::{BatchOptions, MergeOptions};
use super::chat::{self, ChatOptions};
use super::completions::CompletionsOptions;
use super::container;
use super::doctor::DoctorOptions;
use super::estimate::EstimateOptions;
use super::eval::{self, EvalArgs};
use super::index::{self, IndexOptions};
use super::logs::LogsOptions;
use super::manual::ManOptions;
use super::models::ModelsOptions;
use super::options::RunOptions;
use super::queue::{self, CollectOptions, StatusOptions, SubmitOptions, WorkOptions};
use super::serve::{self, ServeArgs};
use super::sessions::SessionsOptions;

/// A small local model and a frontier model in the cloud solve a job together.
///
/// Reads a JSON job from stdin and prints one JSON envelope: {"success", "result", "error"}. Several jobs are a batch.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = AFTER)]
pub(crate) struct Cli {
    /// What to do; without it, run the job on stdin.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of `run`.
    #[command(flatten)]
    pub run: RunArgs,
    /// The original's form of a question, which begins with `--context`.
    #[command(flatten)]
    pub question: AskOptions,
}

const AFTER: &str = include_str!("help.txt");

const RUN_EXAMPLES: &str = "\
Examples:
  echo '{\"call_params\": {\"task\": \"Who signed?\", \"context_files\": [\"lease.pdf\"]}}' > job.json
  minions run job.json
  minions run -v job.json | jq -r .result.final_answer
  minions run --dry-run job.json
  printf '%s' \"$JOB\" | minions run

`minions --help` has lines to paste into a job.";

const BATCH_EXAMPLES: &str = "\
Examples:
  minions batch jobs.jsonl > out.jsonl
  minions batch --resume out.jsonl jobs.jsonl >> out.jsonl
  minions batch --dry-run jobs.jsonl
  jq -c '.[]' jobs.json | minions batch > out.jsonl";

const MERGE_EXAMPLES: &str = "\
Examples:
  minions merge out-*.jsonl --input jobs.jsonl > all.jsonl";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  minions doctor
  minions doctor --json | jq -r '.next[]'
  minions doctor > /dev/null && minions ask \"Who signed?\" report.pdf";

const LOGS_EXAMPLES: &str = "\
Examples:
  minions logs
  minions logs show last
  minions logs show ships-1
  minions logs prune --older-than 30d";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions
  minions completions bash > ~/.local/share/bash-completion/completions/minions
  mkdir -p ~/.zfunc && minions completions zsh > ~/.zfunc/_minions      (with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc)
  mkdir -p ~/.config/fish/completions && minions completions fish > ~/.config/fish/completions/minions.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  minions man --dir ~/.cargo/share/man/man1
  minions man | man -l -";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  minions schema > job.schema.json

A job may name it, so that an editor completes and checks it: \"$schema\": \"./job.schema.json\"";

const MODELS_EXAMPLES: &str = "\
Examples:
  minions models
  minions models --json | jq -r '.[] | select(.local).name'";

const ESTIMATE_EXAMPLES: &str = "\
Examples:
  minions estimate --model llama3.2 --tokens 1000 --describe
  minions estimate --model models/SmolLM2-135M-Instruct.Q4_1.gguf --prompt-tokens 3000 --tokens 200
  minions estimate --model http://127.0.0.1:8080 --calibrate
  minions estimate --model llama3.2:1b --json | jq .memory.fits";

const SESSIONS_EXAMPLES: &str = "\
Examples:
  minions sessions
  minions sessions show acme
  minions sessions fork acme@4 other
  minions sessions rm acme";

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer a question about files and folders.
    #[command(after_help = ask::EXAMPLES)]
    Ask(Box<AskArgs>),
    /// Run one job (the default).
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Run many jobs: JSON Lines in, one JSON line out for each.
    #[command(after_help = BATCH_EXAMPLES)]
    Batch(Box<BatchOptions>),
    /// Put the jobs of a batch into a queue, for workers on many machines.
    #[command(after_help = queue::SUBMIT_EXAMPLES)]
    Submit(SubmitOptions),
    /// Run the jobs of a queue.
    #[command(after_help = queue::WORK_EXAMPLES)]
    Work(Box<WorkOptions>),
    /// Print the results of a queue's jobs, a line each: exit code 3 if a job is not done or failed.
    #[command(after_help = queue::COLLECT_EXAMPLES)]
    Collect(CollectOptions),
    /// How far a queue is: jobs, workers, cost, time left.
    Status(StatusOptions),
    /// Make one output of those of several runs over one input: exit code 3 if a job is missing or failed.
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(MergeOptions),
    /// One reply of one model: messages in, an envelope out, through the client of a job.
    #[command(after_help = chat::EXAMPLES)]
    Chat(ChatOptions),
    /// Ask questions with known answers, of one or several configurations, and compare them.
    #[command(after_help = eval::EXAMPLES)]
    Eval(Box<EvalArgs>),
    /// Run the supervisor's code; started by minions itself.
    #[command(name = minions::sandbox::CHILD_COMMAND, hide = true)]
    SandboxChild,
    /// Read files; started by minions itself.
    #[command(name = minions::reader::CHILD_COMMAND, hide = true)]
    ReaderChild,
    /// Keep an Ollama daemon up; started by minions itself.
    #[command(name = minions::runtimes::ollama::WATCHDOG_COMMAND, hide = true)]
    OllamaWatchdog {
        /// See `WatchdogArgs`.
        words: Vec<OsString>,
    },
    /// The first step of the container.
    #[command(name = container::COMMAND, hide = true)]
    Entry {
        /// A program that is not ours, or the arguments of `minions`; nothing for a job on stdin.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Whether the Ollama daemon answers: exit code 0 if it does.
    Health,
    /// Replay a recorded run and show what happened in it; no model, key or network is needed.
    Demo,
    /// The conversations that outlive a run: list, show, fork, remove.
    #[command(after_help = SESSIONS_EXAMPLES)]
    Sessions(SessionsOptions),
    /// What this machine has for a job, what is missing, and the command that mends it: exit code 0 if a job could run.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorOptions),
    /// Read documents beforehand, so that the first question about them is answered as soon as a later one.
    #[command(after_help = index::EXAMPLES)]
    Index(IndexOptions),
    /// How fast a model will be on this machine, and whether it fits.
    #[command(after_help = ESTIMATE_EXAMPLES)]
    Estimate(EstimateOptions),
    /// The models that could be used here: those of servers that answer, and of vendors whose keys are set.
    #[command(after_help = MODELS_EXAMPLES)]
    Models(ModelsOptions),
    /// Answer jobs over HTTP, and show a page: what happens to documents, what leaves, what it costs.
    #[command(after_help = serve::EXAMPLES)]
    Serve(ServeArgs),
    /// The conversation logs of jobs: list, show, prune.
    #[command(after_help = LOGS_EXAMPLES)]
    Logs(LogsOptions),
    /// Print completions for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsOptions),
    /// Print this program's page for `man`, or write those of all commands.
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManOptions),
    /// Print the JSON schema of a job, for editors.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print the version.
    Version,
    /// The client types that a job may name.
    Providers {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

/// Options of `run`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunArgs {
    /// The file with the job; stdin if it is left out or `-`. Several jobs are a batch.
    pub file: Option<PathBuf>,
    /// Read the job from FILE, which is one job even with a custom_id.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub job: Option<PathBuf>,
    /// The options that hold for every job.
    #[command(flatten)]
    pub options: RunOptions,
}

/// The original's form, `minions --context PATH ... [QUESTION]`.
///
/// # Errors
/// Options of a question without documents, or beside a job.
pub(crate) fn in_other_form(run: RunArgs, options: AskOptions) -> Result<AskArgs, Failure> {
    if options.context.is_empty() {
        return Err(Failure::input("these are options of a question, but no question is asked")
            .hint("minions ask \"Who signed?\" lease.pdf, or minions --context lease.pdf; a job has them in its JSON"));
    }
    if run.job.is_some() {
        return Err(Failure::input("--context asks a question, --job runs a job").hint("take one of the two"));
    }
    let words = run.file.into_iter().map(Into::into).collect();
    Ok(AskArgs { words, options, each: run.options })
}

//! What the command line says about a question.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use minions::job::{CostSensitivity, ProtocolKind};

use super::words::Words;
use crate::cli::options::RunOptions;
use crate::cli::screen::Cite;

pub(crate) const EXAMPLES: &str = "\
Examples:
  minions ask \"By how much did the margin fall?\" annual.pdf
  minions ask \"Who signed the lease, and when?\" contracts/ letters.zip
  git diff | minions ask \"What could break?\" > review.md
  minions ask \"What is left to do?\" notes/ --remote anthropic --local ollama/qwen3:8b
  minions ask --json \"Which court?\" ruling.pdf | jq .result.evidence
  minions ask annual.pdf                      a conversation; /help in it shows what it can do
  minions ask --continue \"And in 2015?\"
  minions --context annual.pdf --protocol minions

The question stands first or last; the other words are files and folders, `-` the text on stdin.";

/// `minions ask`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AskArgs {
    /// The question, then the files and folders that it is about. Text on stdin is a document, too. Without a question a
    /// terminal begins a conversation.
    #[arg(value_name = "QUESTION|FILE")]
    pub words: Vec<OsString>,
    /// What holds for a question in either form.
    #[command(flatten)]
    pub options: AskOptions,
    /// The options that hold for every job.
    #[command(flatten)]
    pub each: RunOptions,
}

impl AskArgs {
    /// Whether nothing is asked and somebody sits at a terminal, so that a conversation begins.
    pub(crate) fn is_conversation(&self) -> bool {
        let has_no_question = || {
            Words::of(self.words.clone(), self.options.context.clone())
                .is_ok_and(|words| words.question.is_none())
        };
        !self.options.json && io::stdin().is_terminal() && io::stdout().is_terminal() && has_no_question()
    }
}

/// Options of a question.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Options of a question")]
pub(crate) struct AskOptions {
    /// Files and folders that the question is about; the question may follow them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub context: Vec<PathBuf>,
    /// How the two models work together [default: minions, whose quotes are checked; without documents minion, a chat].
    #[arg(long, value_parser = PossibleValuesParser::new(ProtocolKind::ALL.map(ProtocolKind::name)))]
    pub protocol: Option<String>,
    /// With --protocol auto: how cost and quality are weighed [default: high].
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(CostSensitivity::ALL.map(CostSensitivity::name)))]
    pub cost_sensitivity: Option<String>,
    /// With --protocol auto: ask the worker alone first, check its answer, and run minions if it does not hold.
    #[arg(long)]
    pub escalate: bool,
    /// What the supervisor is told about the documents [default: their names].
    #[arg(long, value_name = "TEXT")]
    pub doc_metadata: Option<String>,
    /// Put a folder's tree and an estimate of its tokens before its files.
    #[arg(long)]
    pub use_gitingest: bool,
    /// The worker, as provider/model [default: MINIONS_LOCAL, else ollama/llama3.2].
    #[arg(long, value_name = "MODEL")]
    pub local: Option<String>,
    /// The supervisor, as provider/model [default: MINIONS_REMOTE, else openai/gpt-4o].
    #[arg(long, value_name = "MODEL")]
    pub remote: Option<String>,
    /// A pair of models by its name in the settings; --local and --remote win over it.
    #[arg(long, value_name = "NAME")]
    pub pair: Option<String>,
    /// Rounds at most [default: 5].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: Option<u32>,
    /// Keep the conversation under NAME, or go on with the one of that name.
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,
    /// Go on with the last conversation.
    #[arg(long = "continue", conflicts_with = "session")]
    pub resume: bool,
    /// The folder of sessions, in place of the user's own.
    #[arg(long, value_name = "DIR")]
    pub session_dir: Option<PathBuf>,
    /// How much is told of the answer's sources [default: short].
    #[arg(long, value_name = "HOW", conflicts_with = "json")]
    pub cite: Option<Cite>,
    /// Print the envelope instead of the answer.
    #[arg(long)]
    pub json: bool,
}

//! What the command line says about questions with known answers.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use minions::job::ProtocolKind;

use crate::cli::options::RunOptions;

pub(crate) const EXAMPLES: &str = "\
Examples:
  minions eval questions.jsonl
  minions eval questions.jsonl --config fast --config offline         two pairs of minions.toml
  minions eval questions.jsonl --config small=small.json --config large=large.json --repeat 3
  minions eval questions.jsonl --config configurations.toml --judge anthropic/claude-sonnet-5-5
  minions eval questions.jsonl --dry-run
  minions eval questions.jsonl --resume
  minions eval questions.jsonl --record tape && minions eval questions.jsonl --replay tape --json | jq .configurations

A question, one a line:
  {\"id\": \"ships\", \"task\": \"How many ships lay off Brest?\", \"context_files\": [\"log.txt\"], \"answer\": {\"number\": 3}}
Answers: {\"number\": 1.5, \"unit\": \"million dollars\", \"tolerance\": \"1%\"}, {\"exact\": \"Ada\"}, {\"set\": [\"a\", \"b\"]},
  {\"contains\": [\"a\", \"b\"]}, {\"regex\": \"(?i)ada\"}, {\"none\": true} (not in the documents), {\"judge\": \"Ada, on 3 May\"},
  {\"all\": [{...}, {...}]}";

/// `minions eval`.
#[derive(Args, Clone, Debug)]
pub(crate) struct EvalArgs {
    /// The file with the questions, JSON Lines; `-` is stdin. Paths in it begin at its folder.
    pub questions: PathBuf,
    /// A configuration: a pair of minions.toml by its name, NAME=FILE (JSON or TOML), or a FILE of several by their names.
    /// Give it several times to compare [default: the usual pair].
    #[arg(long, value_name = "PAIR|NAME=FILE|FILE")]
    pub config: Vec<String>,
    /// The worker, as provider/model, where a configuration names none.
    #[arg(long, value_name = "MODEL")]
    pub local: Option<String>,
    /// The supervisor, as provider/model, where a configuration names none.
    #[arg(long, value_name = "MODEL")]
    pub remote: Option<String>,
    /// How the two models work together, where a configuration does not say [default: minions].
    #[arg(long, value_parser = PossibleValuesParser::new(ProtocolKind::ALL.map(ProtocolKind::name)))]
    pub protocol: Option<String>,
    /// Rounds at most, where a configuration does not say [default: 5].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: Option<u32>,
    /// The model, as provider/model, that marks answers to questions with {"judge": ...}; it is told question, known answer and
    /// answer. Its cost is counted apart.
    #[arg(long, value_name = "MODEL")]
    pub judge: Option<String>,
    /// Ask the first N questions only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Ask each question N times, to see how much answers vary.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,
    /// Keep the results in FILE, a line for each as soon as it is there [default: eval-QUESTIONS.jsonl in the log folder].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Go on with the results of an earlier run: what was answered there is not asked again.
    #[arg(long)]
    pub resume: bool,
    /// Questions at the same time [default: 1, so that the times are true; in a replay 16].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_jobs: Option<u16>,
    /// Print all of it as JSON.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print a line of CSV for each question, configuration and repeat.
    #[arg(long)]
    pub csv: bool,
    /// What holds for each job.
    #[command(flatten)]
    pub each: RunOptions,
}

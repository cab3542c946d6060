//! `minions estimate`: how fast a model will be on this machine, and whether it fits.
//!
//! In: a model's name, how much it is asked, what its server tells, what this machine was measured to manage. Out: the
//! original's two outputs, or JSON. Nothing is fetched, and no model is loaded unless `--calibrate` asks it.

mod calibrate;
mod show;
mod subject;

use std::ops::RangeInclusive;
use std::process::ExitCode;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use minions::config::Environment;
use minions::error::Failure;
use minions::estimate::estimate::Question;
use minions::forecast::{Forecaster, Subject};
use minions::runtimes::window;

use super::{screen, stdout};
use show::Page;

/// The most tokens to read, and to write: both together are a window.
const MOST: u64 = 2_000_000_000;

fn range(tokens: RangeInclusive<u64>) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(tokens)
}

/// Options of `estimate`. The first five are the original's.
#[derive(Args, Debug)]
pub(crate) struct EstimateOptions {
    /// A GGUF file, a model of Ollama, PROVIDER/MODEL as for --local, or the address of a llama.cpp server; without it the
    /// usual worker.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Tokens to write.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = range(0..=MOST))]
    tokens: u64,
    /// Tell what the figures are made of.
    #[arg(long, conflicts_with = "json")]
    describe: bool,
    /// Reckon with weights of 4 bits where the model's have more.
    #[arg(long)]
    quantized: bool,
    /// Reckon as if the model's weights had N bits: 4, 8 or 16.
    #[arg(long, value_name = "N", value_parser = ["4", "8", "16"])]
    quant_bits: Option<String>,
    /// Tokens to read before the first is written.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = range(0..=MOST))]
    prompt_tokens: u64,
    /// The context window, for the memory: keys and values of so many tokens. At least those to read and to write.
    #[arg(long, value_name = "N", value_parser = range(1..=u64::from(u32::MAX)))]
    context: Option<u64>,
    /// Measure the machine anew, and ask the model for 32 tokens.
    #[arg(long, conflicts_with_all = ["quantized", "quant_bits"])]
    calibrate: bool,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// `minions estimate`.
pub(crate) fn run(options: &EstimateOptions) -> ExitCode {
    match text(options, &Environment::of_process()) {
        Ok(text) => stdout::print(text),
        Err(failure) => ExitCode::from(screen::tell(&failure) as u8),
    }
}

fn text(options: &EstimateOptions, environment: &Environment) -> Result<String, Failure> {
    let mut forecaster = Forecaster::new(environment);
    let named = subject::named(options.model.as_deref(), environment, &mut forecaster)?;
    if options.calibrate {
        forecaster.measured();
        calibrate::ask(&named, environment, &mut forecaster)?;
    }
    let bits = match options.quant_bits.as_deref().map(str::parse::<u64>) {
        Some(Ok(bits)) => Some(bits),
        _ => (options.quantized && named.subject.facts.as_ref().is_some_and(|facts| facts.bits() > 4))
            .then_some(4),
    };
    let subject = match (named.subject, bits) {
        (Subject { facts: None, .. }, Some(_)) => {
            return Err(Failure::input(
                "--quant-bits and --quantized need a model whose parameters are known",
            )
            .hint("name a GGUF file, or a model that a server on this machine has"));
        }
        // Another quantisation is another model: what calls have shown is not its.
        (Subject { facts: Some(facts), name, base_url, .. }, Some(bits)) if bits != facts.bits() => Subject {
            name: format!("{name} as if of {bits} bits"),
            base_url,
            facts: Some(facts.with_bits(bits)),
            at_once: 1,
        },
        (subject, _) => subject,
    };
    let question = Question {
        prompt_tokens: options.prompt_tokens,
        tokens: options.tokens,
        window: window(options, &subject)?,
        slots: 1,
    };
    let forecast = forecaster.forecast(&subject, question).ok_or_else(|| subject::unknown(&subject))?;
    let machine = forecaster.known_machine(&subject);
    let room = forecast.memory.and_then(|_| forecaster.room(&subject));
    let page = Page { subject: &subject, question, forecast: &forecast, machine: machine.as_ref(), room };
    Ok(match (options.json, options.describe) {
        (true, _) => format!("{:#}\n", page.json()),
        (false, true) => page.described(),
        (false, false) => page.brief(),
    })
}

/// The window that is asked for: room for all that is read and written.
///
/// # Errors
/// `--context` has no room for it.
fn window(options: &EstimateOptions, subject: &Subject) -> Result<u32, Failure> {
    let &EstimateOptions { prompt_tokens, tokens, context, .. } = options;
    let trained = subject.facts.as_ref().and_then(|facts| facts.trained_context);
    let usual = window::DEFAULT.min(trained.unwrap_or(u32::MAX));
    let needed = prompt_tokens + tokens;
    let chosen = context.unwrap_or_else(|| needed.max(usual.into()));
    if chosen < needed {
        let problem = format!(
            "--context {chosen} has no room for {prompt_tokens} tokens to read and {tokens} to write"
        );
        return Err(Failure::input(problem)
            .hint(format!("give at least --context {needed}, or fewer --prompt-tokens or --tokens")));
    }
    u32::try_from(chosen).map_err(|_| Failure::defect("a window is longer than its parts may be"))
}

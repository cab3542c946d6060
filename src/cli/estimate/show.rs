//! An estimate as the original prints it, and as JSON.

use std::fmt::Write;

use minions::estimate::estimate::{Basis, Estimate, Question, Range};
use minions::estimate::facts::{Facts, Memory};
use minions::estimate::roofline::Machine;
use minions::forecast::{Forecast, Room, Subject};
use serde_json::{Value, json};

use crate::cli::columns::bytes;

/// What is shown.
pub(super) struct Page<'a> {
    pub subject: &'a Subject,
    pub question: Question,
    pub forecast: &'a Forecast,
    pub machine: Option<&'a Machine>,
    pub room: Option<Room>,
}

impl Page<'_> {
    /// The original's two lines, and what they rest on.
    pub(super) fn brief(&self) -> String {
        let Estimate { decode, factor, .. } = &self.forecast.estimate;
        let seconds = self.forecast.estimate.seconds();
        let mut text = format!("Calibration factor: {factor:.2}\n");
        let _ = writeln!(text, "{:.1} tok/s   ETA {:.2}s", decode.likely, seconds.likely);
        text + &self.basis() + &self.memory()
    }

    /// The original's block.
    pub(super) fn described(&self) -> String {
        let estimate = &self.forecast.estimate;
        let mut text = String::from("== Hardware\n");
        if let Some(machine) = self.machine.filter(|_| self.subject.is_here()) {
            let Machine { name, threads, bandwidth, compute, nodes, card, .. } = machine;
            let _ = writeln!(text, "Processors       : {name}, {threads} threads, {nodes} NUMA node(s)");
            let _ = writeln!(text, "Peak compute     : {:.3} TFLOPs (measured)", compute / 1e12);
            let _ = writeln!(text, "Peak BW          : {:.1} GB/s (measured)", bandwidth / 1e9);
            if let Some(card) = card {
                let _ = writeln!(
                    text,
                    "Card             : {}, {}, {:.0} GB/s, {:.0} TFLOPs (by its clocks)",
                    card.name,
                    bytes(card.memory),
                    card.bandwidth / 1e9,
                    card.compute / 1e12
                );
            }
        } else {
            text += "elsewhere: known by the times of its calls alone\n";
        }
        let _ = writeln!(text, "== Model (#tok={})", self.question.tokens);
        let _ = writeln!(text, "Model            : {}", self.subject.name);
        if let Some(facts) = &self.subject.facts {
            text += &of_facts(facts);
        }
        text += "== Throughput\n";
        let theory = estimate.decode.likely / estimate.factor;
        let _ = writeln!(text, "Theory           : {theory:.1} tok/s");
        let _ = writeln!(text, "Empirical factor : {:.2}", estimate.factor);
        let seconds = estimate.seconds().likely;
        let _ = writeln!(text, "Estimate         : {:.1} tok/s   ETA {seconds:.2}s", estimate.decode.likely);
        text + &self.basis() + &self.memory()
    }

    /// Ranges, and what they rest on.
    fn basis(&self) -> String {
        let Estimate { decode, prompt, basis: [writing, reading], .. } = &self.forecast.estimate;
        let seconds = self.forecast.estimate.seconds();
        let is_rough = self.machine.is_some_and(|machine| machine.is_rough)
            && [writing, reading].contains(&&Basis::Roofline);
        let rough = if is_rough { "; others computed while this machine was measured" } else { "" };
        format!(
            "writes {} tok/s ({}), reads {} tok/s ({}), {} s in all{rough}\n",
            between(decode),
            writing.words(),
            between(prompt),
            reading.words(),
            between(&seconds)
        )
    }

    fn memory(&self) -> String {
        let Some(Memory { weights, cache, total, .. }) = self.forecast.memory else { return String::new() };
        let [weights, cache, total] = [weights, cache, total].map(|bytes| bytes >> 20);
        let fits = match (self.fits(), &self.room) {
            (Some(true), Some(room)) => format!("fits: {}", room.words()),
            (Some(false), Some(room)) => format!("does not fit, so that it would page: {}", room.words()),
            (None, Some(room)) => format!("whether it fits is not known: {}", room.words()),
            (_, None) => "the machine does not tell what it has".to_owned(),
        };
        let window = self.question.window;
        let trained = self.subject.facts.as_ref().and_then(|facts| facts.trained_context);
        let trained = match trained.filter(|trained| *trained < window) {
            Some(trained) => format!("the model was trained for {trained} tokens, fewer than that window\n"),
            None => String::new(),
        };
        format!(
            "needs {total} MiB ({weights} weights, {cache} for a window of {window} tokens); {fits}\n{trained}"
        )
    }

    fn fits(&self) -> Option<bool> {
        self.room.as_ref()?.fits(self.forecast.memory?.total)
    }

    pub(super) fn json(&self) -> Value {
        let Forecast { estimate, memory } = self.forecast;
        let memory = memory.map(|memory| {
            let mut all = json!(memory);
            all["free"] = json!(self.room.as_ref().map(|room| room.free.bytes));
            all["fits"] = json!(self.fits());
            all
        });
        json!({
            "model": self.subject.name,
            "address": self.subject.base_url,
            "tokens": self.question.tokens,
            "prompt_tokens": self.question.prompt_tokens,
            "window": self.question.window,
            "tokens_per_second": estimate.decode,
            "prompt_tokens_per_second": estimate.prompt,
            "seconds": estimate.seconds(),
            "prompt_seconds": estimate.reading,
            "decode_seconds": estimate.writing,
            "basis": estimate.basis[0].words(),
            "prompt_basis": estimate.basis[1].words(),
            "calibration_factor": estimate.factor,
            "memory": memory,
            "facts": self.subject.facts,
            "machine": self.machine.filter(|_| self.subject.is_here()),
        })
    }
}

fn of_facts(facts: &Facts) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "Quantization     : {}", facts.quantisation);
    let _ = writeln!(text, "Parameters       : {:.2}e9", facts.parameters as f64 / 1e9);
    if let Some((used, of)) = facts.experts {
        let _ = writeln!(text, "Experts          : {used} of {of} for each token");
    }
    let _ = writeln!(text, "Cost/token       : {:.2} GFLOPs", 2.0 * facts.active_parameters as f64 / 1e9);
    let _ = writeln!(text, "Bytes/token      : {:.1} MB", facts.bytes_per_token as f64 / 1e6);
    text
}

/// `8.8 to 17.2`, with as many digits as say something.
fn between(range: &Range) -> String {
    let number = |value: f64| match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    };
    format!("{} to {}", number(range.low), number(range.high))
}

//! A conversation log as text for people.

use serde_json::Value;

use super::{Log, local};
use crate::cli::columns::cut;
use crate::cli::digits::grouped;
use minions::words;

/// Longer texts lose their middle.
const LONGEST: usize = 4000;
/// The same for what a model was asked, which is ours for the most part.
const LONGEST_PROMPT: usize = 600;

/// The whole text.
pub(super) fn text(log: &Log) -> String {
    let content = &log.content;
    let word = |key: &str| content[key].as_str().unwrap_or_default().to_owned();
    let client = |key: &str| {
        let part = |name: &str| content[key][name].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", part("type"), part("model_name"))
    };
    let usage = |side: &str| {
        let tokens = |name: &str| grouped(content["usage"][side][name].as_u64().unwrap_or_default());
        format!("{} tokens read, {} written", tokens("prompt_tokens"), tokens("completion_tokens"))
    };
    let seconds = content["timing"]["total_time"].as_f64().unwrap_or_default();
    let mut text = format!(
        "{}\n{}, protocol {}, {seconds:.1} s, minions {}\nsupervisor  {}: {}\nworker      {}: {}\n",
        log.path.display(),
        local(log.written),
        word("protocol"),
        word("minions_version"),
        client("remote_client"),
        usage("remote"),
        client("local_client"),
        usage("local"),
    );
    text += &section("Question", &word("task"));
    if let Some(about) = content["doc_metadata"].as_str() {
        text += &section("About the documents", about);
    }
    for entry in content["conversation"].as_array().into_iter().flatten() {
        text += &entry_text(entry);
    }
    match content["error"].as_str() {
        Some(error) => text += &section("Failed", error),
        None => text += &section("Answer", &word("generated_final_answer")),
    }
    text
}

/// One exchange: who was asked, what, and the reply. The jobs of a round are told instead of the texts that hold them.
fn entry_text(entry: &Value) -> String {
    let who = match entry["user"].as_str() {
        Some("remote") => "Supervisor",
        Some("local") => "Worker",
        _ => "Exchange",
    };
    let jobs = entry["job_manifests"].as_array().zip(entry["job_outputs"].as_array());
    if let Some((manifests, outputs)) = jobs {
        return section(
            &format!("{who}: {}", words::count(manifests.len(), "job")),
            &jobs_text(manifests, outputs),
        );
    }
    let asked = readable(&entry["prompt"]);
    let asked =
        asked.map(|text| format!("> {}", middle_out(text.trim(), LONGEST_PROMPT).replace('\n', "\n> ")));
    let parts: Vec<String> = asked.into_iter().chain(readable(&entry["output"])).collect();
    section(who, &parts.join("\n\n"))
}

/// Each task once, below it the answers that say something.
fn jobs_text(manifests: &[Value], outputs: &[Value]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut task = "";
    let mut silent = 0_usize;
    for (manifest, output) in manifests.iter().zip(outputs) {
        let answer = output["answer"].as_str().map(str::trim).unwrap_or_default();
        if answer.is_empty() {
            silent += 1;
            continue;
        }
        let asked = manifest["task"].as_str().unwrap_or_default();
        if asked != task {
            lines.push(asked.to_owned());
            task = asked;
        }
        let chunk = manifest["chunk_id"].as_u64().map(|id| format!("chunk {id}: ")).unwrap_or_default();
        let cited = output["citation"].as_str().filter(|text| !text.is_empty());
        let cited = cited.map(|text| format!(" (\"{}\")", cut(text, 200))).unwrap_or_default();
        lines.push(format!("  {chunk}{answer}{cited}"));
    }
    if silent > 0 {
        lines.push(format!("{} found nothing.", words::count(silent, "job")));
    }
    lines.join("\n")
}

/// A value as text: a text itself, an object or a list as lines.
fn readable(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        // What a model wrote as JSON is read as such.
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => readable(&inner),
            Ok(_) | Err(_) => Some(text.clone()),
        },
        Value::Object(fields) => {
            let line = |(key, value): (&String, &Value)| Some(format!("{key}: {}", readable(value)?));
            Some(fields.iter().filter_map(line).collect::<Vec<_>>().join("\n"))
        }
        Value::Array(items) => Some(
            items.iter().filter_map(readable).map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n"),
        ),
        other => Some(other.to_string()),
    }
}

fn section(head: &str, text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    let shown = middle_out(text, LONGEST);
    // A model's text may hold what a terminal obeys.
    let clean: String = shown.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    format!("\n== {head}\n{clean}\n")
}

/// `text` in about `most` characters: its beginning and its end.
fn middle_out(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most / 2).collect();
    let end: String = text.chars().skip(length - most / 2).collect();
    format!("{start}\n... {} characters ...\n{end}", grouped((length - most) as u64))
}

//! `minions logs`: the conversation logs of jobs, as a list, as text, and their removal.
//!
//! In: the folder of logs. Out: text on stdout. A file is a log if it is JSON with a log's keys; no other is listed or
//! removed.

mod show;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use minions::config::{self, Environment};
use minions::error::Failure;
use minions::words;

use super::columns::{WIDTH, cut, table};
use super::{screen, stdout};

/// The most bytes of a log that is looked at.
const LONGEST: u64 = 1 << 30;

/// Options of `logs`.
#[derive(Args, Debug)]
pub(crate) struct LogsOptions {
    #[command(subcommand)]
    command: Option<LogsCommand>,
    /// The folder of the logs; without it, MINIONS_LOG_DIR, else minion_logs.
    #[arg(long, value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
}

/// What is done with logs.
#[derive(Debug, Subcommand)]
enum LogsCommand {
    /// List the logs, the newest first (the default).
    List {
        /// So many at most.
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        count: usize,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Show a log as text.
    Show {
        /// A part of its name, or `last`.
        #[arg(default_value = "last")]
        id: String,
    },
    /// Remove old logs, and nothing else.
    Prune {
        /// Those that were written longer ago than this: 30d, 12h, 2w.
        #[arg(long, value_name = "AGE", value_parser = age)]
        older_than: Duration,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
}

/// A conversation log.
pub(super) struct Log {
    pub path: PathBuf,
    /// Its path within the folder.
    pub name: String,
    pub written: SystemTime,
    pub content: Value,
}

impl Log {
    /// The part of its name that people may give: the random part of a name that minions made, else the name.
    fn id(&self) -> &str {
        let name = self.name.strip_suffix(".json").unwrap_or(&self.name);
        let is_stamped = name.len() > 16
            && name.as_bytes()[15] == b'Z'
            && name.as_bytes()[..8].iter().all(u8::is_ascii_digit);
        match name.rsplit_once('_') {
            Some((_, random)) if is_stamped && random.len() == 6 => random,
            _ => name,
        }
    }
}

/// `minions logs`.
pub(crate) fn run(options: &LogsOptions) -> ExitCode {
    let environment = Environment::of_process();
    let usual = || environment.get(config::ENV_LOG_DIR).unwrap_or(config::LOG_DIR).into();
    let dir = options.dir.clone().unwrap_or_else(usual);
    let text = match options.command.as_ref().unwrap_or(&LogsCommand::List { count: 20, json: false }) {
        LogsCommand::List { count, json } => Ok(list(&dir, *count, *json)),
        LogsCommand::Show { id } => find(&dir, id).map(|log| show::text(&log)).map_err(Failure::input),
        LogsCommand::Prune { older_than, yes } => prune(&dir, *older_than, *yes),
    };
    match text {
        Ok(text) => stdout::print(&text),
        Err(failure) => ExitCode::from(screen::tell(&failure) as u8),
    }
}

/// A file that may be a log.
struct Candidate {
    path: PathBuf,
    /// Its path within the folder.
    name: String,
    written: SystemTime,
}

/// The files below `dir` that may be logs, the newest first. Links are not followed.
fn candidates(dir: &Path) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (Ok(about), path) = (entry.metadata(), entry.path()) else { continue };
            if about.is_dir() {
                folders.push(path);
            } else if about.is_file()
                && about.len() <= LONGEST
                && path.extension().is_some_and(|end| end == "json")
                && let Ok(written) = about.modified()
            {
                let name = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
                found.push(Candidate { path, name, written });
            }
        }
    }
    found.sort_by(|a, b| (b.written, &b.name).cmp(&(a.written, &a.name)));
    found
}

/// The logs below `dir`, the newest first, each read when it is asked for.
fn logs(dir: &Path) -> impl Iterator<Item = Log> {
    candidates(dir).into_iter().filter_map(Candidate::read)
}

impl Candidate {
    /// The log, if it is one.
    fn read(self) -> Option<Log> {
        let content: Value = serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()?;
        let texts = ["minions_version", "protocol", "task", "generated_final_answer"];
        let is_ours = texts.iter().all(|key| content[key].is_string()) && content["conversation"].is_array();
        let Self { path, name, written } = self;
        is_ours.then_some(Log { path, name, written, content })
    }
}

/// The log whose name has `id` in it, or the newest.
fn find(dir: &Path, id: &str) -> Result<Log, String> {
    if id == "last" {
        return logs(dir).next().ok_or_else(|| nothing(dir));
    }
    let (exact, parts): (Vec<_>, Vec<_>) = candidates(dir)
        .into_iter()
        .filter(|file| file.name.contains(id) || file.path == Path::new(id))
        .partition(|file| {
            file.name == id || file.name.strip_suffix(".json") == Some(id) || file.path == Path::new(id)
        });
    let mut found: Vec<Log> = exact.into_iter().filter_map(Candidate::read).take(1).collect();
    if found.is_empty() {
        found = parts.into_iter().filter_map(Candidate::read).collect();
    }
    match &found[..] {
        [] if logs(dir).next().is_none() => Err(nothing(dir)),
        [] => Err(format!("no log in {} has `{id}` in its name: `minions logs` lists them", dir.display())),
        [_] => Ok(found.swap_remove(0)),
        several => {
            let names: Vec<_> = several.iter().take(5).map(|log| log.name.as_str()).collect();
            Err(format!(
                "{} have `{id}` in their names: {}",
                words::count(several.len(), "log"),
                names.join(", ")
            ))
        }
    }
}

fn nothing(dir: &Path) -> String {
    format!("there is no log in {} (each job writes one; --dir names another folder)", dir.display())
}

fn list(dir: &Path, count: usize, json: bool) -> String {
    // One more tells whether there are others.
    let mut all: Vec<Log> = logs(dir).take(count.saturating_add(1)).collect();
    let has_more = all.len() > count;
    all.truncate(count);
    if json {
        let entries = all.iter().map(|log| {
            let content = &log.content;
            serde_json::json!({
                "id": log.id(), "name": log.name, "path": log.path.display().to_string(), "written": timestamp(log.written).to_string(),
                "protocol": content["protocol"], "status": state(content), "task": content["task"],
                "local_client": content["local_client"], "remote_client": content["remote_client"],
                "remote_tokens": content["usage"]["remote"]["total_tokens"], "seconds": content["timing"]["total_time"],
            })
        });
        return format!("{:#}\n", Value::from_iter(entries));
    }
    if all.is_empty() {
        return format!("{}\n", capital(&nothing(dir)));
    }
    let head = ["id", "when", "protocol", "", "remote tokens", "s", "question"].map(str::to_owned).to_vec();
    let row = |log: &Log| {
        let content = &log.content;
        let tokens = content["usage"]["remote"]["total_tokens"].as_u64().unwrap_or_default();
        let seconds = content["timing"]["total_time"].as_f64().unwrap_or_default();
        let task =
            content["task"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        vec![
            log.id().to_owned(),
            local(log.written),
            content["protocol"].as_str().unwrap_or_default().to_owned(),
            state(content).to_owned(),
            super::digits::grouped(tokens),
            format!("{seconds:.0}"),
            cut(&task, WIDTH),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(all.iter().map(row)).collect();
    let rest = if has_more { "\nThere are older ones: `minions logs list -n 100` shows more.\n" } else { "" };
    format!(
        "{}{rest}\n`minions logs show last` shows the newest; an id or a part of a name in {} another.\n",
        table(&rows),
        dir.display()
    )
}

/// How a job ended.
fn state(content: &Value) -> &'static str {
    if content["error"].is_string() { "failed" } else { "answered" }
}

fn prune(dir: &Path, age: Duration, is_sure: bool) -> Result<String, Failure> {
    let is_old = |file: &Candidate| SystemTime::now().duration_since(file.written).is_ok_and(|old| old > age);
    let old = candidates(dir).into_iter().filter(is_old).filter_map(Candidate::read);
    let old: Vec<PathBuf> = old.map(|log| log.path).collect();
    if old.is_empty() {
        return Ok(format!("No log in {} is older.\n", dir.display()));
    }
    let count = words::count(old.len(), "log");
    if !is_sure {
        if !io::stdin().is_terminal() {
            let problem = format!("{count} in {} would be removed", dir.display());
            return Err(Failure::system(problem).hint("add --yes to remove them"));
        }
        let _ = write!(io::stderr().lock(), "Remove {count} in {}? [y/N] ", dir.display());
        let mut answer = String::new();
        let is_read = io::stdin().lock().read_line(&mut answer).is_ok();
        if !is_read || !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok("Nothing was removed.\n".to_owned());
        }
    }
    for path in &old {
        std::fs::remove_file(path).map_err(|error| {
            Failure::system(format!("{} can't be removed: {}", path.display(), words::of_io(&error)))
        })?;
    }
    Ok(format!("Removed {count} from {}.\n", dir.display()))
}

/// Reads an age such as `30d`.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number with h, d or w, such as 30d".to_owned();
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return Err(wrong()),
    };
    let number: u64 = number.trim().parse().map_err(|_| wrong())?;
    number.checked_mul(hours * 3600).map(Duration::from_secs).ok_or_else(wrong)
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The local time to the minute.
pub(super) fn local(time: SystemTime) -> String {
    timestamp(time).to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_numbers_with_a_unit() {
        for (text, hours) in [("30d", Some(720)), ("12h", Some(12)), ("2w", Some(336)), ("0d", Some(0))] {
            assert_eq!(age(text).ok().map(|age| age.as_secs() / 3600), hours, "{text}");
        }
        for text in
            ["", "d", "30", "3m", "-1d", "1.5d", "99999999999999999999d", "30 days", "9999999999999999999w"]
        {
            assert!(age(text).is_err(), "{text}");
        }
    }
}

//! A question as a job in JSON, like any other.

use std::path::{Path, PathBuf};

use minions::error::Failure;
use minions::job::{ModelId, Prices, ProtocolKind, bare_name};
use minions::sessions::Name;
use minions::settings::Settings;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::options::AskOptions;

/// Rounds, as in the original's command line.
pub(in crate::cli) const ROUNDS: u32 = 5;
/// The supervisor's temperature, as in the original's command line.
const TEMPERATURE: f64 = 0.2;
/// The name of the document that comes on stdin.
const STDIN: &str = "stdin";
/// What a PDF, a page, RTF and a mail begin with.
const MARKS: [&str; 10] = [
    "%pdf-",
    "<!doctype",
    "<html",
    "<?xml",
    "{\\rtf",
    "from: ",
    "return-path: ",
    "received: ",
    "delivered-to: ",
    "mime-version: ",
];
/// Characters of the longest of them, or more.
const LONGEST_MARK: usize = 20;
/// Names that the supervisor is told.
const MOST_NAMES: usize = 12;

/// The two models, and what the settings say of them.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Models {
    pub local: ModelId,
    pub remote: ModelId,
    /// Dollars for the supervisor's tokens, if anybody knows them.
    prices: Option<Prices>,
    /// What a question may cost, in the form of a job.
    budget: Map<String, Value>,
}

impl Models {
    /// Those of the command line, else those of its pair, else the usual ones of the settings; `is_dry` if they are not
    /// called, and need no keys.
    ///
    /// # Errors
    /// A name that can't be read, a pair that is not there, a key's variable that is not set.
    pub(in crate::cli) fn of(
        options: &AskOptions,
        settings: &Settings,
        is_dry: bool,
    ) -> Result<Self, Failure> {
        let mut pair = settings.pair(options.pair.as_deref())?;
        for (option, given, side) in
            [("--local", &options.local, &mut pair.local), ("--remote", &options.remote, &mut pair.remote)]
        {
            if let Some(given) = given {
                side.model = ModelId::parse(option, given)?;
            }
        }
        match is_dry {
            true => settings.check_but_for_keys(&pair)?,
            false => settings.check_keys(&pair)?,
        }
        let prices = settings.prices(&pair.remote.model).map(|priced| priced.prices);
        Ok(Self { local: pair.local.model, remote: pair.remote.model, prices, budget: settings.budget() })
    }
}

/// A question with its documents.
pub(in crate::cli) struct Task<'a> {
    pub question: &'a str,
    pub files: &'a [PathBuf],
    /// What came on stdin.
    pub piped: &'a Piped,
    pub options: &'a AskOptions,
    pub models: &'a Models,
    /// The session that it is a turn of.
    pub session: Option<&'a Name>,
}

/// The documents that were piped in.
#[derive(Default)]
pub(in crate::cli) struct Piped(Vec<PipedDocument>);

/// One of them.
struct PipedDocument {
    name: String,
    content: Content,
}

enum Content {
    Text(String),
    /// A file that is no text, in a folder that lives as long as the question.
    File(TempDir),
}

impl Piped {
    /// What the bytes of stdin are.
    ///
    /// # Errors
    /// They can't be kept.
    pub(in crate::cli) fn of(bytes: Vec<u8>) -> Result<Self, Failure> {
        let mut piped = Self::default();
        piped.add(STDIN, bytes)?;
        Ok(piped)
    }

    /// Adds what came from a pipe of that name, unless it is nothing.
    ///
    /// # Errors
    /// It can't be kept.
    pub(in crate::cli) fn add(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let content = match String::from_utf8(bytes) {
            Ok(text) if is_plain(&text) => Content::Text(text),
            other => {
                let bytes = other.map_or_else(|error| error.into_bytes(), String::into_bytes);
                let kept = tempfile::tempdir()
                    .and_then(|folder| std::fs::write(folder.path().join(STDIN), bytes).map(|()| folder));
                Content::File(kept.map_err(|error| {
                    Failure::system(format!(
                        "what came on {name} can't be kept in a temporary folder: {error}"
                    ))
                })?)
            }
        };
        self.0.push(PipedDocument { name: name.to_owned(), content });
        Ok(())
    }

    pub(in crate::cli) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// The one text that came, which may be the question.
    pub(in crate::cli) fn text(&self) -> Option<&str> {
        match &self.0[..] {
            [PipedDocument { content: Content::Text(text), .. }] => Some(text),
            _ => None,
        }
    }

    /// As they stand in a job's `context`.
    fn documents(&self) -> Vec<Value> {
        let document = |PipedDocument { name, content }: &PipedDocument| match content {
            Content::Text(text) => json!({"name": name, "text": text}),
            Content::File(folder) => {
                json!({"name": name, "file": folder.path().join(STDIN).display().to_string()})
            }
        };
        self.0.iter().map(document).collect()
    }
}

/// Whether a text can be taken as it stands: what is written for programs is read as a file is.
fn is_plain(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(LONGEST_MARK).collect::<String>().to_lowercase();
    !text.contains('\0') && MARKS.iter().all(|mark| !start.starts_with(mark))
}

impl Task<'_> {
    /// Refuses what only `auto` heeds where `protocol` runs.
    fn check_options(&self, protocol: &str) -> Result<(), Failure> {
        let Self { options, .. } = self;
        let given =
            [("--cost-sensitivity", options.cost_sensitivity.is_some()), ("--escalate", options.escalate)];
        let is_auto = protocol == ProtocolKind::Auto.name();
        let Some((name, _)) = given.into_iter().find(|(_, is_given)| *is_given && !is_auto) else {
            return Ok(());
        };
        Err(Failure::input(format!("{name} is for --protocol auto, and this is {protocol}"))
            .hint(format!("add --protocol auto, or leave {name} out")))
    }

    /// The job.
    ///
    /// # Errors
    /// A file whose name is no text, an option that the protocol does not heed.
    pub(in crate::cli) fn job(&self) -> Result<Value, Failure> {
        let Self { question, files, piped, options, models, session } = self;
        let named: Vec<&str> = files.iter().map(|file| utf8(file)).collect::<Result<_, _>>()?;
        let has_documents = !named.is_empty() || !piped.is_nothing();
        let usual = usual_protocol(has_documents).name();
        let is_program = options.protocol.as_deref() == Some(ProtocolKind::Minions.name());
        let protocol = match &options.protocol {
            // There is nothing that a program could cut; a session may have documents.
            Some(_) if is_program && !has_documents && session.is_none() => usual,
            Some(protocol) => protocol,
            None => usual,
        };
        self.check_options(protocol)?;
        let mut job = json!({
            "local_client": models.local.client(),
            "remote_client": models.remote.client(),
            "protocol": {
                "type": protocol,
                "max_rounds": options.rounds.unwrap_or(ROUNDS),
            },
            "call_params": {"task": question},
        });
        let ModelId { provider, model } = &models.remote;
        let model = model.as_deref().unwrap_or(provider.model);
        // A model that takes no temperature is not told one, so that there is nothing to warn of.
        if !provider.unsent(provider.base_url, model).contains(&"temperature") {
            job["remote_client"]["kwargs"] = json!({"temperature": TEMPERATURE});
        }
        if let Some(Prices { input, cached_input, output }) = models.prices {
            let prices = json!({"input": input, "cached_input": cached_input, "output": output});
            job["protocol"]["kwargs"] = json!({"prices": prices});
        }
        if let Some(level) = &options.cost_sensitivity {
            job["protocol"]["kwargs"]["cost_sensitivity"] = level.as_str().into();
        }
        if options.escalate {
            job["protocol"]["kwargs"]["escalate"] = true.into();
        }
        if let Some(session) = session {
            job["session"] = session.to_string().into();
            if let Some(dir) = &options.session_dir {
                job["protocol"]["session_dir"] = utf8(dir)?.into();
            }
        }
        if !models.budget.is_empty() {
            job["budget"] = models.budget.clone().into();
        }
        let params = &mut job["call_params"];
        if !piped.is_nothing() {
            params["context"] = piped.documents().into();
        }
        // A session is told, too, that there are none any more.
        if !named.is_empty() || session.is_some() {
            params["context_files"] = json!(named);
        }
        if options.use_gitingest {
            params["use_gitingest"] = true.into();
        }
        if let Some(metadata) = options.doc_metadata.clone().or_else(|| metadata(&named, piped)) {
            params["doc_metadata"] = metadata.into();
        }
        Ok(job)
    }
}

/// The protocol of a question that names none.
pub(in crate::cli) fn usual_protocol(has_documents: bool) -> ProtocolKind {
    if has_documents { ProtocolKind::Minions } else { ProtocolKind::Minion }
}

fn utf8(file: &Path) -> Result<&str, Failure> {
    file.to_str().ok_or_else(|| {
        Failure::input(format!("the name of the file {file:?} is no UTF-8 text"))
            .hint("rename it, or pipe it in: `minions ask \"Who signed?\" < FILE`")
    })
}

/// What the supervisor is told of documents that nobody describes: their names, as in the original.
fn metadata(files: &[&str], piped: &Piped) -> Option<String> {
    let of_pipes = piped.0.iter().map(|_| "a text without a name".to_owned());
    let of_files = files.iter().map(|file| bare_name(file));
    let names: Vec<String> = of_files.chain(of_pipes).collect();
    let text = match &names[..] {
        [] => return None,
        [folder] if files.first().is_some_and(|file| Path::new(file).is_dir()) => {
            format!("Multiple documents from folder: {folder}")
        }
        [name] => format!("Document: {name}"),
        names => {
            let more = names.len().saturating_sub(MOST_NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("Documents: {}{more}", names[..names.len().min(MOST_NAMES)].join(", "))
        }
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions::settings::PRICE_TABLE;

    fn job(
        question: &str,
        files: &[&str],
        stdin: &[u8],
        options: &AskOptions,
        variables: &[(&str, &str)],
    ) -> Value {
        let environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let settings = Settings::load(&environment, Path::new("/")).unwrap();
        let models = Models::of(options, &settings, false).unwrap();
        let piped = Piped::of(stdin.to_vec()).unwrap();
        Task { question, files: &files, piped: &piped, options, models: &models, session: None }
            .job()
            .unwrap()
    }

    #[test]
    fn a_question_is_a_job() {
        let usual = AskOptions::default();
        let mut asked = job("Who?", &["a.pdf", "b.txt"], b"", &usual, &[]);
        // Its prices are those of the day.
        asked["protocol"].as_object_mut().unwrap().remove("kwargs");
        assert_eq!(
            asked,
            json!({
                "local_client": {"type": "ollama", "model_name": "llama3.2"},
                "remote_client": {"type": "openai", "model_name": "gpt-4o", "kwargs": {"temperature": 0.2}},
                "protocol": {"type": "minions", "max_rounds": 5},
                "call_params": {
                    "task": "Who?", "context_files": ["a.pdf", "b.txt"], "doc_metadata": "Documents: a.pdf, b.txt",
                },
            })
        );
        let job = job("Who?", &[], "Signed: Ada".as_bytes(), &usual, &[("MINIONS_REMOTE", "openai/o3-mini")]);
        assert_eq!(job["remote_client"], json!({"type": "openai", "model_name": "o3-mini"}));
        assert!(job["protocol"].get("kwargs").is_none(), "no price is guessed: {job}");
        assert_eq!(job["call_params"]["context"], json!([{"name": "stdin", "text": "Signed: Ada"}]));
    }

    #[test]
    fn prices_that_are_known_go_with_the_question() {
        let row = &PRICE_TABLE[0];
        let remote = format!("{}/{}", row.provider, row.rows[0].model);
        let options = AskOptions { remote: Some(remote), ..AskOptions::default() };
        let job = job("Who?", &[], b"", &options, &[]);
        assert_eq!(job["protocol"]["kwargs"]["prices"]["output"], json!(row.rows[0].output));
    }

    #[test]
    fn what_is_nearer_wins() {
        let options = AskOptions {
            local: Some("hf.co/x/y".into()),
            protocol: Some("minion".into()),
            rounds: Some(2),
            doc_metadata: Some("A log.".into()),
            ..AskOptions::default()
        };
        let variables = [("MINIONS_LOCAL", "lemonade/z"), ("MINIONS_REMOTE", "anthropic")];
        let job = job("Who?", &["src"], b"", &options, &variables);
        assert_eq!(job["local_client"], json!({"type": "ollama", "model_name": "hf.co/x/y"}));
        assert_eq!(job["remote_client"], json!({"type": "anthropic", "kwargs": {"temperature": 0.2}}));
        assert_eq!((&job["protocol"]["type"], &job["protocol"]["max_rounds"]), (&json!("minion"), &json!(2)));
        assert_eq!(job["call_params"]["doc_metadata"], "A log.");
    }

    #[test]
    fn the_supervisor_is_told_names() {
        let (nothing, text) = (Piped::default(), Piped::of(b"x".to_vec()).unwrap());
        let many: Vec<String> = (0..14).map(|at| format!("{at}.txt")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (files, piped, told) in [
            (&["a.pdf"][..], &nothing, Some("Document: a.pdf")),
            (&["/home/ann/a.pdf"], &nothing, Some("Document: a.pdf")),
            (&["src"], &nothing, Some("Multiple documents from folder: src")),
            (&["a.pdf"], &text, Some("Documents: a.pdf, a text without a name")),
            (&[], &text, Some("Document: a text without a name")),
            (&[], &nothing, None),
        ] {
            assert_eq!(metadata(files, piped).as_deref(), told);
        }
        assert!(metadata(&many, &nothing).unwrap().ends_with("10.txt, 11.txt and 2 more"));
    }

    #[test]
    fn what_is_piped_is_a_text_or_a_file() {
        assert!(Piped::of(b" \n".to_vec()).unwrap().is_nothing());
        assert_eq!(Piped::of("ü".into()).unwrap().text(), Some("ü"));
        for bytes in [b"%PDF-1.7\n".to_vec(), b"PK\x03\x04\x14\0".to_vec(), vec![0xff, 0xfe, 0x41, 0x00]] {
            let piped = Piped::of(bytes.clone()).unwrap();
            assert!(piped.text().is_none() && !piped.is_nothing());
            let document = piped.documents().swap_remove(0);
            assert_eq!(std::fs::read(document["file"].as_str().unwrap()).unwrap(), bytes);
        }
        let mut piped = Piped::of(b"a".to_vec()).unwrap();
        piped.add("pipe", b"b".to_vec()).unwrap();
        let documents = json!([{"name": "stdin", "text": "a"}, {"name": "pipe", "text": "b"}]);
        assert_eq!(Value::from(piped.documents()), documents);
    }
}

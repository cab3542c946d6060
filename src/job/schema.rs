//! What a job holds once it is checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::protocol::Protocol;
use super::role::JobRole;
use crate::chat::providers::Provider;
use crate::chat::secrets::Secret;
use crate::chat::{Generation, Usage, VendorOptions, base_url};
use crate::documents::Document;
use crate::history::History;
use crate::sessions::Name;

/// One job: the two sides, the protocol, the question and the documents.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name in a batch.
    pub line: Option<String>,
    /// In a batch: the hash of its content.
    pub hash: Option<String>,
    /// Whether its result leaves out the messages and the conversation log.
    pub is_slim: bool,
    /// The worker's side.
    pub local: ClientSpec,
    /// The supervisor's side.
    pub remote: ClientSpec,
    /// How the two work together.
    pub protocol: Protocol,
    /// The question.
    pub task: String,
    /// The documents that the job holds itself, in order; may be empty.
    pub context: Arc<[Document]>,
    /// Files and folders whose documents come besides, in order.
    pub files: Vec<NamedFile>,
    /// Whether the job says that it has none, whatever its session was about before.
    pub is_without_files: bool,
    /// Whether what a folder holds is told as gitingest tells it, with a header.
    pub use_gitingest: bool,
    /// Whether the worker reads pages that are pictures; by default if its server says that it sees.
    pub read_scans: Option<bool>,
    /// Pictures for the worker, as the job names them: paths, URLs, base64.
    pub images: Vec<String>,
    /// What the supervisor is told about the documents.
    pub doc_metadata: Option<String>,
    /// Files that replace prompts, by the prompts' names.
    pub prompts: BTreeMap<String, PathBuf>,
    /// The most rounds, at least 1.
    pub max_rounds: u32,
    /// Where the conversation log goes.
    pub log_dir: PathBuf,
    /// The log's path within `log_dir`, if the job names one.
    pub log_name: Option<PathBuf>,
    /// What the job may cost.
    pub budget: Budget,
    /// What the supervisor's tokens cost, if the job says.
    pub prices: Option<Prices>,
    /// An object of the caller's own, copied to the result.
    pub metadata: Option<Value>,
    /// What was said before; `None` if the job stands for itself.
    pub conversation: Option<Conversation>,
    /// What of it has no effect, in words.
    pub warnings: Vec<String>,
}

/// The conversation that a job is a turn of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// What was said before; of a session, what is not in it: how many turns stay as they are.
    pub history: History,
    /// Who makes a follow-up stand alone.
    pub rewrite: Rewrite,
    /// The session that has the history and takes this turn.
    pub session: Option<SessionRef>,
}

/// Who makes a question of a follow-up that stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// The supervisor.
    Remote,
    /// The worker.
    Local,
    /// Nobody: the task goes out as it is.
    Off,
}

impl Rewrite {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Remote, Self::Local, Self::Off];

    /// Who does it where a job does not say: the supervisor, if the protocol asks it.
    pub fn of(protocol: &Protocol) -> Self {
        if protocol.asks(JobRole::Supervisor) { Self::Remote } else { Self::Local }
    }

    /// Whose model does it.
    pub fn role(self) -> Option<JobRole> {
        match self {
            Self::Remote => Some(JobRole::Supervisor),
            Self::Local => Some(JobRole::Worker),
            Self::Off => None,
        }
    }

    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Remote => "remote",
            Self::Local => "local",
            Self::Off => "off",
        }
    }
}

/// A session, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRef {
    /// Its name.
    pub name: Name,
    /// The folder of sessions, if the job names one.
    pub dir: Option<PathBuf>,
}

impl Job {
    /// The session that it is a turn of, if it is one.
    pub fn session(&self) -> Option<&SessionRef> {
        self.conversation.as_ref()?.session.as_ref()
    }

    /// Reads paths of files from this folder on, in place of the one in which minions was started.
    pub fn files_from(&mut self, folder: &Path) {
        for file in &mut self.files {
            file.folder = Some(folder.to_owned());
        }
    }

    /// Reads the files that the job names elsewhere: `place` tells where, by their paths as the job gives them. What they
    /// are called stays.
    ///
    /// # Errors
    /// The first path that `place` does not know.
    pub fn files_at(&mut self, place: impl Fn(&str) -> Option<PathBuf>) -> Result<(), String> {
        for file in &mut self.files {
            let path = place(&file.given).ok_or_else(|| file.given.clone())?;
            file.name.get_or_insert(std::mem::take(&mut file.given));
            (file.given, file.folder) = (path.display().to_string(), None);
        }
        Ok(())
    }
}

/// A file or a folder that a job names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The key with its path in the job, for messages.
    pub place: String,
    /// Its path, as the job gives it.
    pub given: String,
    /// What its document is called, if that is not as its path: as the job says, or without the folders that it is in.
    pub name: Option<String>,
    /// How many of the documents that the job holds itself come before it.
    pub after: usize,
    /// Where a relative path begins; the folder in which minions was started if it is left out.
    pub folder: Option<PathBuf>,
}

impl NamedFile {
    /// The path to open.
    pub fn path(&self) -> PathBuf {
        self.folder.as_ref().map_or_else(|| PathBuf::from(&self.given), |folder| folder.join(&self.given))
    }

    /// The name of its document, and the beginning of the names of what a folder or an archive holds.
    pub fn document_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.given)
    }
}

/// What a job may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Tokens of all remote calls together.
    pub remote_tokens: Option<u64>,
    /// Dollars for all remote calls together; if set, the job has prices.
    pub usd: Option<f64>,
    /// Characters of the documents that may leave this machine, as far as they are recognised.
    pub egress_chars: Option<u64>,
    /// Bytes besides the job's own words that may leave this machine.
    pub egress_bytes: Option<u64>,
    /// Time from start to end.
    pub deadline: Option<Duration>,
}

/// Dollars for a million tokens of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Of a prompt.
    pub input: f64,
    /// Of the part of a prompt that comes from the server's cache.
    pub cached_input: f64,
    /// Of a reply.
    pub output: f64,
}

impl Prices {
    /// Dollars for `usage`.
    pub fn cost(&self, usage: Usage) -> f64 {
        let dollars = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        dollars(usage.prompt_tokens - usage.cached_prompt_tokens.min(usage.prompt_tokens), self.input)
            + dollars(usage.cached_prompt_tokens, self.cached_input)
            + dollars(usage.completion_tokens, self.output)
    }
}

/// One side of a job.
#[derive(Clone, Debug)]
pub struct ClientSpec {
    /// `local_client` or `remote_client`, for messages.
    pub side: &'static str,
    /// The row of the provider table.
    pub provider: &'static Provider,
    /// The model, if the job names one.
    pub model: Option<String>,
    /// `llama_cpp`: the GGUF file.
    pub model_path: Option<PathBuf>,
    /// The server's port, if the job names one.
    pub port: Option<u16>,
    /// The longest time without a byte from the server, if the job sets one.
    pub timeout: Option<Duration>,
    /// Whether a model that is not there is fetched, where its server can.
    pub fetches: bool,
    /// The other options.
    pub kwargs: ClientKwargs,
}

impl ClientSpec {
    /// A side that names its provider and nothing else.
    pub fn bare(side: &'static str, provider: &'static Provider) -> Self {
        let kwargs = ClientKwargs::default();
        Self {
            side,
            provider,
            model: None,
            model_path: None,
            port: None,
            timeout: None,
            fetches: true,
            kwargs,
        }
    }

    /// Whether the model runs in this process.
    pub fn is_embedded(&self) -> bool {
        self.provider.dialect.is_none()
    }

    /// The values that must not be shown: the key, the headers, and passwords of URLs.
    pub fn secrets(&self) -> Vec<String> {
        let ClientKwargs { api_key, headers, base_urls, address, .. } = &self.kwargs;
        let told = api_key.iter().chain(headers.values()).map(|secret| secret.expose().to_owned());
        let urls = base_urls.iter().chain(address.values());
        told.chain(urls.flat_map(|url| base_url::credentials(url))).collect()
    }
}

/// Options of a client, as the job's `kwargs` name them.
#[derive(Clone, Debug, Default)]
pub struct ClientKwargs {
    /// How replies are generated; the context window is `num_ctx` or `n_ctx`.
    pub generation: Generation,
    /// What only one vendor has.
    pub vendor: VendorOptions,
    /// Whether the job wants no limit of a reply's length, so that there is no default one either.
    pub is_unlimited: bool,
    /// Credential.
    pub api_key: Option<Secret>,
    /// Further headers of each call, by their names in lower case.
    pub headers: BTreeMap<String, Secret>,
    /// The addresses of its servers (`base_url`), each once; none if the job does not say.
    pub base_urls: Vec<String>,
    /// Calls in flight at most, at each server.
    pub max_concurrency: Option<usize>,
    /// Tries after the first failed one.
    pub retries: Option<u32>,
    /// JSON schema of the worker's replies in `minion`.
    pub structured_output_schema: Option<Value>,
    /// Parts of the base URL that the user gives, by the provider's names for them.
    pub address: BTreeMap<&'static str, String>,
}

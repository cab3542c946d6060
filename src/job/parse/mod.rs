//! From a bare job as JSON to a checked one. Each protocol has its own parser; what every protocol has is read here.

mod alone;
mod auto;
mod conversation;
mod cost;
mod log;
mod minion;
mod minions;
mod places;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::client;
use super::context::{Given, given};
use super::error::JobError;
use super::fields::{Fields, narrow, nearest};
use super::names::{self, Lookup};
use super::protocol::{Protocol, ProtocolKind};
use super::role::JobRole;
use super::schema::{Budget, ClientSpec, Job, Prices};
use crate::{config, prompts};

pub(crate) use cost::{BUDGET, check_budget, prices_of};

/// The keys of a job.
const TOP_LEVEL: [&str; 9] = [
    "local_client",
    "remote_client",
    "protocol",
    "call_params",
    "custom_id",
    "metadata",
    "budget",
    "output",
    "session",
];

/// Further keys of a job, without effect: the address of a schema, for editors.
const UNLISTED: [&str; 1] = ["$schema"];
/// The keys of `protocol`.
const PROTOCOL: [&str; 5] = ["type", "max_rounds", "log_dir", "session_dir", "kwargs"];
/// Further keys of `protocol`, which are refused.
const PROTOCOL_UNUSED: [&str; 1] = ["callback"];

/// The keys of each object that is read here, by the object's place.
#[cfg(test)]
pub(super) fn keys() -> [(&'static str, Vec<&'static str>); 6] {
    let of_all =
        |keys: fn(ProtocolKind) -> Vec<&'static str>| ProtocolKind::ALL.into_iter().flat_map(keys).collect();
    [
        ("", TOP_LEVEL.into_iter().chain(UNLISTED).collect()),
        ("call_params", of_all(params)),
        ("protocol", PROTOCOL.into_iter().chain(PROTOCOL_UNUSED).collect()),
        ("protocol.kwargs", of_all(protocol_kwargs)),
        ("budget", cost::BUDGET.to_vec()),
        ("prices", cost::PRICES.to_vec()),
    ]
}

/// The keys of `call_params` for a protocol.
pub(super) fn params(kind: ProtocolKind) -> Vec<&'static str> {
    let parser = Parser::of(kind);
    parser.params.iter().chain(parser.unused_params).copied().collect()
}

/// The keys of `protocol.kwargs` for a protocol.
pub(super) fn protocol_kwargs(kind: ProtocolKind) -> Vec<&'static str> {
    Parser::of(kind).kwargs.to_vec()
}

/// Checks one bare job. `log_dir` is where logs go when the job does not say.
pub fn parse(job: Value, log_dir: &Path) -> Result<Job, JobError> {
    checked(job, log_dir, Lookup::Here).map_err(places::right_place)
}

/// The same for a job that comes from elsewhere: no file of this machine is looked for.
pub(crate) fn parse_foreign(job: Value, log_dir: &Path) -> Result<Job, JobError> {
    checked(job, log_dir, Lookup::Nowhere).map_err(places::right_place)
}

fn checked(job: Value, log_dir: &Path, lookup: Lookup) -> Result<Job, JobError> {
    let mut root = Fields::strict_but("", job, &TOP_LEVEL, &UNLISTED)?;
    root.name("custom_id")?;
    let metadata = root.object("metadata")?;
    let is_slim = is_slim(&mut root)?;
    let local = client(&mut root, "local_client", "docker_model_runner")?;
    let remote = client(&mut root, "remote_client", "openai")?;
    let budget = cost::budget(&mut root)?;
    let (kind, mut fields) = assignment(&mut root)?;
    let protocol = (Parser::of(kind).parse)(&mut fields, &local, &remote)?;
    let AssignmentFields { mut protocol_fields, mut kwargs, mut params } = fields;
    let Some(task) = params.string("task")?.filter(|task| !task.trim().is_empty()) else {
        return Err(JobError::Missing { place: "call_params.task", remedy: "say what is to be found out" });
    };
    names::refuse_as_task("call_params.task", &task, lookup)?;
    let session = conversation::session(&mut root, &mut protocol_fields)?;
    let Given { documents, files, is_without_files } = given(&mut params, lookup)?;
    let log_dir = log::folder(&mut protocol_fields, "log_dir")?.unwrap_or_else(|| log_dir.to_owned());
    Ok(Job {
        line: None,
        hash: None,
        is_slim,
        conversation: conversation::conversation(&mut params, &mut kwargs, session, &task, &protocol)?,
        task,
        max_rounds: max_rounds(&mut params, &mut protocol_fields)?,
        images: images(&mut params, &protocol, &local, &remote)?,
        prices: prices(&mut kwargs, budget)?,
        context: documents.into(),
        files,
        is_without_files,
        read_scans: params.flag("read_scans")?,
        use_gitingest: params.flag("use_gitingest")?.unwrap_or(false),
        doc_metadata: params.string("doc_metadata")?.filter(|text| !text.trim().is_empty()),
        prompts: prompt_files(&mut kwargs)?,
        log_name: log::log_name(&mut params, &log_dir, kind.name())?,
        log_dir,
        local,
        remote,
        protocol,
        budget,
        metadata,
        warnings: [root, protocol_fields, kwargs, params]
            .into_iter()
            .flat_map(|read| read.warnings)
            .collect(),
    })
}

/// `output`: whether the result leaves out what repeats.
fn is_slim(root: &mut Fields) -> Result<bool, JobError> {
    match root.string("output")?.as_deref() {
        None | Some("full") => Ok(false),
        Some("slim") => Ok(true),
        Some(_) => {
            let problem = "must be \"full\" or \"slim\"".to_owned();
            Err(JobError::BadValue { place: root.place("output"), problem })
        }
    }
}

/// The objects that say what is to be done, and how.
struct AssignmentFields {
    /// `protocol`.
    protocol_fields: Fields,
    /// `protocol.kwargs`.
    kwargs: Fields,
    /// `call_params`.
    params: Fields,
}

/// Reads what belongs to one protocol alone.
struct Parser {
    /// The keys of `call_params`.
    params: &'static [&'static str],
    /// Further keys of `call_params`, which are refused or have no effect.
    unused_params: &'static [&'static str],
    /// The keys of `protocol.kwargs`.
    kwargs: &'static [&'static str],
    /// The protocol with its own parameters, made of the fields and of the specs of the local and the remote client.
    parse: fn(&mut AssignmentFields, &ClientSpec, &ClientSpec) -> Result<Protocol, JobError>,
}

impl Parser {
    fn of(kind: ProtocolKind) -> &'static Self {
        match kind {
            ProtocolKind::Minion => &minion::PARSER,
            ProtocolKind::Minions => &minions::PARSER,
            ProtocolKind::RemoteOnly => &alone::REMOTE_ONLY,
            ProtocolKind::LocalOnly => &alone::LOCAL_ONLY,
            ProtocolKind::Auto => &auto::PARSER,
        }
    }
}

/// Which protocol the job wants, and the objects that it reads, with unknown keys refused.
fn assignment(root: &mut Fields) -> Result<(ProtocolKind, AssignmentFields), JobError> {
    let protocol = root.value("protocol").unwrap_or_default();
    let mut protocol_fields = Fields::strict_but("protocol", protocol, &PROTOCOL, &PROTOCOL_UNUSED)?;
    let kind = protocol_kind(&mut protocol_fields)?;
    if protocol_fields.value("callback").is_some() {
        return Err(JobError::Unsupported {
            place: "protocol.callback".into(),
            instead: "leave it out; `minions --events FILE` tells what happens in a job",
        });
    }
    let parser = Parser::of(kind);
    let kwargs = protocol_fields.value("kwargs").unwrap_or_default();
    let kwargs = Fields::strict("protocol.kwargs", kwargs, parser.kwargs)?;
    let params = root.value("call_params").unwrap_or_default();
    let params = Fields::strict_but("call_params", params, parser.params, parser.unused_params)?;
    Ok((kind, AssignmentFields { protocol_fields, kwargs, params }))
}

/// `protocol.type`.
fn protocol_kind(protocol_fields: &mut Fields) -> Result<ProtocolKind, JobError> {
    let Some(name) = protocol_fields.name("type")? else { return Ok(ProtocolKind::Minion) };
    let names = || ProtocolKind::ALL.into_iter().map(ProtocolKind::name);
    ProtocolKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| JobError::UnknownName {
        place: "protocol.type".into(),
        what: "protocol",
        nearest: nearest(&name, names()),
        known: names().collect::<Vec<_>>().join(", "),
        name,
    })
}

/// `max_rounds`. The one of `call_params` wins, as in the original, whose own example gives both.
fn max_rounds(params: &mut Fields, protocol_fields: &mut Fields) -> Result<u32, JobError> {
    let rounds = match params.count("max_rounds", 1, 1000)? {
        Some(rounds) => Some(rounds),
        None => protocol_fields.count("max_rounds", 1, 1000)?,
    };
    Ok(rounds.map_or(config::MAX_ROUNDS, narrow))
}

/// `images`, which a protocol that does not know the key never has.
fn images(
    params: &mut Fields,
    protocol: &Protocol,
    local: &ClientSpec,
    remote: &ClientSpec,
) -> Result<Vec<String>, JobError> {
    let images = params.strings("images")?;
    let (reader, instead) = match protocol.asks(JobRole::Worker) {
        true => {
            (local, "llama_cpp reads text alone here: take a model server as local_client, such as ollama")
        }
        false => (remote, "llama_cpp reads text alone here: take another client type as remote_client"),
    };
    // `auto` takes none that can't show them.
    if !images.is_empty() && reader.is_embedded() && protocol.kind() != ProtocolKind::Auto {
        return Err(JobError::Unsupported { place: params.place("images"), instead });
    }
    Ok(images)
}

/// `is_follow_up`, which the original takes.
fn warn_of_follow_up(params: &mut Fields) -> Result<(), JobError> {
    if params.flag("is_follow_up")? == Some(true) {
        let text = "call_params.is_follow_up has no effect, here as in the original: call_params.history makes a job a \
                    follow-up";
        params.warn(text.to_owned());
    }
    Ok(())
}

/// `prices`, which a budget in dollars needs.
fn prices(kwargs: &mut Fields, budget: Budget) -> Result<Option<Prices>, JobError> {
    let prices = cost::prices(kwargs)?;
    if budget.usd.is_some() && prices.is_none() {
        return Err(JobError::Missing {
            place: "protocol.kwargs.prices",
            remedy: "budget.usd needs what the remote model costs, in dollars per million tokens: {\"input\": ..., \"output\": ...}",
        });
    }
    Ok(prices)
}

/// `prompts`: files that replace prompts, by the prompts' names.
fn prompt_files(kwargs: &mut Fields) -> Result<BTreeMap<String, PathBuf>, JobError> {
    let Some(Value::Object(files)) = kwargs.object("prompts")? else { return Ok(BTreeMap::new()) };
    let path_of = |(name, path): (String, Value)| {
        let place = format!("{}.{name}", kwargs.place("prompts"));
        if !prompts::names().any(|known| known == name) {
            return Err(JobError::UnknownName {
                place,
                what: "prompt",
                nearest: nearest(&name, prompts::names()),
                known: prompts::names().collect::<Vec<_>>().join(", "),
                name,
            });
        }
        match path {
            Value::String(path) if path.contains('\n') => {
                let problem =
                    "must be the path of a file that holds the prompt, not the prompt itself".to_owned();
                Err(JobError::BadValue { place, problem })
            }
            Value::String(path) if !path.trim().is_empty() => Ok((name, PathBuf::from(path))),
            _ => Err(JobError::BadValue { place, problem: "must be the path of a file".into() }),
        }
    };
    files.into_iter().map(path_of).collect()
}

/// Refuses a parameter that this version does not support. `false`, `null`, 0 and empty mean that it is not used.
fn refuse_use(params: &mut Fields, key: &str, instead: &'static str) -> Result<(), JobError> {
    let is_used = match params.value(key) {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(_) => true,
    };
    if is_used { Err(JobError::Unsupported { place: params.place(key), instead }) } else { Ok(()) }
}

/// Refuses a schema for replies whose form the protocol sets itself.
fn refuse_schema(side: &ClientSpec) -> Result<(), JobError> {
    if side.kwargs.structured_output_schema.is_none() {
        return Ok(());
    }
    Err(JobError::Unsupported {
        place: format!("{}.kwargs.structured_output_schema", side.side),
        instead: "it shapes the worker's replies in the protocol minion; elsewhere the protocol sets the schema",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_option_in_two_places_must_have_one_value() {
        let side = |outer: f64, inner: f64| json!({"type": "ollama", "timeout": outer, "kwargs": {"timeout": inner}});
        let window = |num: u32, n: u32| json!({"type": "llama_cpp", "model_path": "m", "kwargs": {"num_ctx": num, "n_ctx": n}});
        let samples = |call: u32, protocol: u32| {
            let call = json!({"task": "t", "num_samples_per_task": call});
            (call, json!({"type": "minions", "kwargs": {"num_samples": protocol}}))
        };
        let job = |local: Value, (call, protocol): (Value, Value)| {
            let job = json!({"local_client": local, "call_params": call, "protocol": protocol});
            parse(job, Path::new("logs")).map_err(|error| error.to_string())
        };
        let same = job(side(5.0, 5.0), samples(2, 2)).unwrap();
        assert_eq!(same.local.timeout.map(|timeout| timeout.as_secs()), Some(5));
        assert!(matches!(same.protocol, Protocol::Minions(params) if params.num_samples_per_task == 2));
        assert_eq!(
            job(window(4096, 4096), samples(1, 1)).unwrap().local.kwargs.generation.num_ctx,
            Some(4096)
        );
        for (local, samples, complaint) in [
            (
                side(5.0, 7.5),
                samples(1, 1),
                "`local_client.timeout` is 5, but `local_client.kwargs.timeout` is 7.5: leave one of the two out",
            ),
            (
                window(4096, 8192),
                samples(1, 1),
                "`local_client.kwargs.num_ctx` is 4096, but `local_client.kwargs.n_ctx` is 8192: leave one of the two out",
            ),
            (
                side(5.0, 5.0),
                samples(2, 3),
                "`call_params.num_samples_per_task` is 2, but `protocol.kwargs.num_samples` is 3: leave one of the two out",
            ),
        ] {
            assert_eq!(job(local, samples).unwrap_err(), complaint);
        }
    }

    #[test]
    fn the_rounds_of_call_params_win() {
        let job = json!({"protocol": {"max_rounds": 3}, "call_params": {"task": "t", "max_rounds": 2}});
        assert_eq!(parse(job, Path::new("logs")).unwrap().max_rounds, 2);
    }
}

//! One side of a job: which provider, which model, which options.

use std::path::PathBuf;
use std::time::Duration;

use minions_machine::footprint::CacheType;

use super::error::JobError;
use super::fields::{Fields, Given, LONGEST, Limit, either, narrow, nearest, wide};
use super::options::{self, Addresses};
use super::schema::{ClientKwargs, ClientSpec};
use crate::chat::providers::{self, Provider, RuntimeKind};
use crate::chat::{Generation, Thinking, VendorOptions};
use crate::runtimes::window::WHOLE as WHOLE_WINDOW;

/// The shortest context window that holds our prompts, in tokens.
const SHORTEST_WINDOW: u64 = 256;
/// More layers than any model has: all of them go to the GPU.
const ALL_LAYERS: u32 = i32::MAX.unsigned_abs();

pub(super) fn client(root: &mut Fields, side: &'static str, default: &str) -> Result<ClientSpec, JobError> {
    let value = root.value(side).unwrap_or_default();
    let mut fields = Fields::open(side, value)?;
    let name = fields.name("type")?.unwrap_or_else(|| default.to_owned());
    if let Some(why) = providers::why_none(&name) {
        return Err(JobError::NoClient { place: format!("{side}.type"), name, why });
    }
    let provider = providers::find(&name).ok_or_else(|| JobError::UnknownName {
        place: format!("{side}.type"),
        what: "client type",
        nearest: nearest(&name, providers::names()),
        known: providers::names().collect::<Vec<_>>().join(", "),
        name,
    })?;
    options::check_outer(&fields, provider)?;
    let model_path = model_path(&mut fields, side, provider)?;
    let mut inner = options::open(side, provider, fields.value("kwargs").unwrap_or_default())?;
    let (kwargs, inner_timeout) = client_kwargs(&mut inner, provider)?;
    root.warnings.append(&mut inner.warnings);
    // The original takes the timeout beside `kwargs` or in it.
    let timeout = either([timeout(&mut fields)?, inner_timeout])?;
    Ok(ClientSpec {
        side,
        provider,
        model: fields.name("model_name")?,
        model_path,
        port: fields.count("port", 1, u64::from(u16::MAX))?.and_then(|port| u16::try_from(port).ok()),
        timeout: timeout.map(Duration::from_secs_f64),
        fetches: true,
        kwargs,
    })
}

/// `model_path`, which the embedded engine alone has.
fn model_path(
    fields: &mut Fields,
    side: &str,
    provider: &'static Provider,
) -> Result<Option<PathBuf>, JobError> {
    let is_embedded = provider.dialect.is_none();
    match fields.name("model_path")? {
        None if is_embedded && fields.has_within("kwargs", "model_path") => Err(JobError::Misplaced {
            place: fields.place("kwargs.model_path"),
            right: fields.place("model_path"),
        }),
        None if is_embedded => Err(JobError::Missing {
            place: if side == "local_client" {
                "local_client.model_path"
            } else {
                "remote_client.model_path"
            },
            remedy: "a llama_cpp client needs the path of a GGUF file",
        }),
        Some(_) if !is_embedded => Err(JobError::BadValue {
            place: fields.place("model_path"),
            problem: format!(
                "belongs to the client type llama_cpp, not {}; name the model in model_name",
                provider.name
            ),
        }),
        path => Ok(path.map(PathBuf::from)),
    }
}

/// The options in `kwargs`, and the timeout if it is one of them.
fn client_kwargs(
    fields: &mut Fields,
    provider: &'static Provider,
) -> Result<(ClientKwargs, Given<f64>), JobError> {
    for accepted_without_effect in ["verbose", "local", "use_async"] {
        fields.flag(accepted_without_effect)?;
    }
    if fields.flag("tool_calling")? == Some(true) {
        return Err(JobError::Unsupported {
            place: fields.place("tool_calling"),
            instead: "leave it out: worker and supervisor talk without tools",
        });
    }
    let Addresses { base_urls, parts, deployment, api_version } = options::addresses(fields, provider)?;
    let (generation, is_unlimited) = generation(fields)?;
    let api_key = options::api_key(fields)?;
    let kwargs = ClientKwargs {
        generation,
        is_unlimited,
        headers: options::headers(fields, provider, api_key.is_some())?,
        api_key,
        base_urls,
        max_concurrency: fields.count("max_concurrency", 1, 4096)?.map(wide),
        retries: fields.count("retries", 0, 100)?.map(narrow),
        vendor: vendor(fields, provider, deployment, api_version)?,
        structured_output_schema: fields.object("structured_output_schema")?,
        address: parts,
    };
    Ok((kwargs, timeout(fields)?))
}

/// How replies are generated, and whether the job wants no limit of their length. What the provider does not know was
/// refused before.
fn generation(fields: &mut Fields) -> Result<(Generation, bool), JobError> {
    let most = u64::from(u32::MAX);
    let max_tokens = fields.limit("max_tokens", 1, most)?;
    let temperature = fields.number("temperature", 0.0, 2.0)?;
    let generation = Generation {
        temperature,
        has_fixed_temperature: temperature.is_some(),
        max_tokens: max_tokens.and_then(Limit::at).map(narrow),
        seed: fields.limit("seed", 0, most)?.and_then(Limit::at),
        num_ctx: either([window(fields, "num_ctx")?, window(fields, "n_ctx")?])?,
        thinking: thinking(fields)?,
        is_paid: false,
        breaks_loops: false,
    };
    Ok((generation, max_tokens == Some(Limit::No)))
}

/// A context window in tokens; 0 is that of the model itself, as llama.cpp has it.
fn window(fields: &mut Fields, key: &str) -> Result<Given<u32>, JobError> {
    let place = fields.place(key);
    let value = match fields.count(key, 0, u64::from(u32::MAX))? {
        Some(0) => Some(WHOLE_WINDOW),
        Some(tokens) if tokens < SHORTEST_WINDOW => {
            let problem =
                format!("must be at least {SHORTEST_WINDOW}, or 0 for the model's own window, not {tokens}");
            return Err(JobError::BadValue { place, problem });
        }
        tokens => tokens.map(narrow),
    };
    Ok(Given { place, value })
}

/// `thinking`: whether a model may think, or how much.
fn thinking(fields: &mut Fields) -> Result<Option<Thinking>, JobError> {
    let Some(value) = fields.value("thinking") else { return Ok(None) };
    let thinking = match value.as_str().map(|text| text.trim().to_lowercase()).as_deref() {
        Some("low") => Thinking::Low,
        Some("medium") => Thinking::Medium,
        Some("high") => Thinking::High,
        Some("true" | "on") => Thinking::On,
        Some("false" | "off" | "none") => Thinking::Off,
        None if value == true => Thinking::On,
        None if value == false => Thinking::Off,
        _ => {
            return Err(JobError::BadValue {
                place: fields.place("thinking"),
                problem: "must be true, false, \"low\", \"medium\" or \"high\"".into(),
            });
        }
    };
    Ok(Some(thinking))
}

/// The options that only this provider has. `deployment` and `api_version` are those of Azure that an address names.
fn vendor(
    fields: &mut Fields,
    provider: &Provider,
    deployment: Given<String>,
    api_version: Given<String>,
) -> Result<VendorOptions, JobError> {
    Ok(match provider.runtime {
        RuntimeKind::Ollama => VendorOptions::Ollama { keep_alive: options::keep_alive(fields)? },
        RuntimeKind::Embedded => VendorOptions::LlamaCpp {
            n_gpu_layers: fields
                .limit("n_gpu_layers", 0, u64::from(u32::MAX))?
                .map(|layers| layers.at().map_or(ALL_LAYERS, narrow)),
            chat_format: fields.name("chat_format")?,
            n_threads: fields
                .limit("n_threads", 0, 4096)?
                .and_then(Limit::at)
                .filter(|threads| *threads > 0)
                .map(narrow),
            kv_type: kv_type(fields)?,
        },
        RuntimeKind::DockerModelRunner => VendorOptions::None,
        RuntimeKind::Foreign => {
            let named = ["deployment", "azure_deployment"].map(|name| options::given(fields, name));
            let [first, second] = named;
            let version = options::given(fields, "api_version")?;
            match (either([first?, second?, deployment])?, either([version, api_version])?) {
                (None, None) => VendorOptions::None,
                (deployment, api_version) => VendorOptions::Azure { deployment, api_version },
            }
        }
    })
}

/// `kv_type`: how the embedded engine keeps keys and values.
fn kv_type(fields: &mut Fields) -> Result<CacheType, JobError> {
    match fields.string("kv_type")?.as_deref() {
        None | Some("f16") => Ok(CacheType::F16),
        Some("q8_0") => Ok(CacheType::Q8_0),
        Some(_) => {
            let problem = "must be \"f16\" or \"q8_0\"".to_owned();
            Err(JobError::BadValue { place: fields.place("kv_type"), problem })
        }
    }
}

/// `timeout`, in seconds.
fn timeout(fields: &mut Fields) -> Result<Given<f64>, JobError> {
    Ok(Given { place: fields.place("timeout"), value: fields.number("timeout", 0.001, LONGEST)? })
}

//! One side of a job: which provider, which model, which options.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::error::JobError;
use super::fields::{Fields, Given, LONGEST, either, narrow, nearest, wide};
use super::schema::{ClientKwargs, ClientSpec};
use crate::chat::providers::{self, Provider, RuntimeKind};
use crate::chat::secrets::Secret;
use crate::chat::{Generation, Thinking, VendorOptions};

pub(super) fn client(root: &mut Fields, side: &'static str, default: &str) -> Result<ClientSpec, JobError> {
    let value = root.value(side).unwrap_or_default();
    let known = ["type", "model_name", "model_path", "port", "timeout", "kwargs"];
    let mut fields = Fields::strict(side, value, &known)?;
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
    let (kwargs, inner_timeout) = client_kwargs(side, provider, fields.value("kwargs").unwrap_or_default())?;
    // The original takes the timeout beside `kwargs` or in it.
    let timeout = either([timeout(&mut fields)?, inner_timeout])?;
    let spec = ClientSpec {
        side,
        provider,
        model: fields.name("model_name")?,
        model_path: fields.name("model_path")?.map(PathBuf::from),
        port: fields.count("port", 1, u64::from(u16::MAX))?.and_then(|port| u16::try_from(port).ok()),
        timeout: timeout.map_or(provider.timeout, Duration::from_secs_f64),
        kwargs,
    };
    match (spec.is_embedded(), &spec.model_path) {
        (true, None) => Err(JobError::Missing {
            place: if side == "local_client" {
                "local_client.model_path"
            } else {
                "remote_client.model_path"
            },
            remedy: "a llama_cpp client needs the path of a GGUF file",
        }),
        (false, Some(_)) => Err(JobError::BadValue {
            place: format!("{side}.model_path"),
            problem: format!(
                "belongs to the client type llama_cpp, not {}; name the model in model_name",
                provider.name
            ),
        }),
        _ => Ok(spec),
    }
}

/// The options in `kwargs`, and the timeout if it is one of them.
fn client_kwargs(
    side: &str,
    provider: &Provider,
    value: Value,
) -> Result<(ClientKwargs, Given<f64>), JobError> {
    let mut known = vec![
        "temperature",
        "max_tokens",
        "api_key",
        "base_url",
        "timeout",
        "verbose",
        "local",
        "use_async",
        "tool_calling",
        "max_concurrency",
        "seed",
        "retries",
        "structured_output_schema",
    ];
    known.extend(provider.kwargs);
    if provider.dialect.is_some() {
        known.push("thinking");
    }
    let mut fields = Fields::tolerant(&format!("{side}.kwargs"), value, &known)?;
    for accepted_without_effect in ["verbose", "local", "use_async"] {
        fields.flag(accepted_without_effect)?;
    }
    if fields.flag("tool_calling")? == Some(true) {
        return Err(JobError::Unsupported {
            place: fields.place("tool_calling"),
            instead: "leave it out: worker and supervisor talk without tools",
        });
    }
    let kwargs = ClientKwargs {
        generation: generation(&mut fields)?,
        api_key: fields
            .string("api_key")?
            .filter(|key| !key.trim().is_empty())
            .map(|key| Secret::new(key.trim())),
        base_urls: base_urls(&mut fields)?,
        max_concurrency: fields.count("max_concurrency", 1, 4096)?.map(wide),
        retries: fields.count("retries", 0, 100)?.map(narrow),
        vendor: vendor(&mut fields, provider)?,
        structured_output_schema: fields.object("structured_output_schema")?,
        address: address(&mut fields, provider)?,
    };
    Ok((kwargs, timeout(&mut fields)?))
}

/// How replies are generated. What the provider does not know was passed over before.
fn generation(fields: &mut Fields) -> Result<Generation, JobError> {
    let most = u64::from(u32::MAX);
    Ok(Generation {
        temperature: fields.number("temperature", 0.0, 2.0)?,
        max_tokens: fields.count("max_tokens", 1, most)?.map(narrow),
        seed: fields.count("seed", 0, most)?,
        num_ctx: either([
            Given { place: fields.place("num_ctx"), value: fields.count("num_ctx", 256, most)? },
            Given { place: fields.place("n_ctx"), value: fields.count("n_ctx", 256, most)? },
        ])?
        .map(narrow),
        thinking: thinking(fields)?,
    })
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

/// The options that only this provider has.
fn vendor(fields: &mut Fields, provider: &Provider) -> Result<VendorOptions, JobError> {
    Ok(match provider.runtime {
        RuntimeKind::Ollama => VendorOptions::Ollama { keep_alive: keep_alive(fields)? },
        RuntimeKind::Embedded => VendorOptions::LlamaCpp {
            n_gpu_layers: fields.count("n_gpu_layers", 0, u64::from(u32::MAX))?.map(narrow),
            chat_format: fields.name("chat_format")?,
            n_threads: fields.count("n_threads", 1, 4096)?.map(narrow),
        },
        RuntimeKind::DockerModelRunner => VendorOptions::None,
        RuntimeKind::Foreign => {
            let deployment = one_of(fields, &["deployment", "azure_deployment"])?;
            match (deployment, fields.name("api_version")?) {
                (None, None) => VendorOptions::None,
                (deployment, api_version) => VendorOptions::Azure { deployment, api_version },
            }
        }
    })
}

/// What fills the slots of the provider's base URL.
fn address(fields: &mut Fields, provider: &Provider) -> Result<BTreeMap<&'static str, String>, JobError> {
    let mut address = BTreeMap::new();
    for slot in provider.url_parts {
        if let Some(value) = one_of(fields, slot.kwargs)? {
            address.insert(slot.kwargs[0], value);
        }
    }
    Ok(address)
}

/// An option that has several names.
fn one_of(fields: &mut Fields, names: &[&str]) -> Result<Option<String>, JobError> {
    let given = |name: &&str| Ok(Given { place: fields.place(name), value: fields.name(name)? });
    either(names.iter().map(given).collect::<Result<Vec<_>, JobError>>()?)
}

/// `timeout`, in seconds.
fn timeout(fields: &mut Fields) -> Result<Given<f64>, JobError> {
    Ok(Given { place: fields.place("timeout"), value: fields.number("timeout", 0.001, LONGEST)? })
}

/// One address or a list of them.
fn base_urls(fields: &mut Fields) -> Result<Vec<String>, JobError> {
    let place = fields.place("base_url");
    let is_list = fields.is_list("base_url");
    let mut urls: Vec<String> = Vec::new();
    for (at, text) in fields.strings("base_url")?.iter().enumerate() {
        let url = text.trim().trim_end_matches('/');
        let bad = |problem: String| {
            let place = if is_list { format!("{place}[{at}]") } else { place.clone() };
            Err(JobError::BadValue { place, problem })
        };
        if url.is_empty() {
            return bad("must not be empty".into());
        }
        let has_host = reqwest::Url::parse(url)
            .is_ok_and(|url| url.host().is_some() && url.query().is_none() && url.fragment().is_none());
        if !has_host || !(url.starts_with("http://") || url.starts_with("https://")) {
            return bad(
                "must be an http or https address such as http://localhost:8080/v1, without a query".into()
            );
        }
        if let Some(same) = urls.iter().position(|known| known == url) {
            return bad(format!(
                "names the same server as {place}[{same}]; for more calls at once raise max_concurrency"
            ));
        }
        urls.push(url.to_owned());
    }
    if is_list && urls.is_empty() {
        return Err(JobError::BadValue { place, problem: "must name at least one address".into() });
    }
    Ok(urls)
}

fn keep_alive(fields: &mut Fields) -> Result<Option<Value>, JobError> {
    match fields.value("keep_alive") {
        Some(value) if !(value.is_number() || value.is_string()) => Err(JobError::BadValue {
            place: fields.place("keep_alive"),
            problem: "must be a number of seconds or a duration such as \"10m\"".into(),
        }),
        other => Ok(other),
    }
}

//! What model servers tell of one model, as far as its speed and its memory depend on it. Nothing is loaded.
//!
//! Facts: Ollama's `docs/api.md` ("Show model information"), docker/model-runner's `pkg/distribution/types`, llama.cpp's
//! `tools/server/README.md` (`/props`, `/v1/models`).

use std::path::PathBuf;
use std::time::Duration;

use minions_machine::footprint::{CacheType, Footprint};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::RuntimeError;
use super::api::Api;
use super::docker_model_runner;
use super::sizing;
use super::survey::Installed;

/// What is told of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Described {
    /// All parameters; 0 if that is not told.
    pub parameters: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// How its weights are kept, such as `Q4_K_M`.
    pub quantisation: Option<String>,
    /// The memory that it takes.
    pub footprint: Option<Footprint>,
    /// Experts that a token passes through, and that there are.
    pub experts: Option<(u64, u64)>,
    /// Its file, by the server's account; it may be another machine's.
    pub file: Option<PathBuf>,
}

/// A model of the Ollama at `base_url`.
pub async fn at_ollama(
    base_url: &str,
    headers: HeaderMap,
    model: &Installed,
    limit: Duration,
) -> Option<Described> {
    let api = Api::new("Ollama", base_url).ok()?.with_headers(None, headers);
    let shown = api.post("/api/show", &json!({"model": model.name}), limit).await.ok()?.json();
    of_ollama(&shown, model.bytes?)
}

/// A model of the Docker Model Runner at `base_url`.
pub async fn at_model_runner(
    base_url: &str,
    headers: HeaderMap,
    model: &str,
    limit: Duration,
) -> Option<Described> {
    let root = docker_model_runner::base_url(base_url).ok()?;
    let api = Api::new("Docker Model Runner", &root).ok()?.with_headers(None, headers);
    let told = api.get(&format!("/models/{model}"), limit).await.ok()?.json();
    of_model_runner(&told)
}

/// The one model of the llama.cpp server at `base_url`, as far as it tells.
///
/// # Errors
/// It does not answer, or wants another credential.
pub async fn at_llama_server(
    base_url: &str,
    headers: HeaderMap,
    limit: Duration,
) -> Result<Option<Described>, RuntimeError> {
    let root = base_url.trim_end_matches('/').trim_end_matches("/v1");
    let api = Api::new("llama.cpp's server", root)?.with_headers(None, headers);
    let props = api.get("/props", limit).await?.json();
    let models = api.get("/v1/models", limit).await?.json();
    let meta = &models["data"][0]["meta"];
    let file = props["model_path"].as_str().map(PathBuf::from);
    let number = |name: &str| meta[name].as_u64().unwrap_or(0);
    let described =
        Described { parameters: number("n_params"), bytes: number("size"), file, ..Described::default() };
    Ok((described.file.is_some() || described.bytes > 0).then_some(described))
}

fn of_ollama(shown: &Value, bytes: u64) -> Option<Described> {
    let info = &shown["model_info"];
    let architecture = info["general.architecture"].as_str()?;
    let figure = |key: &str| info[format!("{architecture}.{key}")].as_u64();
    // A model of several files names each one; the first is the language model.
    let from =
        shown["modelfile"].as_str().unwrap_or_default().lines().find_map(|line| line.strip_prefix("FROM "));
    Some(Described {
        parameters: info["general.parameter_count"].as_u64().unwrap_or(0),
        bytes,
        quantisation: shown["details"]["quantization_level"].as_str().map(str::to_owned),
        footprint: sizing::footprint(info, bytes, CacheType::F16),
        experts: figure("expert_used_count").zip(figure("expert_count")).filter(|(_, of)| *of > 0),
        file: from.map(|from| PathBuf::from(from.trim())).filter(|path| path.is_absolute()),
    })
}

fn of_model_runner(told: &Value) -> Option<Described> {
    let config = &told["config"];
    let bytes = docker_model_runner::bytes(&config["size"])?;
    let quantisation =
        config["quantization"].as_str().map(|name| name.trim_start_matches("MOSTLY_").to_owned());
    Some(Described {
        parameters: count(&config["parameters"]).unwrap_or(0),
        bytes,
        quantisation,
        footprint: sizing::footprint(&config["gguf"], bytes, CacheType::F16),
        ..Described::default()
    })
}

/// A number such as `134.52 M` or `3.21B`.
fn count(value: &Value) -> Option<u64> {
    let text = value.as_str()?.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let unit = match unit.to_ascii_uppercase().as_str() {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "B" | "G" => 1e9,
        "T" => 1e12,
        _ => return None,
    };
    Some((number.trim().parse::<f64>().ok()? * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollamas_account_of_a_model_is_read() {
        let shown = json!({
            "modelfile": "# Modelfile\nFROM /root/.ollama/models/blobs/sha256-abc\nTEMPLATE x\n",
            "details": {"quantization_level": "Q4_K_M"},
            "model_info": {
                "general.architecture": "qwen3moe", "general.parameter_count": 30_532_122_624_u64,
                "qwen3moe.block_count": 48, "qwen3moe.embedding_length": 2048, "qwen3moe.attention.head_count": 32,
                "qwen3moe.attention.head_count_kv": 4, "qwen3moe.expert_count": 128,
                "qwen3moe.expert_used_count": 8, "qwen3moe.attention.key_length": 128,
            },
        });
        let told = of_ollama(&shown, 18_000_000_000).unwrap();
        assert_eq!((told.parameters, told.experts), (30_532_122_624, Some((8, 128))));
        assert_eq!(told.quantisation.as_deref(), Some("Q4_K_M"));
        assert_eq!(told.file, Some(PathBuf::from("/root/.ollama/models/blobs/sha256-abc")));
        assert!(told.footprint.is_some());
        assert_eq!(of_ollama(&json!({"error": "not found"}), 1), None);
        let cloud =
            json!({"modelfile": "FROM gpt-oss:120b-cloud\n", "model_info": {"general.architecture": "x"}});
        assert_eq!(of_ollama(&cloud, 5).unwrap().file, None);
    }

    #[test]
    fn the_runners_account_of_a_model_is_read() {
        let told =
            json!({"config": {"size": "92.10MiB", "quantization": "MOSTLY_Q4_1", "parameters": "134.52 M"}});
        let expected = Described {
            parameters: 134_520_000,
            bytes: 96_573_849,
            quantisation: Some("Q4_1".to_owned()),
            ..Described::default()
        };
        assert_eq!(of_model_runner(&told), Some(expected));
        for (text, number) in
            [("3.21 B", Some(3_210_000_000)), ("7", Some(7)), ("many", None), ("3 apples", None)]
        {
            assert_eq!(count(&json!(text)), number, "{text}");
        }
    }
}

//! The requests of every row of the table.

use serde_json::json;

use super::http_client::HttpClient;
use super::providers::{PROVIDERS, Provider};
use super::{ChatRequest, ChatSettings, Format, Generation, Image, Message, VendorOptions};
use crate::secrets::Secret;

/// A question with all that a job can set.
fn asked() -> ChatRequest {
    let schema = json!({
        "type": "object", "properties": {"answer": {"type": "string"}},
        "required": ["answer"], "additionalProperties": false,
    });
    ChatRequest {
        messages: vec![Message::system("Be brief."), Message::user("Who?")],
        format: Format::Schema { name: "job_output", schema, shares: false },
        ..ChatRequest::default()
    }
}

fn settings(provider: &Provider) -> ChatSettings {
    let model = if provider.model.is_empty() { "the-served-model" } else { provider.model };
    ChatSettings {
        base_url: provider.default_base_url(|slot| {
            Some(match slot.kwargs[0] {
                "azure_endpoint" => "https://resource.openai.azure.com".to_owned(),
                name => format!("my-{name}"),
            })
        }),
        api_key: (!provider.local).then(|| Secret::new("sk-0123456789")),
        generation: Generation {
            temperature: Some(0.2),
            max_tokens: Some(900),
            seed: Some(7),
            ..Generation::default()
        },
        ..ChatSettings::new(model, "")
    }
}

fn written(provider: &'static Provider, settings: ChatSettings) -> String {
    let dialect = provider.dialect.unwrap();
    match HttpClient::new(provider, dialect, settings) {
        Ok(client) => client.written(&asked()),
        Err(error) => panic!("{}: {error}", provider.name),
    }
}

#[test]
fn every_rows_request() {
    let rows = PROVIDERS.iter().filter(|provider| provider.dialect.is_some());
    let requests = rows.map(|row| format!("{}\n{}", row.name, written(row, settings(row))));
    insta::assert_snapshot!(requests.collect::<Vec<_>>().join("\n"));
}

#[test]
fn reasoning_models_and_deployments() {
    let row = |name: &str| super::providers::find(name).unwrap();
    let azure = |model: &str, deployment: Option<&str>, version: Option<&str>| {
        let settings = ChatSettings {
            model: model.into(),
            vendor: VendorOptions::Azure {
                deployment: deployment.map(Into::into),
                api_version: version.map(Into::into),
            },
            ..settings(row("azure_openai"))
        };
        written(row("azure_openai"), settings)
    };
    let requests = [
        written(row("openai"), ChatSettings { model: "o3-mini".into(), ..settings(row("openai")) }),
        azure("gpt-4o", Some("my-gpt"), None),
        azure("gpt-4o", Some("my-gpt"), Some("2024-10-21")),
        azure("gpt-4o", None, Some("preview")),
        azure("o3-mini", Some("my-thinker"), Some("2024-10-21")),
        written(
            row("openrouter"),
            ChatSettings { model: "anthropic/claude-sonnet-4.5".into(), ..settings(row("openrouter")) },
        ),
        written(
            row("moonshot"),
            ChatSettings { model: "kimi-k2-0905-preview".into(), ..settings(row("moonshot")) },
        ),
    ];
    insta::assert_snapshot!(requests.join("\n"));
}

#[test]
fn a_local_address_never_asks_for_a_key() {
    for provider in PROVIDERS.iter().filter(|provider| provider.dialect.is_some()) {
        let local =
            ChatSettings { base_url: "http://127.0.0.1:9/v1".into(), api_key: None, ..settings(provider) };
        assert!(HttpClient::new(provider, provider.dialect.unwrap(), local).is_ok(), "{}", provider.name);
        let vendor = ChatSettings { api_key: None, ..settings(provider) };
        let refused = HttpClient::new(provider, provider.dialect.unwrap(), vendor).is_err();
        assert_eq!(refused, !provider.local, "{}", provider.name);
    }
}

#[test]
fn what_is_missing_is_named() {
    let refusal = |name: &str, change: fn(&mut ChatSettings)| {
        let row = super::providers::find(name).unwrap();
        let mut settings = settings(row);
        change(&mut settings);
        let error = HttpClient::new(row, row.dialect.unwrap(), settings).err().unwrap();
        (error.message, error.hint.unwrap_or_default())
    };
    let (message, hint) = refusal("azure_openai", |s| s.base_url = "{azure_endpoint}".into());
    assert!(message.ends_with("there is no azure_endpoint"), "{message}");
    assert!(hint.contains("AZURE_OPENAI_ENDPOINT") && hint.contains("kwargs.azure_endpoint"), "{hint}");
    let (message, _) = refusal("vllm", |s| s.model = String::new());
    assert!(message.contains("model_name"), "{message}");
}

#[test]
fn pictures_in_each_dialect() {
    let picture = |image| std::sync::Arc::new(image);
    let data = picture(Image::Data { media_type: "image/png", base64: "iVBORw0KGgo=".into() });
    let url = picture(Image::Url("https://example.com/a.jpg".into()));
    let requests = ["openai", "anthropic", "ollama"].map(|name| {
        let row = super::providers::find(name).unwrap();
        let images = if name == "ollama" { vec![data.clone()] } else { vec![data.clone(), url.clone()] };
        let mut request = ChatRequest { format: Format::Text, ..asked() };
        request.messages[1].images = images;
        let client = HttpClient::new(row, row.dialect.unwrap(), settings(row)).ok().unwrap();
        let written = client.written(&request);
        written.lines().last().unwrap_or_default().to_owned()
    });
    insta::assert_snapshot!(requests.join("\n"));
}

#[test]
fn in_every_row_what_is_not_the_jobs_own_is_the_difference_to_the_bare_body() {
    let others = ["a \"chunk\"\n\u{e9}", "its answer\u{1}", "iVBORw0KGgoA"];
    let picture = Image::Data { media_type: "image/png", base64: others[2].to_owned() };
    let prompt = format!("Task: T\n{}\nBe brief.", others[0]);
    let (end, answer) = (8 + others[0].len(), others[1].len());
    let request = ChatRequest {
        messages: vec![
            Message::system("Be brief.").own(),
            Message { images: vec![picture.into()], ..Message::user(&*prompt) }
                .owning(vec![0..8, end..prompt.len()]),
            Message::assistant(format!("{}?!", others[1]))
                .owning(vec![answer..answer + 1, answer + 1..answer + 2]),
            Message::user("Why?").own(),
        ],
        ..asked()
    };
    let written = |text: &str| json!(text).to_string().len() - 2;
    let least: usize = others.iter().map(|text| written(text)).sum();
    for row in PROVIDERS.iter().filter(|provider| provider.dialect.is_some()) {
        let client = HttpClient::new(row, row.dialect.unwrap(), settings(row)).unwrap();
        let body = |request: &ChatRequest| client.written(request).len();
        let others = body(&request) - body(&request.bare());
        // A picture has a frame.
        assert!((least..least + 120).contains(&others), "{}: {others}, {least}", row.name);
    }
}

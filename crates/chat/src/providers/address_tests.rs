//! Addresses as people paste them.

use super::{PROVIDERS, RuntimeKind, find};

fn read(provider: &str, text: &str) -> Result<(String, Option<String>, Option<String>), String> {
    let address = find(provider).unwrap().read_address(text)?;
    Ok((address.base_url, address.deployment, address.api_version))
}

#[test]
fn a_base_url_is_taken_out_of_what_people_paste() {
    for (provider, text, expected) in [
        ("openai", "http://h:8080/v1", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/", "http://h:8080/v1"),
        ("openai", "http://h:8080//v1//", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/v1", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/chat/completions", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/chat/completions/", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/v1/chat/completions?", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/completions", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/chat", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/chat/", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/chat/completion", "http://h:8080/v1"),
        ("openai", "http://h:8080/chat", "http://h:8080/chat"),
        ("openai", "http://h:8080/v1/responses", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/embeddings", "http://h:8080/v1"),
        ("openai", "http://h:8080/v1/models", "http://h:8080/v1"),
        ("openai", "https://models.example.com/models", "https://models.example.com"),
        ("openai", "https://gw.example.com/team/models", "https://gw.example.com/team/models"),
        ("openai", "https://webui.example.com/api/chat/completions", "https://webui.example.com/api"),
        ("openai", "\"https://api.openai.com/v1\"", "https://api.openai.com/v1"),
        ("openai", " \u{201c}https://api.openai.com/v1/\u{201d}\u{200b}\n", "https://api.openai.com/v1"),
        ("openai", "export OPENAI_BASE_URL=https://gw.example.com/v1", "https://gw.example.com/v1"),
        ("openai", "https://api.openai.com", "https://api.openai.com/v1"),
        ("openai", "api.openai.com/v1", "https://api.openai.com/v1"),
        ("openai", "//api.openai.com/v1", "https://api.openai.com/v1"),
        ("openai", "HTTPS://API.OpenAI.com/v1", "https://api.openai.com/v1"),
        ("openai", "localhost:8080/v1", "http://localhost:8080/v1"),
        ("openai", "10.0.0.7:8080/v1", "http://10.0.0.7:8080/v1"),
        ("openai", "[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("openai", "http://user:p%40ss@h/v1/chat/completions", "http://user:p%40ss@h/v1"),
        ("openrouter", "https://openrouter.ai", "https://openrouter.ai/api/v1"),
        ("openrouter", "https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("groq", "https://api.groq.com/openai/v1/chat/completions", "https://api.groq.com/openai/v1"),
        (
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        (
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai/models",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        ("perplexity", "https://api.perplexity.ai/chat/completions", "https://api.perplexity.ai"),
        ("deepseek", "https://api.deepseek.com/v1", "https://api.deepseek.com/v1"),
        ("anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
        (
            "anthropic",
            "https://gw.example.com/anthropic/v1/messages/count_tokens",
            "https://gw.example.com/anthropic/v1",
        ),
        ("anthropic", "https://api.anthropic.com/", "https://api.anthropic.com"),
        ("ollama", "http://h:11434/api/chat", "http://h:11434"),
        ("ollama", "http://h:11434/api/generate/", "http://h:11434"),
        ("ollama", "http://h:11434/api/tags", "http://h:11434"),
        ("ollama", "http://h:11434/v1/chat/completions", "http://h:11434"),
        ("ollama", "http://h:11434/v1/", "http://h:11434"),
        ("ollama", "https://h/ollama/api", "https://h/ollama"),
        ("ollama", "gpu-1", "http://gpu-1:11434"),
        ("ollama", "ollama.example.com:1234", "http://ollama.example.com:1234"),
        ("vllm", ":8000", "http://localhost:8000"),
        ("vllm", "gpu.example.com:8000/v1/models", "http://gpu.example.com:8000/v1"),
        ("lm_studio", "http://localhost:1234/v1/messages", "http://localhost:1234/v1"),
        (
            "docker_model_runner",
            "http://localhost:12434/engines/llama.cpp/v1/chat/completions",
            "http://localhost:12434/engines/llama.cpp/v1",
        ),
        ("lemonade", "http://localhost:8000/api/v1/chat/completions", "http://localhost:8000/api/v1"),
    ] {
        assert_eq!(read(provider, text), Ok((expected.to_owned(), None, None)), "{provider} {text:?}");
    }
}

#[test]
fn the_target_uris_of_azure_are_taken_apart() {
    let chat = "/openai/deployments/gpt4/chat/completions?api-version=2024-10-21";
    for (text, base, deployment, version) in [
        (format!("https://r.openai.azure.com{chat}"), "https://r.openai.azure.com", "gpt4", "2024-10-21"),
        (
            format!("https://r.cognitiveservices.azure.com{chat}"),
            "https://r.cognitiveservices.azure.com",
            "gpt4",
            "2024-10-21",
        ),
        (
            format!("https://apim.example.com/team{chat}"),
            "https://apim.example.com/team",
            "gpt4",
            "2024-10-21",
        ),
        (format!("r.openai.azure.com{chat}"), "https://r.openai.azure.com", "gpt4", "2024-10-21"),
        ("https://r.openai.azure.com/".into(), "https://r.openai.azure.com", "", ""),
        ("https://r.openai.azure.com/openai".into(), "https://r.openai.azure.com", "", ""),
        ("https://r.openai.azure.com/openai/v1/".into(), "https://r.openai.azure.com/openai/v1", "", ""),
        (
            "https://r.services.ai.azure.com/openai/v1/chat/completions".into(),
            "https://r.services.ai.azure.com/openai/v1",
            "",
            "",
        ),
        (
            "https://r.services.ai.azure.com/openai/v1/responses?api-version=preview".into(),
            "https://r.services.ai.azure.com/openai/v1",
            "",
            "preview",
        ),
        (
            "https://r.openai.azure.com/openai/v1/chat/completions?api-version=2025-04-01-preview".into(),
            "https://r.openai.azure.com/openai/v1",
            "",
            "",
        ),
        (
            "https://r.cognitiveservices.azure.com/openai/responses?api-version=2025-04-01-preview".into(),
            "https://r.cognitiveservices.azure.com",
            "",
            "2025-04-01-preview",
        ),
        (
            "https://r.openai.azure.com/openai/deployments/e5/embeddings?api-version=2023-05-15".into(),
            "https://r.openai.azure.com",
            "e5",
            "2023-05-15",
        ),
    ] {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let expected = (base.to_owned(), some(deployment), some(version));
        assert_eq!(read("azure_openai", &text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_address_is_said() {
    let wrong = "must be an http or https address such as http://localhost:8080/v1";
    for (provider, text, problem) in [
        ("openai", "", wrong),
        ("openai", "http://", wrong),
        ("openai", "ftp://h/v1", wrong),
        ("openai", "unix:///var/run/docker.sock", wrong),
        ("openai", "https//api.openai.com/v1", wrong),
        ("openai", "http://http://h/v1", wrong),
        ("openai", "http://h:port/v1", wrong),
        ("openai", "http://h:70000/v1", wrong),
        ("openai", "https://api.openai.com/v1 https://h", wrong),
        ("openai", "sk-0123456789", "is a key, not an address"),
        ("openai", "http://h/v1#x", "must be an address without a fragment (`#`)"),
        (
            "openai",
            "http://h/v1?key=secret",
            "must be an address without a query; a key belongs into kwargs.api_key",
        ),
        ("openai", "https://h.example.com/{team}/v1", "has a placeholder in it: fill it in"),
        (
            "openai",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "is an address of Azure: take the client type azure_openai for it",
        ),
        (
            "azure_openai",
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
            "is a route of Azure's model inference API, which is not spoken here: give the address that ends with /openai/v1",
        ),
        (
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:generateContent",
            "names a call of another API (`generateContent`); its base URL is \
             https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        (
            "openai",
            "https://api.anthropic.com/v1/messages",
            "ends with /messages, a route that the client type openai does not speak: take the client type \
             anthropic, or give the address without the route",
        ),
        (
            "vllm",
            "http://h:11434/api/chat",
            "ends with /api/chat, a route that the client type vllm does not speak: take the client type \
             ollama, or give the address without the route",
        ),
    ] {
        let read = read(provider, text);
        assert_eq!(read.unwrap_err(), problem, "{provider} {text:?}");
    }
}

/// The ways in which one server's address is written, each with the base URL of a server at the root, and of one whose
/// API begins with `/v1`.
const WAYS: [(&str, &str, &str); 34] = [
    ("http://h:1234", "http://h:1234", "http://h:1234"),
    ("http://h:1234/", "http://h:1234", "http://h:1234"),
    ("http://h:1234///", "http://h:1234", "http://h:1234"),
    ("  http://h:1234\t\n", "http://h:1234", "http://h:1234"),
    ("'http://h:1234'", "http://h:1234", "http://h:1234"),
    ("\"http://h:1234/\";", "http://h:1234", "http://h:1234"),
    ("`http://h:1234`,", "http://h:1234", "http://h:1234"),
    ("export X_HOST=http://h:1234", "http://h:1234", "http://h:1234"),
    ("HTTP://H:1234", "http://h:1234", "http://h:1234"),
    ("Https://H:1234/", "https://h:1234", "https://h:1234"),
    ("http://h:1234?", "http://h:1234", "http://h:1234"),
    ("http://h:1234/v1", "http://h:1234", "http://h:1234/v1"),
    ("http://h:1234/V1/", "http://h:1234", "http://h:1234/v1"),
    ("http://h:1234/v1/v1", "http://h:1234", "http://h:1234/v1"),
    ("http://h:1234/v1/chat/completions", "http://h:1234", "http://h:1234/v1"),
    ("http://h:1234/v1/models", "http://h:1234", "http://h:1234/v1"),
    ("http://h:1234/v1/embeddings/", "http://h:1234", "http://h:1234/v1"),
    ("http://h:1234/v1/responses", "http://h:1234", "http://h:1234/v1"),
    ("https://h.example.com/a/b/v1", "https://h.example.com/a/b", "https://h.example.com/a/b/v1"),
    ("http://u:pw@h:1234", "http://u:pw@h:1234", "http://u:pw@h:1234"),
    ("http://u:pw@h:1234/v1/", "http://u:pw@h:1234", "http://u:pw@h:1234/v1"),
    ("u:pw@h:1234", "http://u:pw@h:1234", "http://u:pw@h:1234"),
    ("http://u:p@w@h:1234", "http://u:p%40w@h:1234", "http://u:p%40w@h:1234"),
    ("http://u:p:w@h:1234", "http://u:p%3Aw@h:1234", "http://u:p%3Aw@h:1234"),
    ("http://token@h:1234", "http://token@h:1234", "http://token@h:1234"),
    ("h:1234", "http://h:1234", "http://h:1234"),
    ("//h:1234", "http://h:1234", "http://h:1234"),
    ("h:1234/v1", "http://h:1234", "http://h:1234/v1"),
    ("10.0.0.7:1234", "http://10.0.0.7:1234", "http://10.0.0.7:1234"),
    ("http://0.0.0.0:1234", "http://127.0.0.1:1234", "http://127.0.0.1:1234"),
    ("0.0.0.0:1234/v1", "http://127.0.0.1:1234", "http://127.0.0.1:1234/v1"),
    ("[::]:1234", "http://[::1]:1234", "http://[::1]:1234"),
    ("[::1]:1234", "http://[::1]:1234", "http://[::1]:1234"),
    ("http://[FE80::1]:1234/v1", "http://[fe80::1]:1234", "http://[fe80::1]:1234/v1"),
];

#[test]
fn an_address_is_read_alike_for_every_client() {
    for provider in PROVIDERS.iter().filter(|provider| provider.dialect.is_some()) {
        for (text, root, v1) in WAYS {
            let read = provider.read_address(text).map(|address| address.base_url);
            // Only some dialects have these routes.
            if provider.dialect.is_some_and(|dialect| dialect.name() == "anthropic")
                && read.as_ref().is_err_and(|problem| problem.contains("a route that"))
            {
                continue;
            }
            let expected = if provider.runtime == RuntimeKind::Ollama { root } else { v1 };
            assert_eq!(read.as_deref(), Ok(expected), "{} {text:?}", provider.name);
        }
    }
}

#[test]
fn what_leads_to_a_stranger_is_refused_for_every_client() {
    let slash = "has an @ behind a slash, ? or #: if they belong to a password, write the slash as %2F, ? as %3F, # as \
                 %23 and @ as %40";
    let placeholder = "has a placeholder in the place of its password: fill it in";
    for (text, problem) in [
        ("http://user:12/pass@h:1234", slash),
        ("http://user:12?pass@h:1234", slash),
        ("http://user:12#pass@h:1234", slash),
        ("http://user:p@ss/word@h:1234", slash),
        ("user:12/pass@h:1234/v1", slash),
        ("http://us/er:pass@h:1234", slash),
        ("http://user:<password>@h:1234", placeholder),
        ("http://user:${PASSWORD}@h:1234", placeholder),
        ("http://user:***@h:1234", placeholder),
    ] {
        for provider in PROVIDERS.iter().filter(|provider| provider.dialect.is_some()) {
            assert_eq!(provider.read_address(text).unwrap_err(), problem, "{} {text}", provider.name);
        }
    }
}

#[test]
fn a_daemons_address_is_read_as_ollama_reads_it_and_as_people_paste_it() {
    for (text, url, is_everywhere) in [
        ("1.2.3.4", "http://1.2.3.4:11434", false),
        ("  \"1.2.3.4\" ", "http://1.2.3.4:11434", false),
        ("1.2.3.4:1234", "http://1.2.3.4:1234", false),
        ("localhost", "http://localhost:11434", false),
        ("LOCALHOST", "http://localhost:11434", false),
        ("localhost/", "http://localhost:11434", false),
        ("gpu.example.com", "http://gpu.example.com:11434", false),
        ("gpu.example.com/ollama/", "http://gpu.example.com:11434/ollama", false),
        ("h:80", "http://h", false),
        ("user:80x@h", "http://user:80x@h:11434", false),
        (":1234", "http://localhost:1234", true),
        (":", "http://localhost:11434", true),
        ("http://:1234", "http://localhost:1234", true),
        ("0.0.0.0", "http://127.0.0.1:11434", true),
        ("0.0.0.0:11500", "http://127.0.0.1:11500", true),
        ("http://0.0.0.0:11434/", "http://127.0.0.1:11434", true),
        ("127.0.0.1:0", "http://127.0.0.1:0", false),
        ("::", "http://[::1]:11434", true),
        ("[::]:1234", "http://[::1]:1234", true),
        ("::1", "http://[::1]:11434", false),
        ("[::1]", "http://[::1]:11434", false),
        ("[0001:002:003:0004::1]:1337", "http://[1:2:3:4::1]:1337", false),
        ("http://h", "http://h", false),
        ("http://h:1234/", "http://h:1234", false),
        ("https://h", "https://h", false),
        ("h:443", "https://h", false),
        ("https://h/ollama", "https://h/ollama", false),
        ("https://h:8443/a/b/", "https://h:8443/a/b", false),
        ("https://h/ollama/api/chat", "https://h/ollama", false),
        ("https://h/ollama/V1/", "https://h/ollama", false),
        ("http://h:1/API/Chat", "http://h:1", false),
        ("http://h:1/api/", "http://h:1", false),
        ("http://h:1/v1/api", "http://h:1", false),
        ("http://h:1/api/v1/", "http://h:1", false),
        ("http://h:1/api/chat/completions", "http://h:1", false),
        ("http://h:1/api/embeddings", "http://h:1", false),
        ("http://h:1/api/push", "http://h:1", false),
        ("http://h:1/api/ollama", "http://h:1/api/ollama", false),
        ("http://user:pass@h:1/api/tags", "http://user:pass@h:1", false),
        ("user:pass@h", "http://user:pass@h:11434", false),
        ("ollama.com", "https://ollama.com", false),
        ("https://ollama.com/api", "https://ollama.com", false),
    ] {
        let address = find("ollama").unwrap().read_address(text);
        let read = address.map(|address| (address.base_url, address.is_everywhere));
        assert_eq!(read, Ok((url.to_owned(), is_everywhere)), "{text:?}");
    }
    let no_port = "has a port that is no number: write host:port, such as 127.0.0.1:11434";
    let wrong = "must be an http or https address such as http://localhost:8080/v1";
    for (text, problem) in [
        ("h:66000", no_port),
        ("h:-1", no_port),
        ("h:port", no_port),
        ("https://h:port/", no_port),
        ("a b", wrong),
        ("tcp://h:1", wrong),
        ("http:/h:1", wrong),
        ("/api", wrong),
        ("http://", wrong),
        ("http://h:1/api?key=k", "must be an address without a query; a key belongs into kwargs.api_key"),
    ] {
        assert_eq!(find("ollama").unwrap().read_address(text).unwrap_err(), problem, "{text:?}");
    }
}

#[test]
fn a_server_of_ones_own_without_scheme_and_port_is_at_its_own_port() {
    for (provider, text, expected) in [
        ("vllm", "localhost", "http://localhost:8000"),
        ("lm_studio", "gpu-1/v1", "http://gpu-1:1234/v1"),
        ("vllm", "vllm.example.com/v1", "http://vllm.example.com/v1"),
        ("docker_model_runner", "localhost", "http://localhost:12434"),
        ("docker_model_runner", "172.17.0.1", "http://172.17.0.1:12434"),
        ("docker_model_runner", "model-runner.docker.internal", "http://model-runner.docker.internal"),
        (
            "docker_model_runner",
            "model-runner.docker.internal:12434",
            "http://model-runner.docker.internal:12434",
        ),
        ("docker_model_runner", "http://localhost:12434/engines/v1/", "http://localhost:12434/engines/v1"),
        ("openai", "localhost", "http://localhost"),
        ("openai", "gw.example.com:443/v1", "https://gw.example.com/v1"),
    ] {
        assert_eq!(read(provider, text).map(|(url, ..)| url).as_deref(), Ok(expected), "{provider} {text}");
    }
}

//! The rows.
//!
//! `source` is the vendor's own document, read in November 2026: `All` if it lists the parameters of a request,
//! `Address` if it only gives the vendor's address and dialect. A parameter that a server refuses by name is left out in
//! any case, so the abilities here only avoid the refusal, or name parameters that a vendor would ignore silently.

use std::time::Duration;

use super::{HeaderEnv, Key, Provider, RuntimeKind, Source, UrlPart};
use crate::CALL_TIMEOUT;
use crate::dialect::{Abilities, Caching, JsonMode};
use crate::{anthropic::Anthropic, ollama::Ollama, openai, openai::OpenAi};

/// The common fields of most hosted vendors.
const HOSTED: Provider = Provider {
    name: "",
    dialect: Some(&OpenAi),
    runtime: RuntimeKind::Foreign,
    base_url: "",
    url_parts: &[],
    root: "",
    port: None,
    model: "",
    embedding_model: "",
    key_env: &[],
    header_env: &[],
    base_url_env: &[],
    deployment_env: &[],
    api_version_env: &[],
    model_env: &[],
    key: Key::Bearer,
    local: false,
    abilities: Abilities::USUAL,
    is_reasoning_model: |_| false,
    kwargs: &[],
    timeout: CALL_TIMEOUT,
    start_hint: "Check the network",
    program: "",
    install: "",
    pull: "Check model_name and the base URL",
    min_temperature: 0.0,
    source: Source::Address(""),
};

/// The common fields of most local servers.
const LOCAL: Provider = Provider { key: Key::Optional, local: true, start_hint: "Start it", ..HOSTED };

/// What llama.cpp's server takes, also behind another program.
const LLAMA_SERVER: Abilities = Abilities {
    template_thinking: true,
    penalty: Some("repeat_penalty"),
    progress: true,
    ..Abilities::USUAL
};

/// Every provider: the hosted ones, then the local ones.
pub static PROVIDERS: &[Provider] = &[
    Provider {
        name: "openai",
        base_url: "https://api.openai.com/v1",
        // The original's default. OpenAI shuts it down on 14 January 2027 and recommends gpt-6-luna.
        model: "gpt-4o",
        embedding_model: "text-embedding-3-small",
        key_env: &["OPENAI_API_KEY"],
        header_env: &[
            HeaderEnv {
                header: "openai-organization",
                env: &["OPENAI_ORG_ID", "OPENAI_ORGANIZATION"],
                is_token: false,
            },
            HeaderEnv {
                header: "openai-project",
                env: &["OPENAI_PROJECT_ID", "OPENAI_PROJECT"],
                is_token: false,
            },
        ],
        base_url_env: &[
            "OPENAI_BASE_URL",
            "OPENAI_API_BASE",
            "OPENAI_API_BASE_URL",
            "OPENAI_ENDPOINT",
            "OPENAI_API_HOST",
        ],
        abilities: Abilities { caching: Caching::Key, ..Abilities::USUAL },
        is_reasoning_model: openai::is_reasoning_model,
        source: Source::All("OpenAI API reference, Create chat completion; Prompt caching; Deprecations"),
        ..HOSTED
    },
    Provider {
        name: "anthropic",
        dialect: Some(&Anthropic),
        base_url: "https://api.anthropic.com",
        root: "/v1",
        model: "claude-sonnet-5-5",
        key_env: &["ANTHROPIC_API_KEY"],
        header_env: &[HeaderEnv { header: "authorization", env: &["ANTHROPIC_AUTH_TOKEN"], is_token: true }],
        base_url_env: &["ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"],
        key: Key::Header("x-api-key"),
        abilities: Abilities { seed: None, penalty: None, ..Abilities::USUAL },
        source: Source::All("Anthropic docs, Messages; Prompt caching; Models overview; Model deprecations"),
        ..HOSTED
    },
    Provider {
        name: "azure_openai",
        base_url: "{azure_endpoint}",
        url_parts: &[UrlPart {
            kwargs: &["azure_endpoint", "endpoint"],
            env: &["AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"],
        }],
        // Without a dated api_version; with one, see `Provider::url`.
        root: "/openai/v1",
        model: "gpt-4o",
        key_env: &["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
        deployment_env: &["AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"],
        api_version_env: &["AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION", "AZURE_API_VERSION"],
        key: Key::Header("api-key"),
        is_reasoning_model: openai::is_reasoning_model,
        kwargs: &["azure_endpoint", "endpoint", "azure_deployment", "deployment", "api_version"],
        source: Source::Address("Azure OpenAI REST API reference; API version lifecycle"),
        ..HOSTED
    },
    Provider {
        name: "together",
        base_url: "https://api.together.ai/v1",
        model: "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        key_env: &["TOGETHER_API_KEY", "TOGETHERAI_API_KEY"],
        base_url_env: &["TOGETHER_BASE_URL"],
        source: Source::All("Together docs, OpenAI compatibility; Python SDK, chat completions"),
        ..HOSTED
    },
    Provider {
        name: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        model: "openai/gpt-4o",
        key_env: &["OPENROUTER_API_KEY"],
        base_url_env: &["OPENROUTER_BASE_URL"],
        abilities: Abilities { caching: Caching::Marks, ..Abilities::USUAL },
        source: Source::All("OpenRouter docs, API overview; Structured outputs; Prompt caching"),
        ..HOSTED
    },
    Provider {
        name: "perplexity",
        base_url: "https://api.perplexity.ai",
        model: "sonar-pro",
        key_env: &["PERPLEXITY_API_KEY", "PPLX_API_KEY"],
        base_url_env: &["PERPLEXITY_BASE_URL"],
        // No such options and no seed; the usage is in every chunk.
        abilities: Abilities { stream_options: false, seed: None, ..Abilities::USUAL },
        source: Source::All("Perplexity Python SDK, chat completions"),
        ..HOSTED
    },
    Provider {
        name: "deepseek",
        base_url: "https://api.deepseek.com",
        model: "deepseek-flash",
        key_env: &["DEEPSEEK_API_KEY"],
        base_url_env: &["DEEPSEEK_BASE_URL"],
        abilities: Abilities { json: JsonMode::Object, seed: None, ..Abilities::USUAL },
        source: Source::Address("DeepSeek API docs, JSON Output; Your First API Call"),
        ..HOSTED
    },
    Provider {
        name: "mistral",
        base_url: "https://api.mistral.ai/v1",
        model: "mistral-large-latest",
        embedding_model: "mistral-embed",
        key_env: &["MISTRAL_API_KEY"],
        base_url_env: &["MISTRAL_BASE_URL"],
        // Its schema has another name for the seed and no stream options; the last chunk has the usage.
        abilities: Abilities {
            stream_options: false,
            seed: Some("random_seed"),
            caching: Caching::Key,
            ..Abilities::USUAL
        },
        source: Source::All("Mistral docs, Custom structured outputs; Prompt caching; OpenAPI specification"),
        ..HOSTED
    },
    Provider {
        name: "groq",
        base_url: "https://api.groq.com/openai/v1",
        model: "openai/gpt-oss-120b",
        key_env: &["GROQ_API_KEY"],
        base_url_env: &["GROQ_BASE_URL"],
        abilities: Abilities { max_completion_tokens: true, ..Abilities::USUAL },
        source: Source::All(
            "Groq docs, OpenAI compatibility; Model Deprecation; Python SDK, chat completions",
        ),
        ..HOSTED
    },
    Provider {
        name: "gemini",
        base_url: "https://generativelanguage.googleapis.com/v1beta/openai",
        model: "gemini-3.8-flash",
        key_env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        base_url_env: &["GEMINI_BASE_URL"],
        abilities: Abilities { seed: None, ..Abilities::USUAL },
        source: Source::Address("Gemini API docs, OpenAI compatibility; Gemini deprecations"),
        ..HOSTED
    },
    Provider {
        name: "grok",
        base_url: "https://api.x.ai/v1",
        model: "grok-4.3",
        key_env: &["XAI_API_KEY"],
        base_url_env: &["XAI_BASE_URL"],
        source: Source::Address("xAI docs, API overview; Grok Model Retirement on May 15, 2026"),
        ..HOSTED
    },
    Provider {
        name: "cerebras",
        base_url: "https://api.cerebras.ai/v1",
        model: "gpt-oss-120b",
        key_env: &["CEREBRAS_API_KEY"],
        base_url_env: &["CEREBRAS_BASE_URL"],
        abilities: Abilities { max_completion_tokens: true, ..Abilities::USUAL },
        source: Source::All("Cerebras docs, Chat completions; Python SDK"),
        ..HOSTED
    },
    Provider {
        name: "sambanova",
        base_url: "https://api.sambanova.ai/v1",
        model: "Meta-Llama-3.3-70B-Instruct",
        key_env: &["SAMBANOVA_API_KEY"],
        base_url_env: &["SAMBANOVA_BASE_URL"],
        source: Source::Address("SambaNova docs, API keys and URLs"),
        ..HOSTED
    },
    Provider {
        name: "cohere",
        base_url: "https://api.cohere.ai/compatibility/v1",
        model: "command-a-03-2025",
        key_env: &["COHERE_API_KEY", "CO_API_KEY"],
        base_url_env: &["COHERE_BASE_URL"],
        // Its list has no stream options, and a JSON object rather than OpenAI's schema.
        abilities: Abilities { json: JsonMode::Object, stream_options: false, ..Abilities::USUAL },
        source: Source::All("Cohere docs, Compatibility API"),
        ..HOSTED
    },
    Provider {
        name: "qwen",
        base_url: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        model: "qwen-plus",
        key_env: &["DASHSCOPE_API_KEY"],
        base_url_env: &["DASHSCOPE_BASE_URL"],
        source: Source::Address("Alibaba Cloud Model Studio, OpenAI compatible - Chat"),
        ..HOSTED
    },
    Provider {
        name: "moonshot",
        base_url: "https://api.moonshot.ai/v1",
        model: "kimi-k2.6",
        key_env: &["MOONSHOT_API_KEY"],
        base_url_env: &["MOONSHOT_BASE_URL"],
        abilities: Abilities {
            seed: None,
            max_completion_tokens: true,
            caching: Caching::Key,
            ..Abilities::USUAL
        },
        is_reasoning_model: openai::is_fixed_kimi,
        source: Source::All("Kimi API docs, Create chat completion (OpenAPI specification)"),
        ..HOSTED
    },
    Provider {
        name: "minimax",
        base_url: "https://api.minimax.io/v1",
        model: "MiniMax-M2",
        key_env: &["MINIMAX_API_KEY"],
        base_url_env: &["MINIMAX_BASE_URL"],
        // No JSON mode and no seed are documented.
        abilities: Abilities {
            json: JsonMode::Prompt,
            seed: None,
            max_completion_tokens: true,
            ..Abilities::USUAL
        },
        // From above 0 up to 1.
        min_temperature: 0.01,
        source: Source::All("MiniMax docs, OpenAI compatible API; Text chat"),
        ..HOSTED
    },
    Provider {
        name: "fireworks",
        base_url: "https://api.fireworks.ai/inference/v1",
        model: "accounts/fireworks/models/gpt-oss-120b",
        key_env: &["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"],
        base_url_env: &["FIREWORKS_BASE_URL"],
        source: Source::All("Fireworks docs, Structured responses; Python SDK, chat completions"),
        ..HOSTED
    },
    Provider {
        name: "nousresearch",
        base_url: "https://inference-api.nousresearch.com/v1",
        model: "Hermes-4-70B",
        key_env: &["NOUSRESEARCH_API_KEY", "NOUS_API_KEY"],
        base_url_env: &["NOUSRESEARCH_BASE_URL"],
        source: Source::Address("Nous Research, Hermes Agent (hermes_cli/auth)"),
        ..HOSTED
    },
    Provider {
        name: "huggingface",
        base_url: "https://router.huggingface.co/v1",
        model: "meta-llama/Llama-3.3-70B-Instruct",
        key_env: &["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN"],
        base_url_env: &["HUGGINGFACE_BASE_URL"],
        source: Source::All("Hugging Face docs, Inference Providers, Chat completion"),
        ..HOSTED
    },
    Provider {
        name: "vercel_gateway",
        base_url: "https://ai-gateway.vercel.sh/v1",
        model: "openai/gpt-4o",
        key_env: &["AI_GATEWAY_API_KEY"],
        base_url_env: &["VERCEL_AI_GATEWAY_BASE_URL"],
        source: Source::Address("Vercel docs, AI Gateway, OpenAI-compatible API"),
        ..HOSTED
    },
    Provider {
        name: "cloudflare",
        base_url: "https://gateway.ai.cloudflare.com/v1/{account_id}/{gateway_id}/compat",
        url_parts: &[
            UrlPart { kwargs: &["account_id"], env: &["CLOUDFLARE_ACCOUNT_ID"] },
            UrlPart { kwargs: &["gateway_id"], env: &["CLOUDFLARE_GATEWAY_ID"] },
        ],
        model: "openai/gpt-4o-mini",
        // Deprecated in favour of an API of the account; it goes on for who uses it.
        // The key of the vendor behind the gateway.
        key_env: &["OPENAI_API_KEY"],
        base_url_env: &["CLOUDFLARE_GATEWAY_BASE_URL"],
        kwargs: &["account_id", "gateway_id"],
        source: Source::Address("Cloudflare docs, AI Gateway, OpenAI Compatibility"),
        ..HOSTED
    },
    Provider {
        name: "ollama",
        dialect: Some(&Ollama),
        runtime: RuntimeKind::Ollama,
        base_url: "http://localhost:11434",
        root: "/api",
        port: Some(11434),
        model: "llama3.2:3b",
        embedding_model: "nomic-embed-text",
        // Ollama's own clients send it; a daemon by itself wants none.
        header_env: &[HeaderEnv { header: "authorization", env: &["OLLAMA_API_KEY"], is_token: true }],
        base_url_env: &["OLLAMA_HOST", "OLLAMA_BASE_URL"],
        kwargs: &["num_ctx", "keep_alive"],
        program: "ollama",
        install: "https://ollama.com/download",
        start_hint: "Start it with `ollama serve`",
        pull: "Fetch it with `ollama pull`",
        abilities: Abilities { penalty: Some("repeat_penalty"), ..Abilities::USUAL },
        source: Source::All("Ollama, docs/api.md; ollama-python, Client"),
        ..LOCAL
    },
    Provider {
        name: "docker_model_runner",
        runtime: RuntimeKind::DockerModelRunner,
        base_url: "http://localhost:12434",
        root: "/engines/v1",
        port: Some(12434),
        model: "ai/llama3.2:3B-Q4_0",
        base_url_env: &["MODEL_RUNNER_HOST"],
        // Docker Compose fills in both, see docker/compose.models.yaml.
        model_env: &["MODEL_RUNNER_MODEL"],
        kwargs: &["num_ctx"],
        timeout: Duration::from_secs(60),
        abilities: LLAMA_SERVER,
        program: "docker",
        install: "https://docs.docker.com/ai/model-runner/get-started/",
        start_hint: "Start it with `docker model install-runner` (Docker Desktop: `docker desktop enable \
                model-runner --tcp 12434`)",
        pull: "Fetch it with `docker model pull`",
        source: Source::Address("Docker docs, Model Runner, API reference"),
        ..LOCAL
    },
    Provider {
        name: "lemonade",
        // The port of the original library, which Lemonade had before version 10.
        base_url: "http://localhost:8000",
        root: "/api/v1",
        port: Some(8000),
        model: "Llama-3.2-3B-Instruct-Hybrid",
        base_url_env: &["LEMONADE_BASE_URL"],
        program: "lemonade-server",
        install: "https://lemonade-server.ai",
        start_hint: "Start it with `lemonade-server serve` (from version 10 on it listens at port 13305)",
        pull: "Fetch it with `lemonade pull`",
        source: Source::Address("Lemonade docs, OpenAI-compatible API"),
        ..LOCAL
    },
    Provider {
        name: "tokasaurus",
        base_url: "http://localhost:10210",
        root: "/v1",
        port: Some(10210),
        model: "default",
        base_url_env: &["TOKASAURUS_BASE_URL"],
        abilities: Abilities { json: JsonMode::Prompt, ..Abilities::USUAL },
        program: "toka",
        install: "https://github.com/ScalingIntelligence/tokasaurus",
        start_hint: "Start it with `toka model=...`",
        source: Source::Address("Tokasaurus, README"),
        ..LOCAL
    },
    Provider {
        name: "llama_server",
        base_url: "http://localhost:8080",
        root: "/v1",
        port: Some(8080),
        // One model is loaded, whatever it is called.
        model: "default",
        embedding_model: "default",
        base_url_env: &["LLAMA_SERVER_BASE_URL"],
        abilities: LLAMA_SERVER,
        program: "llama-server",
        install: "https://github.com/ggml-org/llama.cpp/blob/master/docs/install.md",
        start_hint: "Start it with `llama-server -m model.gguf`",
        source: Source::All("llama.cpp, tools/server/README.md"),
        ..LOCAL
    },
    Provider {
        name: "vllm",
        base_url: "http://localhost:8000",
        root: "/v1",
        port: Some(8000),
        base_url_env: &["VLLM_BASE_URL"],
        abilities: Abilities {
            template_thinking: true,
            penalty: Some("repetition_penalty"),
            ..Abilities::USUAL
        },
        program: "vllm",
        install: "https://docs.vllm.ai/en/latest/getting_started/installation/",
        start_hint: "Start it with `vllm serve MODEL`",
        source: Source::All("vLLM docs, OpenAI-Compatible Server"),
        ..LOCAL
    },
    Provider {
        name: "sglang",
        base_url: "http://localhost:30000",
        root: "/v1",
        port: Some(30000),
        base_url_env: &["SGLANG_BASE_URL"],
        program: "sglang",
        install: "https://docs.sglang.io/get_started/install.html",
        start_hint: "Start it with `python -m sglang.launch_server --model-path MODEL`",
        abilities: Abilities { penalty: Some("repetition_penalty"), ..Abilities::USUAL },
        source: Source::Address("SGLang docs, OpenAI-compatible API"),
        ..LOCAL
    },
    Provider {
        name: "lm_studio",
        base_url: "http://localhost:1234",
        root: "/v1",
        port: Some(1234),
        base_url_env: &["LM_STUDIO_BASE_URL"],
        program: "lms",
        install: "https://lmstudio.ai/download",
        start_hint: "Start it with `lms server start`",
        abilities: Abilities { penalty: Some("repeat_penalty"), ..Abilities::USUAL },
        source: Source::Address("LM Studio docs, Structured output"),
        ..LOCAL
    },
    Provider {
        name: "mlx_lm",
        base_url: "http://localhost:8080",
        root: "/v1",
        port: Some(8080),
        base_url_env: &["MLX_LM_BASE_URL"],
        // Its list of fields has none of the three.
        abilities: Abilities {
            json: JsonMode::Prompt,
            stream_options: false,
            seed: None,
            penalty: Some("repetition_penalty"),
            ..Abilities::USUAL
        },
        program: "mlx_lm.server",
        install: "https://github.com/ml-explore/mlx-lm",
        start_hint: "Start it with `mlx_lm.server --model MODEL`",
        source: Source::All("MLX LM, SERVER.md"),
        ..LOCAL
    },
    Provider {
        name: "mlx_omni",
        base_url: "http://localhost:10240",
        root: "/v1",
        port: Some(10240),
        model: "mlx-community/Llama-3.2-1B-Instruct-4bit",
        base_url_env: &["MLX_OMNI_BASE_URL"],
        program: "mlx-omni-server",
        install: "https://github.com/madroidmaq/mlx-omni-server",
        start_hint: "Start it with `mlx-omni-server`",
        source: Source::Address("MLX Omni Server, README"),
        ..LOCAL
    },
    Provider {
        name: "osaurus",
        base_url: "http://localhost:1337",
        root: "/v1",
        port: Some(1337),
        model: "foundation",
        base_url_env: &["OSAURUS_BASE_URL"],
        program: "osaurus",
        install: "https://github.com/dinoki-ai/osaurus",
        start_hint: "Start it with `osaurus serve`",
        source: Source::Address("Osaurus docs, CLI reference"),
        ..LOCAL
    },
    Provider {
        name: "llama_cpp",
        dialect: None,
        runtime: RuntimeKind::Embedded,
        kwargs: &["n_ctx", "num_ctx", "n_gpu_layers", "chat_format", "n_threads", "kv_type"],
        source: Source::All("llama.cpp, include/llama.h"),
        ..LOCAL
    },
];

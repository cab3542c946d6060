//! Names that other tools, and people who guess, have for a key.

const SYNONYMS: [(&str, &str); 37] = [
    ("api_base", "base_url"),
    ("openai_api_base", "base_url"),
    ("endpoint", "base_url"),
    ("host", "base_url"),
    ("url", "base_url"),
    ("api_token", "api_key"),
    ("auth_token", "api_key"),
    ("token", "api_key"),
    ("max_completion_tokens", "max_tokens"),
    ("max_new_tokens", "max_tokens"),
    ("num_predict", "max_tokens"),
    ("max_retries", "retries"),
    ("num_retries", "retries"),
    ("request_timeout", "timeout"),
    ("context_length", "num_ctx"),
    ("model", "model_name"),
    ("question", "task"),
    ("query", "task"),
    ("prompt", "task"),
    ("documents", "context"),
    ("document", "context"),
    ("docs", "context"),
    ("supervisor", "remote_client"),
    ("remote", "remote_client"),
    ("worker", "local_client"),
    ("local", "local_client"),
    ("content", "text"),
    ("title", "name"),
    ("rounds", "max_rounds"),
    ("deadline", "deadline_s"),
    ("question", "query"),
    ("answer", "remote_output"),
    ("response", "remote_output"),
    ("final_answer", "remote_output"),
    ("messages", "turns"),
    ("conversation_history", "history"),
    ("chat_history", "history"),
];

/// The key among `known` that others call `key`.
pub(super) fn synonym(key: &str, known: &[&str]) -> Option<String> {
    let (_, name) = SYNONYMS.iter().find(|(other, name)| *other == key && known.contains(name))?;
    Some((*name).to_owned())
}

//! Model names as Ollama compares them: `[host/][namespace/]model[:tag]`, letters of either case.

/// A whole name, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    host: String,
    namespace: String,
    model: String,
    tag: String,
}

impl Name {
    /// Fills in what is left out (`registry.ollama.ai/library/...:latest`); says which part is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((scheme, _)) if !["", "http", "https"].contains(&&*scheme.to_ascii_lowercase()) => {
                return Err(format!("its scheme {scheme:?} is none of a library of models"));
            }
            Some((_, rest)) => rest,
            None => text,
        };
        let (path, last) = rest.rsplit_once('/').map_or((None, rest), |(path, last)| (Some(path), last));
        let (model, tag) = last.split_once(':').unwrap_or((last, "latest"));
        let (host, namespace) =
            path.map_or(("", "library"), |path| path.rsplit_once('/').unwrap_or(("", path)));
        let host = if host.is_empty() { "registry.ollama.ai" } else { host };
        for (part, what, extra, longest) in [
            (host, "host", ".:-_", 350),
            (namespace, "namespace", "-_", 80),
            (model, "model", ".-_", 80),
            (tag, "tag", ".-_", 80),
        ] {
            let is_sound = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && part.len() <= longest
                && part.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c));
            if !is_sound {
                return Err(format!("its {what} {part:?} is not one"));
            }
        }
        let [host, namespace, model, tag] = [host, namespace, model, tag].map(str::to_ascii_lowercase);
        Ok(Self { host, namespace, model, tag })
    }

    /// Where a daemon keeps its description, below the folder of its models.
    pub(super) fn manifest(&self) -> std::path::PathBuf {
        let Self { host, namespace, model, tag } = self;
        ["manifests", host, namespace, model, tag].iter().collect()
    }

    /// The model without where it comes from.
    pub(super) fn model(&self) -> String {
        format!("{}:{}", self.model, self.tag)
    }

    /// The model that is meant, where `text` begins with the name that other programs have for this client type
    /// (LiteLLM's `ollama/llama3.2`): the library takes it for a namespace, which is a stranger's, or for a model.
    pub(super) fn behind_client_type(text: &str) -> Option<&str> {
        const PREFIXES: [&str; 9] = [
            "ollama://",
            "ollama/",
            "ollama:",
            "ollama_chat/",
            "ollama_chat:",
            "ollama-chat/",
            "ollama-chat:",
            "openai/",
            "openai:",
        ];
        let text = text.trim();
        PREFIXES.iter().find_map(|prefix| {
            let start = text.get(..prefix.len())?;
            let model = &text[prefix.len()..];
            (start.eq_ignore_ascii_case(prefix) && !model.is_empty()).then_some(model)
        })
    }

    /// Whether Ollama runs it on its own machines, so that prompts leave this one.
    pub(super) fn is_cloud(&self) -> bool {
        self.tag == "cloud" || self.tag.ends_with("-cloud")
    }
}

/// Whether a model's name says that Ollama's daemon hands its prompts on to its cloud.
pub fn is_cloud(model: &str) -> bool {
    Name::parse(model).is_ok_and(|name| name.is_cloud())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_however_they_are_written() {
        let full = Name::parse("registry.ollama.ai/library/llama3.2:latest").unwrap();
        for name in [
            "llama3.2",
            " Llama3.2:Latest ",
            "library/llama3.2",
            "LIBRARY/llama3.2:latest",
            "registry.ollama.ai/library/llama3.2:LATEST",
            "https://registry.ollama.ai/library/llama3.2",
        ] {
            assert_eq!(Name::parse(name).unwrap(), full, "{name}");
        }
        for name in ["llama3.2:3b", "me/llama3.2", "hf.co/library/llama3.2", "llama3.20"] {
            assert_ne!(Name::parse(name).unwrap(), full, "{name}");
        }
    }

    #[test]
    fn a_colon_starts_a_tag_only_after_the_last_slash() {
        let name = Name::parse("localhost:5000/org/Repo-GGUF:Q4_K_M").unwrap();
        assert_eq!(
            [&*name.host, &*name.namespace, &*name.model, &*name.tag],
            ["localhost:5000", "org", "repo-gguf", "q4_k_m"]
        );
        assert!(Name::parse("gpt-oss:120b-cloud").unwrap().is_cloud());
        assert!(Name::parse("glm-4.6:cloud").unwrap().is_cloud());
        assert!(!Name::parse("cloud-model:7b").unwrap().is_cloud());
    }

    #[test]
    fn a_client_type_before_a_model_is_no_namespace() {
        for (text, model) in [
            ("ollama/llama3.2", Some("llama3.2")),
            (" Ollama/llama3.2:3b", Some("llama3.2:3b")),
            ("ollama_chat/qwen3", Some("qwen3")),
            ("ollama:llama3.2:3b", Some("llama3.2:3b")),
            ("ollama://hf.co/o/r", Some("hf.co/o/r")),
            ("ollama/me/model", Some("me/model")),
            ("openai/gpt-oss", Some("gpt-oss")),
            ("ollama/", None),
            ("ollama", None),
            ("ollama2/x", None),
            ("ollamafan/x", None),
            ("me/ollama", None),
            ("llama3.2", None),
        ] {
            assert_eq!(Name::behind_client_type(text), model, "{text}");
        }
    }

    #[test]
    fn a_wrong_part_is_named() {
        for (name, part) in [
            ("", "model"),
            ("../../etc/passwd", "host"),
            ("a b", "model"),
            ("m:", "tag"),
            ("m:t:u", "tag"),
            ("name.space/m", "namespace"),
            (".m", "model"),
            ("é", "model"),
            (&"m".repeat(81), "model"),
            ("ollama://llama3.2", "scheme"),
        ] {
            assert!(Name::parse(name).unwrap_err().contains(part), "{name}");
        }
    }
}

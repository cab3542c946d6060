//! The models that the service offers: each configured pair with each protocol.

use serde_json::{Value, json};

use crate::job::ProtocolKind;

/// A pair of models, with a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub pair: String,
    pub protocol: ProtocolKind,
}

/// The names of all models. Those of the first pair need not name it.
pub(super) fn names(pairs: &[String]) -> Vec<String> {
    let of_first = ProtocolKind::ALL.map(|protocol| protocol.name().to_owned());
    let others = pairs.iter().filter(|_| pairs.len() > 1);
    let of_pairs = others.flat_map(|pair| ProtocolKind::ALL.map(|kind| format!("{pair}/{}", kind.name())));
    of_first.into_iter().chain(of_pairs).collect()
}

/// The pair and the protocol of a model's name. A pair alone means `auto`.
pub(super) fn find(name: &str, pairs: &[String]) -> Option<Chosen> {
    let protocol = |name: &str| {
        let name = name.replace('-', "_");
        ProtocolKind::ALL.into_iter().find(|kind| kind.name() == name)
    };
    let first = pairs.first()?;
    if let Some(protocol) = protocol(name) {
        return Some(Chosen { pair: first.clone(), protocol });
    }
    let (pair, kind) = match pairs.iter().find(|pair| *pair == name) {
        Some(pair) => (pair.as_str(), ProtocolKind::Auto),
        None => name.rsplit_once('/').and_then(|(pair, kind)| Some((pair, protocol(kind)?)))?,
    };
    pairs.iter().any(|known| known == pair).then(|| Chosen { pair: pair.to_owned(), protocol: kind })
}

/// A model as OpenAI describes one. `created` is when the service began, as no model of its own was made.
pub(super) fn object(name: &str, created: u64) -> Value {
    json!({"id": name, "object": "model", "created": created, "owned_by": "minions"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_that_is_listed_is_found() {
        for pairs in [vec!["default".to_owned()], vec!["a".to_owned(), "ollama/b".to_owned()]] {
            for name in names(&pairs) {
                let chosen = find(&name, &pairs).unwrap();
                assert!(name.ends_with(chosen.protocol.name()), "{name}");
            }
        }
    }

    #[test]
    fn a_name_says_the_pair_or_means_the_first() {
        let pairs = ["a".to_owned(), "ollama/b".to_owned()];
        let found = |name: &str| find(name, &pairs).map(|chosen| (chosen.pair, chosen.protocol));
        let of = |pair: &str, protocol| Some((pair.to_owned(), protocol));
        assert_eq!(found("minions"), of("a", ProtocolKind::Minions));
        assert_eq!(found("remote-only"), of("a", ProtocolKind::RemoteOnly));
        assert_eq!(found("ollama/b/local_only"), of("ollama/b", ProtocolKind::LocalOnly));
        assert_eq!(found("ollama/b"), of("ollama/b", ProtocolKind::Auto));
        for none in ["gpt-4o", "c/minions", "a/gpt", "", "/"] {
            assert_eq!(found(none), None, "{none}");
        }
        assert_eq!(names(&pairs).len(), 15);
        assert_eq!(names(&pairs[..1]).len(), 5);
    }
}

//! What the engine needs to know of a GGUF file before it is loaded.

use std::path::Path;

use super::{ModelInfo, failed};
use minions_chat::ChatError;
use minions_estimate::gguf::{Header, Unusable};
use minions_machine::footprint::{CacheType, Footprint};

/// The figures of a GGUF file's metadata, read without loading the model. Needs no engine.
///
/// # Errors
/// The path is missing, a directory or unreadable; the file is no GGUF, ends early, or is part of a split model;
/// it holds something else than a chat model (embeddings, an encoder, an adapter, a projector).
pub fn inspect(path: &Path) -> Result<ModelInfo, ChatError> {
    let read = Header::of(path).and_then(|header| header.check().map(|()| header)).and_then(|header| {
        let lacking = || Unusable {
            what: "its metadata lacks the model's dimensions".to_owned(),
            hint: "convert it again",
        };
        info(&header).ok_or_else(lacking)
    });
    read.map_err(|Unusable { what, hint }| {
        failed(format!("cannot use the model {}: {what}", path.display()), hint)
    })
}

fn info(header: &Header) -> Option<ModelInfo> {
    let (vocabulary, file_bytes) = (header.vocabulary(), header.bytes);
    let architecture = header.text("general.architecture")?;
    let figures = |key: &str| header.figures(&header.own(key));
    let footprint = Footprint::of(architecture, figures, file_bytes, vocabulary, CacheType::F16)?;
    Some(ModelInfo {
        architecture: architecture.to_owned(),
        trained_context: u32::try_from(header.number(&header.own("context_length"))?).unwrap_or(u32::MAX),
        file_bytes,
        // The engine keeps the whole past of every layer, for prefixes to be shared.
        footprint: footprint.with_whole_past(),
        vocabulary: u32::try_from(vocabulary).unwrap_or(u32::MAX),
        has_chat_template: header.text("tokenizer.chat_template").is_some_and(|text| !text.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Vec<u8> {
        [&8u32.to_le_bytes()[..], &(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
    }

    fn number(value: u32) -> Vec<u8> {
        [4u32.to_le_bytes(), value.to_le_bytes()].concat()
    }

    fn numbers(values: &[u32]) -> Vec<u8> {
        let mut out = [9u32.to_le_bytes(), 4u32.to_le_bytes()].concat();
        out.extend((values.len() as u64).to_le_bytes());
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        out
    }

    /// A header of these pairs and no tensors, in a file.
    fn inspected(pairs: &[(&str, Vec<u8>)]) -> Result<ModelInfo, ChatError> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend(0u64.to_le_bytes());
        out.extend((pairs.len() as u64).to_le_bytes());
        for (key, value) in pairs {
            out.extend((key.len() as u64).to_le_bytes());
            out.extend(key.as_bytes());
            out.extend(value);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), out).unwrap();
        inspect(file.path())
    }

    #[test]
    fn the_figures_come_from_the_metadata() {
        let info = inspected(&[
            ("general.architecture", text("x")),
            ("x.context_length", number(10)),
            ("x.block_count", number(3)),
            ("x.embedding_length", number(64)),
            ("x.attention.head_count", number(8)),
            ("x.attention.head_count_kv", numbers(&[2, 0, 4])),
            ("x.attention.key_length", number(16)),
            ("x.attention.value_length", number(32)),
            ("tokenizer.chat_template", text("{{ messages }}")),
        ])
        .unwrap();
        assert_eq!((info.architecture.as_str(), info.trained_context), ("x", 10));
        assert_eq!(info.footprint.token, 6 * 48 * 2);
        assert!(info.has_chat_template);
    }

    #[test]
    fn a_file_that_is_no_chat_model_is_refused_with_a_remedy() {
        for (pairs, expected) in [
            (vec![("general.architecture", text("clip"))], "cannot use the model"),
            (vec![("general.architecture", text("llama"))], "lacks the model's dimensions"),
        ] {
            let error = inspected(&pairs).unwrap_err();
            assert!(error.message.contains(expected) && error.hint.is_some(), "{error}");
        }
    }
}

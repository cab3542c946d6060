//! Files that are written here by ggml's layout.

use super::*;

/// A header of `(key, type and value)` pairs and no tensors.
fn gguf(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    out.extend(0u64.to_le_bytes());
    out.extend((pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        out.extend((key.len() as u64).to_le_bytes());
        out.extend(key.as_bytes());
        out.extend(value);
    }
    out
}

fn text(value: &str) -> Vec<u8> {
    [&8u32.to_le_bytes()[..], &(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
}

fn number(value: u32) -> Vec<u8> {
    [4u32.to_le_bytes(), value.to_le_bytes()].concat()
}

fn read(bytes: &[u8]) -> Result<Header, Unusable> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let header = Header::of(file.path())?;
    header.check()?;
    Ok(header)
}

fn llama(more: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let mut pairs = vec![
        ("general.architecture", text("llama")),
        ("llama.context_length", number(2048)),
        ("llama.block_count", number(4)),
        ("llama.embedding_length", number(576)),
        ("llama.attention.head_count", number(9)),
        ("llama.attention.head_count_kv", number(3)),
    ];
    pairs.extend_from_slice(more);
    gguf(&pairs)
}

#[test]
fn other_files_are_refused_by_name() {
    let flag = |value| [&7u32.to_le_bytes()[..], &[value]].concat();
    let bert = |more: (&'static str, Vec<u8>)| gguf(&[("general.architecture", text("bert")), more]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "no GGUF"),
        (b"PK\x03\x04 a zip file".to_vec(), "no GGUF"),
        (b"GGUF\x01\0\0\0".to_vec(), "version 1"),
        (llama(&[])[..100].to_vec(), "cut off"),
        (b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), "cut off"),
        (gguf(&[("k", vec![99, 0, 0, 0])]), "unknown value type 99"),
        (
            llama(&[("split.count", number(3)), ("split.no", number(1))]),
            "part 2 of a model that is split into 3",
        ),
        (llama(&[("general.type", text("adapter"))]), "LoRA"),
        (bert(("bert.attention.causal", flag(0))), "embedding model"),
        (llama(&[("llama.pooling_type", number(3))]), "embedding model"),
        (gguf(&[("general.architecture", text("clip"))]), "projector"),
        (gguf(&[("general.architecture", text("t5"))]), "encoder"),
    ];
    for (bytes, expected) in cases {
        let error = read(&bytes).err().unwrap();
        assert!(error.what.contains(expected), "{error:?} should contain {expected}");
        assert!(!error.hint.is_empty());
    }
}

#[test]
fn tensors_have_the_bytes_up_to_the_next_one() {
    let described = |begins: &[u64]| {
        let tensor = |(at, begin): (usize, &u64)| {
            (*begin, Tensor { name: at.to_string(), values: 1, kind: 0, bytes: 0 })
        };
        begins.iter().enumerate().map(tensor).collect::<Vec<_>>()
    };
    let sizes = |begins: &[u64], data| {
        with_sizes(described(begins), data).map(|all| all.iter().map(|it| it.bytes).collect::<Vec<_>>())
    };
    assert_eq!(sizes(&[0, 32, 96], 100), Some(vec![32, 64, 4]));
    // In whichever order they are described.
    assert_eq!(sizes(&[32, 0], 40), Some(vec![32, 8]));
    assert_eq!(sizes(&[0, 100], 100), None, "the file ends before its last tensor");
    assert_eq!(sizes(&[], 0), Some(vec![]));
}

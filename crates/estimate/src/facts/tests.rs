//! Models of all kinds, as files that are written here by ggml's layout.

use std::path::Path;

use super::*;

/// A value of the metadata.
enum Value<'a> {
    Text(&'a str),
    Number(u32),
    Numbers(&'a [u32]),
}

use Value::{Number, Numbers, Text};

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A file with these pairs and tensors, each with its name, its values, its type's number and its bytes.
fn write(path: &Path, pairs: &[(&str, Value<'_>)], tensors: &[(&str, u64, u32, u64)]) {
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        push_text(&mut out, key);
        match value {
            Text(text) => {
                out.extend(8_u32.to_le_bytes());
                push_text(&mut out, text);
            }
            Number(number) => out.extend([4_u32.to_le_bytes(), number.to_le_bytes()].concat()),
            Numbers(numbers) => {
                out.extend([9_u32.to_le_bytes(), 4_u32.to_le_bytes()].concat());
                out.extend((numbers.len() as u64).to_le_bytes());
                out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
    }
    let mut begin = 0_u64;
    for (name, values, kind, bytes) in tensors {
        push_text(&mut out, name);
        out.extend(1_u32.to_le_bytes());
        out.extend(values.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(begin.to_le_bytes());
        begin += bytes.next_multiple_of(32);
    }
    out.resize(out.len().next_multiple_of(32) + begin as usize, 0);
    std::fs::write(path, out).unwrap();
}

fn read(pairs: &[(&str, Value<'_>)], tensors: &[(&str, u64, u32, u64)]) -> Result<Facts, Unusable> {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(file.path(), pairs, tensors);
    Facts::of(&Header::of_all_parts(file.path())?, CacheType::F16)
}

fn dense(architecture: &'static str) -> Vec<(&'static str, Value<'static>)> {
    vec![
        ("general.architecture", Text(architecture)),
        ("x.block_count", Number(2)),
        ("x.embedding_length", Number(64)),
        ("x.attention.head_count", Number(8)),
        ("x.attention.head_count_kv", Number(2)),
        ("x.context_length", Number(4096)),
    ]
}

const TABLE: (&str, u64, u32, u64) = ("token_embd.weight", 6400, 8, 6816);
const UP: (&str, u64, u32, u64) = ("blk.0.ffn_up.weight", 3200, 8, 3424);

#[test]
fn the_table_of_embeddings_is_read_only_where_it_is_the_output() {
    let tied = read(&dense("x"), &[TABLE, UP]).unwrap();
    assert!(tied.is_tied);
    assert_eq!((tied.active_parameters, tied.bytes_per_token), (9600, 6816 + 3424));
    assert_eq!(tied.work, [Work { class: Class::Plain, parameters: 9600, of_output: 6400 }]);
    let output = ("output.weight", 6400, 14, 5280);
    let own = read(&dense("x"), &[TABLE, UP, output]).unwrap();
    assert!(!own.is_tied);
    assert_eq!((own.parameters, own.active_parameters, own.bytes_per_token), (16_000, 9600, 3424 + 5280));
    assert_eq!(own.weight_bytes, 6816 + 3424 + 5280);
    let up = Work { class: Class::Plain, parameters: 3200, of_output: 0 };
    assert_eq!(own.work, [up, Work { class: Class::Nested, parameters: 6400, of_output: 6400 }]);
    assert_eq!((own.query_width, own.trained_context), (2 * 64, Some(4096)));
    assert_eq!(own.cache_bytes(100), 100 * 2 * 2 * (8 + 8) * 2);
    assert_eq!(own.key_bytes(), 2 * 8 * 2);
}

#[test]
fn of_experts_those_that_are_used_count() {
    let mut pairs = dense("x");
    pairs.push(("x.expert_count", Number(8)));
    pairs.push(("x.expert_used_count", Number(2)));
    let experts = ("blk.0.ffn_up_exps.weight", 80_000, 12, 44_992);
    let shared = ("blk.0.ffn_up_shexp.weight", 1000, 12, 576);
    let facts = read(&pairs, &[TABLE, ("output.weight", 10, 0, 64), experts, shared]).unwrap();
    assert_eq!(
        (facts.experts, facts.quantisation.as_str(), facts.work[1]),
        (Some((2, 8)), "Q4_K", Work { class: Class::Packed, parameters: 21_000, of_output: 0 })
    );
    assert_eq!(facts.active_parameters, 10 + 20_000 + 1000);
    assert_eq!(facts.bytes_per_token, 64 + 44_992 / 4 + 576);
    assert_eq!(facts.parameters, 6400 + 10 + 81_000);
    let told = Facts::of_server(100, 1000, None, None, Some((1, 10)));
    assert_eq!((told.active_parameters, told.bytes_per_token), (19, 190));
    let named = Facts::of_server(100, 80, Some("Q6_K"), None, None);
    assert_eq!(named.work, [Work { class: Class::Nested, parameters: 100, of_output: 0 }]);
}

#[test]
fn models_without_heads_compare_nothing() {
    let mamba = read(
        &[
            ("general.architecture", Text("x")),
            ("x.block_count", Number(4)),
            ("x.embedding_length", Number(64)),
            ("x.attention.head_count", Number(0)),
            ("x.ssm.inner_size", Number(128)),
            ("x.ssm.state_size", Number(16)),
        ],
        &[TABLE, UP],
    )
    .unwrap();
    assert_eq!((mamba.query_width, mamba.cache_bytes(1_000_000)), (0, 0));
    let mut hybrid = dense("x");
    hybrid[3].1 = Numbers(&[8, 0]);
    hybrid[4].1 = Numbers(&[2, 0]);
    let hybrid = read(&hybrid, &[TABLE, UP]).unwrap();
    assert_eq!((hybrid.query_width, hybrid.cache_bytes(1)), (64, 2 * 16 * 2));
}

#[test]
fn other_files_are_refused() {
    let mmproj = [("general.architecture", Text("clip")), ("general.type", Text("mmproj"))];
    for (result, expected) in [
        (read(&dense("x"), &[]), "a vocabulary and no model"),
        (read(&mmproj, &[UP]), "projector"),
        (read(&[("general.architecture", Text("x"))], &[UP]), "lacks the model's dimensions"),
        (read(&[], &[UP]), "lacks the model's dimensions"),
    ] {
        let error = result.unwrap_err();
        assert!(error.what.contains(expected) && !error.hint.is_empty(), "{error:?}");
    }
}

#[test]
fn the_parts_of_a_split_model_are_read_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = |part: u32| folder.path().join(format!("m-{part:05}-of-00002.gguf"));
    let part = |number| {
        [dense("x"), vec![("split.count", Number(2)), ("split.no", Number(number))]].into_iter().flatten()
    };
    write(&path(1), &part(0).collect::<Vec<_>>(), &[TABLE]);
    let of = |path: &Path| Header::of_all_parts(path).and_then(|header| Facts::of(&header, CacheType::F16));
    let error = of(&path(1)).unwrap_err();
    assert!(error.what.contains("m-00002-of-00002.gguf: there is no such file"), "{error:?}");
    write(&path(2), &part(1).collect::<Vec<_>>(), &[UP]);
    assert_eq!(of(&path(1)).unwrap().parameters, 9600);
    assert!(of(&path(2)).unwrap_err().what.contains("part 2 of a model that is split into 2"));
    let renamed = folder.path().join("other.gguf");
    std::fs::rename(path(1), &renamed).unwrap();
    assert!(of(&renamed).unwrap_err().what.contains("its name does not tell"));
}

#[test]
fn other_bits_make_another_model() {
    let facts = read(&dense("x"), &[TABLE, UP]).unwrap();
    assert_eq!(facts.bits(), 8);
    let four = facts.clone().with_bits(4);
    assert_eq!((four.bytes_per_token, four.weight_bytes), (4800, 4800));
    assert_eq!(four.work, [Work { class: Class::Packed, parameters: 9600, of_output: 6400 }]);
    assert_eq!(four.memory(4096, 1).unwrap().weights, 4800);
    assert_eq!(Facts::of_parameters(1_000_000, 16).weight_bytes, 2_000_000);
}

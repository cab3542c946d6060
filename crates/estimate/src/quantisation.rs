//! How the weights of a file are kept: names of ggml's types and of llama.cpp's mixes of them. Pure.
//!
//! Facts: `enum ggml_type` in ggml's `ggml.h`, `enum llama_ftype` in llama.cpp's `llama.h`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gguf::Tensor;

/// How llama.cpp multiplies with the weights of a type on a processor, which decides how fast it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Whole numbers that are put into rows for the processor when the model is loaded (`Q4_0`, `Q4_K`).
    Packed,
    /// Whole numbers of which 256 share a scale, with whole numbers for parts of them (`Q6_K`, `IQ4_XS`).
    Nested,
    /// Numbers that are used as they are (`Q8_0`, `F16`).
    Plain,
    /// Whole numbers of which 32 share a scale and an offset, or are in two pieces (`Q4_1`, `Q5_0`).
    Stepped,
    /// Numbers that are looked up in a table (`IQ3_S`), and those of types that are not known.
    Table,
}

/// ggml's types by their numbers. A number that is missing is none, or one of a newer version.
const TYPES: [(u32, &str, Class); 34] = [
    (0, "F32", Class::Plain),
    (1, "F16", Class::Plain),
    (2, "Q4_0", Class::Packed),
    (3, "Q4_1", Class::Stepped),
    (6, "Q5_0", Class::Stepped),
    (7, "Q5_1", Class::Stepped),
    (8, "Q8_0", Class::Plain),
    (9, "Q8_1", Class::Plain),
    (10, "Q2_K", Class::Nested),
    (11, "Q3_K", Class::Nested),
    (12, "Q4_K", Class::Packed),
    (13, "Q5_K", Class::Nested),
    (14, "Q6_K", Class::Nested),
    (15, "Q8_K", Class::Nested),
    (16, "IQ2_XXS", Class::Table),
    (17, "IQ2_XS", Class::Table),
    (18, "IQ3_XXS", Class::Table),
    (19, "IQ1_S", Class::Table),
    (20, "IQ4_NL", Class::Packed),
    (21, "IQ3_S", Class::Table),
    (22, "IQ2_S", Class::Table),
    (23, "IQ4_XS", Class::Nested),
    (24, "I8", Class::Plain),
    (25, "I16", Class::Plain),
    (26, "I32", Class::Plain),
    (27, "I64", Class::Plain),
    (28, "F64", Class::Plain),
    (29, "IQ1_M", Class::Table),
    (30, "BF16", Class::Plain),
    (34, "TQ1_0", Class::Table),
    (35, "TQ2_0", Class::Table),
    (39, "MXFP4", Class::Packed),
    (40, "NVFP4", Class::Table),
    (41, "Q1_0", Class::Table),
];

/// Names of mixes by `general.file_type`, where these are no type's own.
const MIXES: [(u64, &str); 12] = [
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
];

/// The name of the mix, by the file's number of it, else of the type that most weights have.
pub(super) fn label(file_type: Option<u64>, tensors: &[Tensor]) -> String {
    let mix = MIXES.iter().find(|(number, _)| Some(*number) == file_type);
    match (mix, most(tensors)) {
        (Some((_, name)), _) => (*name).to_owned(),
        (None, Some(kind)) => of(kind).map_or_else(|| format!("type {kind}"), |(name, _)| name.to_owned()),
        (None, None) => "none".to_owned(),
    }
}

/// The class of a type. One that is not known counts as the slowest.
pub(super) fn class(kind: u32) -> Class {
    of(kind).map_or(Class::Table, |(_, class)| class)
}

/// The class of the type that the name of a mix begins with, such as `Q4_K_M`.
pub(super) fn class_named(mix: &str) -> Option<Class> {
    let mix = mix.to_uppercase();
    let fitting = TYPES.iter().filter(|(_, name, _)| mix.starts_with(name));
    fitting.max_by_key(|(_, name, _)| name.len()).map(|(.., class)| *class)
}

fn of(kind: u32) -> Option<(&'static str, Class)> {
    TYPES.iter().find(|(number, ..)| *number == kind).map(|(_, name, class)| (*name, *class))
}

/// The type that most weights have.
fn most(tensors: &[Tensor]) -> Option<u32> {
    let mut values: BTreeMap<u32, u64> = BTreeMap::new();
    for tensor in tensors {
        *values.entry(tensor.kind).or_default() += tensor.values;
    }
    values.into_iter().max_by_key(|(_, values)| *values).map(|(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_have_their_name_and_others_that_of_most_weights() {
        let tensor = |kind, values| Tensor { name: "x".to_owned(), values, kind, bytes: values };
        let mixed = [tensor(0, 10), tensor(14, 40), tensor(12, 900)];
        assert_eq!((label(Some(15), &mixed).as_str(), label(None, &mixed).as_str()), ("Q4_K_M", "Q4_K"));
        for (kind, name, expected) in [
            (3, "Q4_1", Class::Stepped),
            (14, "Q6_K", Class::Nested),
            (23, "IQ4_XS", Class::Nested),
            (39, "MXFP4", Class::Packed),
            (21, "IQ3_S", Class::Table),
            (30, "BF16", Class::Plain),
            (999, "type 999", Class::Table),
        ] {
            let all = [tensor(0, 3), tensor(kind, 50)];
            assert_eq!((label(Some(1000), &all).as_str(), class(kind)), (name, expected));
        }
        assert_eq!(label(None, &[]), "none");
    }

    #[test]
    fn names_of_mixes_tell_their_class() {
        for (mix, expected) in [
            ("Q4_K_M", Some(Class::Packed)),
            ("q5_k_s", Some(Class::Nested)),
            ("Q8_0", Some(Class::Plain)),
            ("IQ4_XS", Some(Class::Nested)),
            ("unknown", None),
        ] {
            assert_eq!(class_named(mix), expected, "{mix}");
        }
    }
}

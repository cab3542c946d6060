//! What a model is, as far as its speed and memory depend on it: by its GGUF file, or by its figures alone. Pure.

use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::known::Known;
use serde::{Deserialize, Serialize};

use super::gguf::{Header, Tensor, Unusable};
use super::quantisation::{self, Class};

/// ggml's smallest and largest bits a weight, for models of which only a number of parameters is known.
const BITS: std::ops::RangeInclusive<u64> = 1..=32;

/// What the speed and the memory of a model depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The architecture's name, as in `general.architecture`.
    pub architecture: String,
    /// How its weights are kept, such as `Q4_K_M`.
    pub quantisation: String,
    /// All parameters.
    pub parameters: u64,
    /// Parameters that a token passes through: of experts those that are used, and no table of embeddings.
    pub active_parameters: u64,
    /// These by how they are kept.
    pub work: Vec<Work>,
    /// Bytes of the weights.
    pub weight_bytes: u64,
    /// Bytes of the weights that are read for each token.
    pub bytes_per_token: u64,
    /// Layers.
    pub layers: u64,
    /// Values of all queries of a token, over all layers: what a token compares with each one before it.
    pub query_width: u64,
    /// Experts that a token passes through, and that there are; none of a dense model.
    pub experts: Option<(u64, u64)>,
    /// Whether the table of embeddings is the output, too.
    pub is_tied: bool,
    /// The context that it was trained on, in tokens; none if that is not known.
    pub trained_context: Option<u32>,
    /// Tokens of the vocabulary.
    pub vocabulary: u64,
    /// The memory that it takes; none if its figures don't tell.
    pub footprint: Option<Footprint>,
}

/// Parameters that a token passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// How they are kept.
    pub class: Class,
    /// How many there are.
    pub parameters: u64,
    /// Those of them that only the last token of a prompt passes through.
    pub of_output: u64,
}

/// The memory that a model takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The weights.
    pub weights: u64,
    /// Keys and values of all windows.
    pub cache: u64,
    /// The buffers to compute in.
    pub compute: u64,
    /// These three together: what llama.cpp reports of its buffers.
    pub buffers: u64,
    /// All of it: with the program, the tokenizer and what slots take beside their windows.
    pub total: u64,
}

/// Bytes of the mask of a token of the window, for a step's tokens: 16 bits each.
const MASK: u64 = 2 * 512;
/// Bytes of a token of the vocabulary in the buffer of what is likely next.
const LOGIT: u64 = 4;

impl Facts {
    /// The facts of a whole model. `cache`: how keys and values are kept.
    ///
    /// # Errors
    /// The file is no chat model, holds a vocabulary without a model, or lacks its dimensions.
    pub fn of(header: &Header, cache: CacheType) -> Result<Self, Unusable> {
        header.check()?;
        let fail = |what: &str, hint| Unusable { what: what.to_owned(), hint };
        if header.tensors.is_empty() {
            return Err(fail("it holds a vocabulary and no model", "use the file with the model's weights"));
        }
        let lacking = || fail("its metadata lacks the model's dimensions", "convert it again");
        let architecture = header.text("general.architecture").ok_or_else(lacking)?;
        let figures = |key: &str| header.figures(&header.own(key));
        let one = |key: &str| figures(key).into_iter().max();
        let weight_bytes = header.tensors.iter().map(|tensor| tensor.bytes).sum();
        let footprint = Footprint::of(architecture, figures, weight_bytes, header.vocabulary(), cache)
            .ok_or_else(lacking)?;
        let experts = one("expert_used_count").zip(one("expert_count")).filter(|(_, of)| *of > 0);
        let is_tied = !header.tensors.iter().any(|tensor| tensor.name == OUTPUT);
        let mut sums = Sums::default();
        for tensor in &header.tensors {
            sums.add(tensor, experts, is_tied);
        }
        let layers = one("block_count").unwrap_or(0);
        Ok(Self {
            architecture: architecture.to_owned(),
            quantisation: quantisation::label(header.number("general.file_type"), &header.tensors),
            parameters: header.tensors.iter().map(|tensor| tensor.values).sum(),
            active_parameters: sums.work.iter().map(|work| work.parameters).sum(),
            work: sums.work,
            weight_bytes,
            bytes_per_token: sums.bytes,
            layers,
            query_width: query_width(&figures, layers),
            experts,
            is_tied,
            trained_context: one("context_length").map(|length| u32::try_from(length).unwrap_or(u32::MAX)),
            vocabulary: header.vocabulary(),
            footprint: Some(footprint),
        })
    }

    /// A dense model of which only the number of parameters is known, with so many bits a weight.
    pub fn of_parameters(parameters: u64, bits: u64) -> Self {
        let bits = bits.clamp(*BITS.start(), *BITS.end());
        let bytes = parameters.saturating_mul(bits) / 8;
        Self {
            architecture: "unknown".to_owned(),
            quantisation: format!("{bits} bits"),
            parameters,
            active_parameters: parameters,
            work: all(class_of(bits), parameters),
            weight_bytes: bytes,
            bytes_per_token: bytes,
            layers: 0,
            query_width: 0,
            experts: None,
            is_tied: false,
            trained_context: None,
            vocabulary: 0,
            footprint: None,
        }
    }

    /// A model by what a server tells of it: so many parameters in so many bytes of files, with what is known of its memory,
    /// and the experts that are used of those that there are.
    pub fn of_server(
        parameters: u64,
        bytes: u64,
        quantisation: Option<&str>,
        footprint: Option<Footprint>,
        experts: Option<(u64, u64)>,
    ) -> Self {
        let bits = (bytes.saturating_mul(8)).checked_div(parameters).unwrap_or(16);
        let share = |all: u64| match experts {
            // Some of the weights are no expert's; how many is not told, so that a tenth is taken.
            Some((used, of)) => all / 10 + (all - all / 10) / of.max(1) * used.min(of),
            None => all,
        };
        let class = quantisation.and_then(quantisation::class_named).unwrap_or_else(|| class_of(bits));
        Self {
            quantisation: quantisation.map_or_else(|| format!("{bits} bits"), str::to_owned),
            active_parameters: share(parameters),
            work: all(class, share(parameters)),
            weight_bytes: bytes,
            bytes_per_token: share(bytes),
            experts,
            footprint,
            ..Self::of_parameters(parameters, bits)
        }
    }

    /// A model of Ollama's library that is not here yet.
    pub fn of_known(known: &Known) -> Self {
        let facts = Self::of_server(known.parameters, known.weights, None, known.footprint(), None);
        Self {
            architecture: "llama".to_owned(),
            layers: known.layers,
            query_width: known.layers * known.embedding,
            vocabulary: known.vocabulary,
            ..facts
        }
    }

    /// The same model as if its weights had so many bits each.
    pub fn with_bits(self, bits: u64) -> Self {
        let bits = bits.clamp(*BITS.start(), *BITS.end());
        let of = |parameters: u64| parameters.saturating_mul(bits) / 8;
        let weight_bytes = of(self.parameters);
        let footprint = self.footprint.map(|footprint| Footprint { weights: weight_bytes, ..footprint });
        Self {
            quantisation: format!("{bits} bits"),
            work: self.work.iter().map(|work| Work { class: class_of(bits), ..*work }).collect(),
            bytes_per_token: of(self.active_parameters),
            weight_bytes,
            footprint,
            ..self
        }
    }

    /// Bits a weight, in the original's steps.
    pub fn bits(&self) -> u64 {
        let bits = self.weight_bytes.saturating_mul(8).checked_div(self.parameters).unwrap_or(16);
        [4, 8, 16, 32].into_iter().find(|step| bits <= step + step / 2).unwrap_or(32)
    }

    /// The memory with `slots` windows of `window` tokens; none if its figures don't tell.
    pub fn memory(&self, window: u32, slots: usize) -> Option<Memory> {
        let footprint = self.footprint?;
        let cache = Footprint { slot: 0, ..footprint }.of_slots(window, slots);
        let masks = MASK.saturating_mul(window.into());
        let compute = footprint.buffers.saturating_add(masks).saturating_add(self.vocabulary * LOGIT);
        Some(Memory {
            weights: footprint.weights,
            cache,
            compute,
            buffers: footprint.weights.saturating_add(cache).saturating_add(compute),
            total: footprint.bytes(window, slots).saturating_add(masks),
        })
    }

    /// Bytes of the keys of a token in one layer.
    pub fn key_bytes(&self) -> u64 {
        let all =
            self.footprint.map_or(0, |footprint| footprint.token.saturating_add(footprint.token_of_last));
        all.checked_div(2 * self.layers).unwrap_or(0)
    }

    /// Bytes of keys and values that the next token reads, with so many before it.
    pub fn cache_bytes(&self, context: u64) -> u64 {
        let Some(footprint) = &self.footprint else { return 0 };
        let whole = footprint.token.saturating_mul(context);
        whole.saturating_add(footprint.token_of_last.saturating_mul(context.min(footprint.last)))
    }
}

fn class_of(bits: u64) -> Class {
    if bits < 8 { Class::Packed } else { Class::Plain }
}

/// The work of a model that is kept in one way. Which part of it is the output is not known.
fn all(class: Class, parameters: u64) -> Vec<Work> {
    vec![Work { class, parameters, of_output: 0 }]
}

/// The tensor of the output, where it is not the table of embeddings.
const OUTPUT: &str = "output.weight";
/// The table of embeddings.
const TABLE: &str = "token_embd.weight";
/// Of a table a token reads one row; these are no part of the work either.
const READ_BY_ROW: [&str; 3] = [TABLE, "per_layer_token_embd.weight", "position_embd.weight"];

/// Parameters and bytes that a token passes through.
#[derive(Default)]
struct Sums {
    work: Vec<Work>,
    bytes: u64,
}

impl Sums {
    fn add(&mut self, tensor: &Tensor, experts: Option<(u64, u64)>, is_tied: bool) {
        let Tensor { name, values, bytes, kind } = tensor;
        let is_output = name == OUTPUT || is_tied && name == TABLE;
        // Layers that predict tokens ahead (`nextn`) are not run.
        if !is_output && (READ_BY_ROW.contains(&name.as_str()) || name.contains(".nextn.")) {
            return;
        }
        let used = |all: u64| match experts {
            // All experts of a layer are one tensor.
            Some((used, of)) if name.contains("_exps.") => {
                u64::try_from(u128::from(all) * u128::from(used.min(of)) / u128::from(of)).unwrap_or(all)
            }
            _ => all,
        };
        self.bytes += used(*bytes);
        let class = quantisation::class(*kind);
        let at = self.work.iter().position(|work| work.class == class).unwrap_or_else(|| {
            self.work.push(Work { class, parameters: 0, of_output: 0 });
            self.work.len() - 1
        });
        let (work, values) = (&mut self.work[at], used(*values));
        work.parameters += values;
        work.of_output += if is_output { values } else { 0 };
    }
}

/// The heads of all layers, times the width of a key. Layers without heads compare nothing.
fn query_width(figures: &impl Fn(&str) -> Vec<u64>, layers: u64) -> u64 {
    let one = |key: &str| figures(key).into_iter().max();
    let heads = figures("attention.head_count");
    let most = heads.iter().copied().max().unwrap_or(0);
    let width = one("embedding_length").unwrap_or(0);
    let head = one("attention.key_length").or_else(|| width.checked_div(most)).unwrap_or(0);
    let all: u64 = match heads[..] {
        [heads] => heads.saturating_mul(layers),
        ref each => each.iter().sum(),
    };
    let attending = match one("full_attention_interval").filter(|interval| *interval > 0) {
        Some(interval) => all / interval,
        None => all,
    };
    attending.saturating_mul(head)
}

#[cfg(test)]
mod tests;

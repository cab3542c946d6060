//! Whether a model fits into the memory that is left, by Linux's figures. On other systems every model fits.

use std::path::Path;

use super::{ModelInfo, failed};
use minions_chat::ChatError;
use minions_machine::memory;

/// The number of tokens that are evaluated in one step, which the size of the compute buffers depends on.
pub(super) const BATCH: u32 = 512;

/// Bytes of llama.cpp's code, tokenizer and scratch memory, besides weights, KV cache and logits.
const OVERHEAD: u64 = 64 << 20;

/// Checks that the model of `info` at `path`, with `lanes` windows of `n_ctx` tokens each, fits into the memory that
/// this process may still take. Needs no engine.
///
/// # Errors
/// A [`ChatErrorKind::Model`](minions_chat::ChatErrorKind::Model) with the bytes that are needed and available.
pub fn check(info: &ModelInfo, path: &Path, n_ctx: u32, lanes: usize) -> Result<(), ChatError> {
    match memory::free() {
        Some(free) => fits(info, path, u64::from(n_ctx).saturating_mul(lanes as u64), free.bytes),
        None => Ok(()),
    }
}

fn fits(info: &ModelInfo, path: &Path, cells: u64, available: u64) -> Result<(), ChatError> {
    let cache = cells.saturating_mul(info.kv_bytes_per_token);
    let scratch = OVERHEAD + u64::from(info.vocabulary) * u64::from(BATCH) * 4;
    let needed = info.file_bytes.saturating_add(cache).saturating_add(scratch);
    if needed <= available {
        return Ok(());
    }
    Err(failed(
        format!(
            "the model {} does not fit into the memory: it needs about {} MiB ({} MiB weights, {} MiB cache for {cells} \
             tokens of context), and {} MiB are available",
            path.display(),
            needed >> 20,
            info.file_bytes >> 20,
            cache >> 20,
            available >> 20,
        ),
        "lower n_ctx or max_concurrency, use a smaller or more strongly quantised model, or free memory",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> ModelInfo {
        ModelInfo {
            architecture: "llama".to_owned(),
            trained_context: 8192,
            file_bytes: 100 << 20,
            kv_bytes_per_token: 1024,
            vocabulary: 1024,
            has_chat_template: true,
        }
    }

    #[test]
    fn weights_cache_and_scratch_must_fit_together() {
        let path = Path::new("m.gguf");
        // 100 MiB weights, 8 MiB cache, 66 MiB scratch.
        assert!(fits(&info(), path, 8192, 174 << 20).is_ok());
        let error = fits(&info(), path, 8192, (174 << 20) - 1).unwrap_err();
        assert!(error.message.contains("m.gguf"), "{error}");
        assert!(error.message.contains("174 MiB (100 MiB weights, 8 MiB cache"), "{error}");
        assert!(fits(&info(), path, u64::MAX, u64::MAX - 1).is_err(), "no overflow");
    }
}

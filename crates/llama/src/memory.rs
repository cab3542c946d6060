//! Whether a model fits into the memory that is left, by Linux's figures. On other systems every model fits.

use std::path::Path;

use super::{ModelInfo, failed};
use minions_chat::ChatError;
use minions_machine::memory::{self, Free};
use minions_machine::plan::{self, REMEDY, Room, Wish};

/// The number of tokens that are evaluated in one step, which the size of the compute buffers depends on.
#[cfg(feature = "embedded")]
pub(super) const BATCH: u32 = 512;

/// Checks that the model of `info` at `path`, with `lanes` windows of `n_ctx` tokens each, fits into the memory that
/// this process may still take. Needs no engine.
///
/// # Errors
/// A [`ChatErrorKind::Model`](minions_chat::ChatErrorKind::Model) with the bytes that are needed and available.
pub fn check(info: &ModelInfo, path: &Path, n_ctx: u32, lanes: usize) -> Result<(), ChatError> {
    let exact = Wish { window: n_ctx, least_window: n_ctx, slots: lanes, least_slots: lanes };
    memory::free().map_or(Ok(()), |free| fits(info, path, exact, free).map(drop))
}

/// The window and the lanes of `wish` that fit: the whole wish where nothing is known of the memory. What was chosen is
/// logged.
///
/// # Errors
/// As those of [`check`], where not even the least fits.
pub fn choose(info: &ModelInfo, path: &Path, wish: Wish) -> Result<(u32, usize), ChatError> {
    let Some(free) = memory::free() else { return Ok((wish.window, wish.slots)) };
    let (window, slots) = fits(info, path, wish, free)?;
    tracing::info!("{}: {}; {}", path.display(), info.footprint.words(window, slots), free.words());
    Ok((window, slots))
}

fn fits(info: &ModelInfo, path: &Path, wish: Wish, free: Free) -> Result<(u32, usize), ChatError> {
    let plan = plan::plan(&info.footprint, wish, Room { free: free.bytes, slow: free.swap });
    plan.map(|plan| (plan.window, plan.slots)).map_err(|lack| {
        let words = info.footprint.words(lack.window, lack.slots);
        let path = path.display();
        let message = format!("the model {path} does not fit into the memory: {words}, and {}", free.words());
        failed(message, REMEDY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions_machine::footprint::Footprint;

    fn info() -> ModelInfo {
        ModelInfo {
            architecture: "llama".to_owned(),
            trained_context: 8192,
            file_bytes: 100 << 20,
            footprint: Footprint {
                weights: 100 << 20,
                program: 66 << 20,
                buffers: 0,
                slot: 0,
                token: 1024,
                token_of_last: 0,
                last: 0,
            },
            vocabulary: 1024,
            has_chat_template: true,
        }
    }

    #[test]
    fn weights_cache_and_scratch_must_fit_together() {
        let of = |bytes, wish| {
            fits(&info(), Path::new("m.gguf"), wish, Free { bytes, of: 1 << 30, is_limited: false, swap: 0 })
        };
        let exact = Wish { window: 8192, least_window: 8192, slots: 1, least_slots: 1 };
        // 100 MiB weights, 8 MiB cache, 66 MiB scratch.
        assert_eq!(of(174 << 20, exact).unwrap(), (8192, 1));
        let error = of((174 << 20) - 1, exact).unwrap_err();
        for part in
            ["m.gguf", "1 slot of 8192 tokens", "about 174 MiB (100 weights, 8 cache", "173 MiB are free"]
        {
            assert!(error.message.contains(part), "{error}");
        }
        assert!(error.hint.unwrap().contains("num_ctx"));
        // Where the number is left to the engine, there are as many as fit.
        let wish = Wish { slots: 4, ..exact };
        assert_eq!(of(220 << 20, wish).unwrap(), (8192, 4));
        assert_eq!(of(210 << 20, wish).unwrap(), (8192, 3));
        assert_eq!(of(170 << 20, Wish { least_window: 2048, ..wish }).unwrap(), (4096, 1));
    }
}

//! Loads a model and its context from a file.

use std::collections::HashSet;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

use super::logs::Tap;
use super::memory::{self, BATCH};
use super::{CacheType, EngineSettings, failed, inspect};
use minions_chat::ChatError;

/// llama.cpp's limit of sequences in one context.
const MOST_LANES: usize = 256;

/// Checks the settings against the file and the memory, without loading the model.
pub(super) fn check(settings: &EngineSettings) -> Result<(), ChatError> {
    check_processor()?;
    let path = &settings.model_path;
    let info = inspect(path)?.with_cache(settings.kv_type);
    if !(1..=MOST_LANES).contains(&settings.lanes) {
        return Err(failed(
            format!("{} replies at a time are not possible with an embedded model", settings.lanes),
            "set max_concurrency to a number from 1 to 256",
        ));
    }
    if settings.n_ctx < 2 {
        return Err(failed(format!("a context of {} tokens is too short", settings.n_ctx), "raise n_ctx"));
    }
    if settings.n_ctx > info.trained_context {
        tracing::warn!(
            "n_ctx {} is longer than the {} tokens that {} was trained on: replies may be poor",
            settings.n_ctx,
            info.trained_context,
            path.display()
        );
    }
    memory::check(&info, path, settings.n_ctx, settings.lanes)
}

/// Whether the engine of a release, which is built for many machines, runs on this one's processor.
fn check_processor() -> Result<(), ChatError> {
    #[cfg(target_arch = "x86_64")]
    if option_env!("GGML_AVX2").is_some() && !has_avx2() {
        return Err(failed(
            "this program's llama.cpp needs a processor with AVX2, FMA, F16C and BMI2".to_owned(),
            "build minions on this machine (scripts/quickstart.sh), or use a model server",
        ));
    }
    Ok(())
}

/// Whether the processor has what `scripts/release.sh` builds the engine for.
#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
        && is_x86_feature_detected!("bmi2")
}

/// Maps the weights from the file.
pub(super) fn model(settings: &EngineSettings, tap: &Tap) -> Result<LlamaModel, ChatError> {
    let mut params = LlamaModelParams::default();
    if let Some(layers) = settings.n_gpu_layers {
        params = params.with_n_gpu_layers(layers);
    }
    let (result, complaints) =
        tap.listen(|| LlamaModel::load_from_file(backend()?, &settings.model_path, &params).ok());
    result.ok_or_else(|| explain(&settings.model_path, "load the model", &complaints))
}

/// Allocates the KV cache and the compute buffers.
pub(super) fn context<'a>(
    model: &'a LlamaModel,
    settings: &EngineSettings,
    tap: &Tap,
) -> Result<LlamaContext<'a>, ChatError> {
    let cells = u64::from(settings.n_ctx) * settings.lanes as u64;
    let threads = settings.threads.unwrap_or_else(physical_cores).clamp(1, 512) as i32;
    let kv_type = if settings.kv_type == CacheType::Q8_0 { KvCacheType::Q8_0 } else { KvCacheType::F16 };
    let params = LlamaContextParams::default()
        .with_n_ctx(u32::try_from(cells).ok().and_then(NonZeroU32::new))
        .with_n_seq_max(settings.lanes as u32)
        .with_n_batch(BATCH)
        .with_n_ubatch(BATCH)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_type_k(kv_type)
        .with_type_v(kv_type)
        // Each lane has cells of its own. In one pool attention would look at the cells of all lanes, which with 4 lanes
        // of 800 tokens took 18% of the time instead of 13%. Copying a shared prefix is far less work than reading it.
        .with_kv_unified(false)
        // Sliding-window layers keep their whole past, else no prefix could be reused.
        .with_swa_full(true)
        .with_no_perf(true);
    let (result, complaints) = tap.listen(|| model.new_context(backend()?, params).ok());
    result.ok_or_else(|| explain(&settings.model_path, "allocate the context of the model", &complaints))
}

/// The state of llama.cpp for the whole process, which cannot be set up twice.
fn backend() -> Option<&'static LlamaBackend> {
    static BACKEND: OnceLock<Option<LlamaBackend>> = OnceLock::new();
    BACKEND.get_or_init(|| LlamaBackend::init().ok()).as_ref()
}

fn explain(path: &Path, what: &str, complaints: &str) -> ChatError {
    let words = if complaints.is_empty() { "llama.cpp gives no reason" } else { complaints };
    let hint = if complaints.contains("not within the file bounds") {
        "the file is cut off: download it again and compare its checksum"
    } else if complaints.contains("block size") {
        "this model's heads have no such cache: leave kwargs.kv_type out"
    } else if complaints.contains("alloc") {
        "there is not enough memory: lower n_ctx or max_concurrency, or use a smaller model"
    } else if complaints.contains("unknown model architecture") {
        "this llama.cpp is too old for the model: use another model"
    } else {
        "run with RUST_LOG=debug to see all that llama.cpp says"
    };
    failed(format!("llama.cpp cannot {what} {}: {words}", path.display()), hint)
}

/// The number of physical cores, but no more than this process may use: a second thread on a core only takes its caches.
fn physical_cores() -> u32 {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    let siblings: HashSet<String> = fs::read_dir("/sys/devices/system/cpu")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|cpu| fs::read_to_string(cpu.path().join("topology/thread_siblings_list")).ok())
        .collect();
    let cores = if siblings.is_empty() { allowed } else { siblings.len().min(allowed) };
    cores as u32
}

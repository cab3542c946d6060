//! How much memory a model server, or the engine in this process, may take to keep prompts that it has read.
//!
//! llama.cpp's server keeps what its slots held in the machine's memory (`--cache-ram`, `LLAMA_ARG_CACHE_RAM`, in MiB, by
//! default 8 GiB a model, see its `tools/server/README.md`), so that a second question over the same documents finds them
//! read.

use crate::memory::Free;

const MIB: u64 = 1 << 20;
/// The least that is worth it: some 20,000 tokens of a model of 135 million parameters, 4,500 of one of 3 billion.
const LEAST: u64 = 512 * MIB;
/// The server's own default.
const MOST: u64 = 8192 * MIB;

/// A quarter of the `free` memory, from 512 MiB to 8 GiB, in MiB; less where a control group leaves less.
pub fn budget(free: Option<Free>) -> u64 {
    let least = |free: &Free| if free.is_limited { LEAST.min(free.bytes / 4) } else { LEAST };
    free.map_or(LEAST, |free| (free.bytes / 4).clamp(least(&free), MOST)) / MIB
}

/// A quarter of what a model of `weights` bytes leaves of the `free` memory, up to 8 GiB, in bytes; for a process that
/// runs the model itself. 0 where nothing is known.
pub fn within(free: Option<Free>, weights: u64) -> u64 {
    free.map_or(0, |free| (free.bytes.saturating_sub(weights) / 4).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_what_is_free_within_limits() {
        let free =
            |mib: u64, is_limited| Some(Free { bytes: mib * MIB, of: 2 * mib * MIB, is_limited, swap: 0 });
        for (free, expected) in [
            (free(8000, false), 2000),
            (free(100_000, false), 8192),
            (free(1000, false), 512),
            (free(0, false), 512),
            (free(8000, true), 2000),
            (free(100_000, true), 8192),
            (free(1000, true), 250),
            (free(300, true), 75),
            (free(0, true), 0),
            (None, 512),
        ] {
            assert_eq!(budget(free), expected, "{free:?}");
        }
        assert_eq!(within(free(8000, false), 4000 * MIB), 1000 * MIB);
        assert_eq!(within(free(1000, true), 4000 * MIB), 0);
        assert_eq!(within(free(100_000, false), 0), MOST);
        assert_eq!(within(None, 0), 0);
    }
}

//! One context window for all calls of a job: a server that is asked for another one loads the model anew.

use super::{Need, RuntimeError};

/// The window of models and daemons where nothing asks for another one, in tokens.
pub const DEFAULT: u32 = 8192;
/// A window that stands for the longest one that the model was trained for.
pub const WHOLE: u32 = u32::MAX;
/// The smallest window that is ever asked for.
const SMALLEST: u32 = 4096;

/// The shortest window where memory is short: a small chunk, its instructions and the reply.
pub(super) const LEAST: u32 = 2048;

/// What is known about a model at a server, in tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// The longest context that the model was trained for.
    pub trained: Option<u32>,
    /// The window that the model's packager set.
    pub packaged: Option<u32>,
    /// The window with which the server holds it in memory now.
    pub loaded: Option<u32>,
}

/// Chooses the job's own number if it has one, else a window that is loaded or packaged and long enough, else the need,
/// rounded up so that similar jobs share a window. The window is never longer than the model was trained for. An error
/// if `need.at_least` does not fit.
pub fn choose(need: &Need, known: Known) -> Result<u32, RuntimeError> {
    let trained = known.trained.unwrap_or(u32::MAX);
    let fits = |window: &u32| (need.tokens.min(trained)..=trained).contains(window);
    let window = match need.window.filter(|asked| (*asked, known.trained) != (WHOLE, None)) {
        Some(WHOLE) => trained,
        Some(asked) if asked > trained => {
            tracing::warn!(
                "{} was trained for {trained} tokens: num_ctx {asked} is lowered to that",
                need.model
            );
            trained
        }
        Some(asked) => asked.max(1),
        None => {
            let there = known.loaded.filter(fits).or(known.packaged.filter(fits));
            there.unwrap_or_else(|| step_above(need.tokens).min(trained))
        }
    };
    if need.at_least > window { Err(RuntimeError::too_long(need, window)) } else { Ok(window) }
}

/// The shortest window for `need` where there is no memory for `window`, the chosen one: what the job asks for is kept.
pub fn least(need: &Need, window: u32) -> u32 {
    let certain = need.at_least.saturating_add(need.at_least / 4);
    if need.window.is_some() { window } else { certain.max(LEAST).min(window) }
}

/// The next of 4096, 6144, 8192, 12288, 16384, 24576 and so on.
fn step_above(tokens: u32) -> u32 {
    let power = tokens.max(SMALLEST).checked_next_power_of_two().unwrap_or(u32::MAX);
    let between = power / 4 * 3;
    if between >= tokens.max(SMALLEST) { between } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_need_is_rounded_up_in_steps() {
        let table = [
            (0, 4096),
            (4096, 4096),
            (4097, 6144),
            (6145, 8192),
            (8193, 12288),
            (12289, 16384),
            (100_000, 131_072),
        ];
        for (tokens, expected) in table {
            assert_eq!(step_above(tokens), expected, "{tokens}");
        }
        assert_eq!(step_above(u32::MAX), u32::MAX);
    }

    #[test]
    fn the_window_is_asked_there_or_sufficient() {
        let known = |trained, packaged, loaded| Known { trained, packaged, loaded };
        for (window, tokens, known, expected) in [
            (None, 5000, known(Some(131_072), None, None), Some(6144)),
            (None, 5000, known(None, None, None), Some(6144)),
            // The trained context is the ceiling, exactly reached or not.
            (None, 7000, known(Some(7500), None, None), Some(7500)),
            (None, 8192, known(Some(8192), None, None), Some(8192)),
            (None, 8193, known(Some(8192), None, None), Some(8192)),
            (None, 20_000, known(Some(8192), None, None), None),
            (None, 10, known(Some(2048), None, None), Some(2048)),
            // What is there already is used if the job fits in.
            (None, 5000, known(Some(131_072), Some(16_384), Some(32_768)), Some(32_768)),
            (None, 5000, known(Some(131_072), Some(16_384), Some(4096)), Some(16_384)),
            (None, 20_000, known(Some(131_072), Some(16_384), Some(4096)), Some(24_576)),
            (None, 100, known(Some(8192), Some(1 << 20), None), Some(4096)),
            // The job's own number wins, from the least that it can take up to the trained context.
            (Some(2500), 5000, known(Some(131_072), Some(16_384), Some(32_768)), Some(2500)),
            (Some(2499), 5000, known(Some(131_072), Some(16_384), Some(32_768)), None),
            (Some(48_000), 5000, known(Some(8192), None, None), Some(8192)),
            // The model's own, if that is known.
            (Some(WHOLE), 5000, known(Some(131_072), None, Some(8192)), Some(131_072)),
            (Some(WHOLE), 5000, known(None, None, None), Some(6144)),
        ] {
            // Half of the generous estimate is certain.
            let need = Need { window, tokens, at_least: tokens / 2, ..Need::default() };
            assert_eq!(choose(&need, known).ok(), expected, "{need:?} {known:?}");
        }
    }
}

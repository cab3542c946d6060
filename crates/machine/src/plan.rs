//! How many slots of which window a model gets, so that it fits into what there is.

use crate::footprint::Footprint;

/// What is held back of the free memory when slots are chosen, as a part of what is needed: figures are estimates, and the
/// job itself takes some.
const MARGIN: u64 = 10;
/// Windows that are tried, in tokens, where the wished one does not fit.
const SHORTER: [u32; 8] = [65_536, 32_768, 16_384, 8192, 6144, 4096, 3072, 2048];

/// What a job would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The window of each slot, in tokens.
    pub window: u32,
    /// The shortest window that will do; the same as `window` if the user gave it.
    pub least_window: u32,
    /// Slots.
    pub slots: usize,
    /// The fewest slots that will do; the same as `slots` if the user gave them.
    pub least_slots: usize,
}

/// Memory for a model, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free on the machine, in the container, or on the graphics card.
    pub free: u64,
    /// What can be had besides, at the price of time: swap.
    pub slow: u64,
}

/// What fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Tokens of each slot.
    pub window: u32,
    /// Slots.
    pub slots: usize,
    /// Bytes that this takes.
    pub needed: u64,
    /// Bytes of the free memory that are left then.
    pub left: u64,
}

/// Not even the least fits: the bytes that it takes, with that many slots of that window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Bytes.
    pub needed: u64,
    /// Tokens of each slot.
    pub window: u32,
    /// Slots.
    pub slots: usize,
}

/// What helps where a model does not fit.
pub const REMEDY: &str = "use a smaller or more strongly quantised model, a smaller num_ctx or fewer slots \
                          (max_concurrency), or give it more memory";

impl Footprint {
    /// For messages: what the model takes with `slots` windows of `window` tokens, and for what.
    pub fn words(&self, window: u32, slots: usize) -> String {
        let [needed, weights, cache, rest] =
            [self.bytes(window, slots), self.weights, self.of_slots(window, slots), self.program]
                .map(|bytes| bytes >> 20);
        let (s, take) = if slots == 1 { ("", "takes") } else { ("s", "take") };
        format!(
            "{slots} slot{s} of {window} tokens {take} about {needed} MiB ({weights} weights, {cache} cache, {rest} for \
             computing)"
        )
    }
}

/// The wished window with as many of the wished slots as fit; a shorter one only where not even the fewest slots fit.
///
/// # Errors
/// Not even the fewest slots with the shortest window fit.
pub fn plan(footprint: &Footprint, wish: Wish, room: Room) -> Result<Plan, Lack> {
    let windows = || {
        let shorter = SHORTER.into_iter().filter(|window| (wish.least_window..wish.window).contains(window));
        let least = wish.least_window.min(wish.window);
        [wish.window].into_iter().chain(shorter).chain((least < 2048).then_some(least))
    };
    let of = |window, slots| {
        let needed = footprint.bytes(window, slots);
        Plan { window, slots, needed, left: room.free.saturating_sub(needed) }
    };
    let with_margin = |plan: &Plan| plan.needed.saturating_add(plan.needed / MARGIN) <= room.free;
    let barely = |plan: &Plan| plan.needed <= room.free.saturating_add(room.slow);
    let slots = || (wish.least_slots.max(1)..=wish.slots.max(1)).rev();
    let comfortable = windows().flat_map(|window| slots().map(move |slots| (window, slots)));
    let least = wish.least_slots.max(1);
    comfortable
        .map(|(window, slots)| of(window, slots))
        .find(with_margin)
        .or_else(|| windows().map(|window| of(window, least)).find(barely))
        .ok_or_else(|| {
            let window = windows().last().unwrap_or(wish.window);
            Lack { needed: footprint.bytes(window, least), window, slots: least }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 bytes of weights and program, and a byte a token.
    const MODEL: Footprint =
        Footprint { weights: 60, program: 40, buffers: 0, slot: 0, token: 1, token_of_last: 0, last: 0 };

    fn chosen(wish: Wish, free: u64, slow: u64) -> Option<(u32, usize)> {
        plan(&MODEL, wish, Room { free, slow }).ok().map(|plan| (plan.window, plan.slots))
    }

    #[test]
    fn slots_are_fewer_before_windows_are_shorter() {
        let wish = Wish { window: 8192, least_window: 1000, slots: 4, least_slots: 1 };
        for (free, slow, expected) in [
            (50_000, 0, Some((8192, 4))),
            (36_154, 0, Some((8192, 4))),
            (36_153, 0, Some((8192, 3))),
            (9200, 0, Some((8192, 1))),
            (9000, 0, Some((6144, 1))),
            (2500, 0, Some((2048, 1))),
            // Without a margin rather than not at all.
            (1130, 0, Some((1000, 1))),
            (1000, 200, Some((1000, 1))),
            (1000, 0, None),
            (0, 0, None),
        ] {
            assert_eq!(chosen(wish, free, slow), expected, "{free} {slow}");
        }
    }

    #[test]
    fn what_the_user_set_is_not_changed() {
        let set = Wish { window: 8192, least_window: 8192, slots: 4, least_slots: 4 };
        assert_eq!(chosen(set, 40_000, 0), Some((8192, 4)));
        assert_eq!(chosen(set, 30_000, 0), None);
        assert_eq!(chosen(Wish { least_slots: 1, ..set }, 18_300, 0), Some((8192, 2)));
        assert_eq!(chosen(Wish { least_window: 2048, ..set }, 18_300, 0), Some((4096, 4)));
        let lack = plan(&MODEL, set, Room { free: 1, slow: 0 }).unwrap_err();
        assert_eq!(lack, Lack { needed: 100 + 4 * 8192, window: 8192, slots: 4 });
    }
}

//! Whether what a model needs fits into what is free now.

use minions_machine::gpu::Gpu;
use minions_machine::memory::Free;

/// The memory that a model may take.
#[derive(Clone, Debug)]
pub struct Room {
    /// The machine's.
    pub free: Free,
    /// That of its cards, as far as the model's server may use them.
    pub cards: Gpu,
    /// Their name.
    pub name: Option<String>,
}

impl Room {
    /// Whether so many bytes fit; none where that can't be known, as there is a card that tells nothing.
    pub fn fits(&self, needed: u64) -> Option<bool> {
        match self.cards {
            Gpu::None => Some(needed <= self.free.bytes),
            Gpu::Free(bytes) => Some(needed <= self.free.bytes.saturating_add(bytes)),
            Gpu::Unknown => (needed <= self.free.bytes).then_some(true),
        }
    }

    /// For people: how much is free, and of what.
    pub fn words(&self) -> String {
        let free = self.free.words();
        let name = self.name.as_deref().unwrap_or("its card");
        match self.cards {
            Gpu::None => free,
            Gpu::Free(bytes) => format!("{free}, and {} MiB on {name}", bytes >> 20),
            Gpu::Unknown => format!("{free}, and {name} does not tell what is free on it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_on_a_card_counts_and_is_named() {
        let free = Free { bytes: 10 << 20, of: 20 << 20, is_limited: false, swap: 0 };
        let room = |cards| Room { free, cards, name: Some("NVIDIA A2".to_owned()) };
        for (cards, needed, fits, words) in [
            (Gpu::None, 11 << 20, Some(false), "10 MiB are free of this machine's 20 MiB"),
            (Gpu::Free(5 << 20), 11 << 20, Some(true), "20 MiB, and 5 MiB on NVIDIA A2"),
            (Gpu::Free(0), 11 << 20, Some(false), "20 MiB, and 0 MiB on NVIDIA A2"),
            (Gpu::Unknown, 11 << 20, None, "NVIDIA A2 does not tell"),
            (Gpu::Unknown, 1 << 20, Some(true), "NVIDIA A2 does not tell"),
        ] {
            let room = room(cards);
            assert_eq!(room.fits(needed), fits, "{cards:?}");
            assert!(room.words().contains(words), "{}", room.words());
        }
    }
}

//! What goes where not all that was read has room, and what comes in its place. Pure.
//!
//! What was used longest ago goes first; of what is as old, what is read again soonest for each of its bytes. But the same
//! chunks come again with every question: where they don't all have room, plain recency would hold none of them when it is
//! asked for again, as each was put out just before. So what had to go and is asked for again puts out only what has lain much
//! longer than it was away: the rest stays, and the next question finds it. What is new, or has been forgotten, always comes.

/// How many times as long as it was away others must have lain, so that it puts them out.
const PATIENCE: f64 = 2.0;
/// What had to go is remembered as long as it is no more than so many times as much as what is there.
const REMEMBERED: usize = 2;

/// Something that is kept.
pub(super) struct Item<K> {
    pub(super) key: K,
    pub(super) bytes: u64,
    /// How long ago it was used, in any unit.
    pub(super) unused: f64,
    /// The cost to make a byte of it again, in any unit.
    pub(super) worth: f64,
}

/// Those of `kept` that go so that the others and `bytes` more take no more than `limit`, the first one first.
pub(super) fn out<K>(mut kept: Vec<Item<K>>, bytes: u64, limit: u64) -> Vec<Item<K>> {
    let stale = |item: &Item<K>| (item.unused + 1.0) / item.worth.max(f64::MIN_POSITIVE);
    kept.sort_by(|one, other| stale(other).total_cmp(&stale(one)));
    let mut taken = bytes + kept.iter().map(|item| item.bytes).sum::<u64>();
    let stays = kept.iter().position(|item| {
        let fits = taken <= limit;
        taken -= item.bytes;
        fits
    });
    kept.truncate(stays.unwrap_or(kept.len()));
    kept
}

/// Whether something comes that had to go `away` ago, where `out` goes for it; `None` if it is new.
pub(super) fn comes<K>(away: Option<f64>, out: &[Item<K>]) -> bool {
    away.is_none_or(|away| out.iter().all(|item| item.unused > PATIENCE * away))
}

/// How many of `gone` are forgotten where so many are `kept`, those first that went longest ago.
pub(super) fn forgotten(gone: usize, kept: usize) -> usize {
    gone.saturating_sub(REMEMBERED * kept.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(items: &[(char, u64, f64, f64)]) -> Vec<Item<char>> {
        let item = |&(key, bytes, unused, worth): &_| Item { key, bytes, unused, worth };
        items.iter().map(item).collect()
    }

    fn names(items: &[Item<char>]) -> String {
        items.iter().map(|item| item.key).collect()
    }

    #[test]
    fn the_oldest_go_and_of_these_the_cheapest() {
        let items =
            || kept(&[('a', 10, 90.0, 1.0), ('b', 10, 50.0, 1.0), ('c', 10, 40.0, 0.5), ('d', 10, 1.0, 1.0)]);
        for (bytes, limit, gone) in
            [(0, 40, ""), (0, 39, "a"), (1, 40, "a"), (10, 30, "ac"), (10, 20, "acb"), (50, 40, "acbd")]
        {
            assert_eq!(names(&out(items(), bytes, limit)), gone, "{bytes} in {limit}");
        }
    }

    #[test]
    fn what_comes_back_puts_out_only_what_has_lain_much_longer() {
        let out = kept(&[('a', 10, 90.0, 1.0), ('b', 10, 21.0, 1.0)]);
        assert!(comes(None, &out) && comes(Some(10.0), &out) && comes(Some(1e9), &kept(&[])));
        assert!(!comes(Some(11.0), &out));
    }

    #[test]
    fn what_went_is_remembered_while_it_is_little() {
        assert_eq!((forgotten(20, 10), forgotten(21, 10), forgotten(3, 0)), (0, 1, 1));
    }
}

//! What the vendors charge, as their own pages said on the day on which they were read.
//!
//! A model that is not listed has no price: none is guessed.

use crate::job::Prices;

/// A vendor's list of prices.
#[derive(Debug)]
pub struct VendorPrices {
    /// The client type.
    pub provider: &'static str,
    /// The vendor's own page.
    pub source: &'static str,
    /// The day on which that page was read, `2026-11-26`.
    pub read_on: &'static str,
    /// Its models.
    pub rows: &'static [PriceRow],
}

/// What a model costs, in dollars for a million tokens.
#[derive(Debug)]
pub struct PriceRow {
    /// Its name in calls.
    pub model: &'static str,
    /// Of a prompt.
    pub input: f64,
    /// Of the part of a prompt that comes from the vendor's cache.
    pub cached_input: f64,
    /// Of a reply.
    pub output: f64,
}

impl PriceRow {
    /// In the form that a job has.
    pub fn prices(&self) -> Prices {
        Prices { input: self.input, cached_input: self.cached_input, output: self.output }
    }
}

/// The list and the row of `model`.
pub(super) fn of(provider: &str, model: &str) -> Option<(&'static VendorPrices, &'static PriceRow)> {
    let vendor = TABLE.iter().find(|vendor| vendor.provider == provider)?;
    Some((vendor, vendor.rows.iter().find(|row| row.model == model)?))
}

const fn row(model: &'static str, input: f64, cached_input: f64, output: f64) -> PriceRow {
    PriceRow { model, input, cached_input, output }
}

/// Every list.
pub static TABLE: &[VendorPrices] = &[VendorPrices {
    provider: "anthropic",
    source: "https://platform.claude.com/docs/en/about-claude/pricing",
    read_on: "2026-11-26",
    rows: &[row("claude-sonnet-5-5", 2.0, 0.2, 10.0)],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::providers;

    #[test]
    fn each_row_is_of_a_client_type_once_and_makes_sense() {
        for vendor in TABLE {
            assert!(
                providers::find(vendor.provider).is_some_and(|provider| !provider.local),
                "{}",
                vendor.provider
            );
            assert!(
                vendor.source.starts_with("https://") && vendor.read_on.len() == 10,
                "{}",
                vendor.provider
            );
            assert_eq!(TABLE.iter().filter(|other| other.provider == vendor.provider).count(), 1);
            for row in vendor.rows {
                let name = row.model;
                assert_eq!(vendor.rows.iter().filter(|other| other.model == name).count(), 1, "{name}");
                assert!(
                    0.0 < row.cached_input && row.cached_input <= row.input && row.input <= row.output,
                    "{name}"
                );
            }
        }
        assert!(of("anthropic", "claude-of-tomorrow").is_none());
    }
}

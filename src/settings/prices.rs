//! What the vendors charge, as their own pages said on the day on which they were read.
//!
//! A model that is not listed has no price: none is guessed. `[prices]` of a settings file wins.

use crate::job::Prices;

/// A vendor's list of prices.
#[derive(Debug)]
pub struct VendorPrices {
    /// The client type.
    pub provider: &'static str,
    /// The page with the prices.
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
    let lists = TABLE.iter().filter(|vendor| vendor.provider == provider);
    lists
        .flat_map(|vendor| vendor.rows.iter().map(move |row| (vendor, row)))
        .find(|(_, row)| row.model == model)
}

const fn row(model: &'static str, input: f64, cached_input: f64, output: f64) -> PriceRow {
    PriceRow { model, input, cached_input, output }
}

/// Every list. A client type has one for each page.
pub static TABLE: &[VendorPrices] = &[
    VendorPrices {
        provider: "anthropic",
        source: "https://platform.claude.com/docs/en/models/sonnet-5-5/overview (and /opus-5-5, /opus-5, /sonnet-5)",
        read_on: "2026-11-26",
        rows: &[
            row("claude-opus-5-5", 4.0, 0.2, 20.0),
            row("claude-opus-5", 5.0, 0.5, 25.0),
            row("claude-sonnet-5-5", 2.0, 0.2, 10.0),
            row("claude-sonnet-5", 2.0, 0.2, 10.0),
        ],
    },
    // Prompts of more than 272,000 tokens cost more; minions sends none.
    VendorPrices {
        provider: "openai",
        source: "https://developers.openai.com/api/docs/models/gpt-6.2-sol (and /gpt-5.6-luna)",
        read_on: "2026-11-26",
        rows: &[row("gpt-6.2-sol", 2.0, 0.1, 10.0), row("gpt-5.6-luna", 0.2, 0.02, 1.2)],
    },
    // OpenAI's own page on this model was not to be had. The gateway charges what OpenAI does, and does not tell what cached
    // tokens cost: they count in full.
    VendorPrices {
        provider: "openai",
        source: "https://vercel.com/ai-gateway/models/gpt-4o",
        read_on: "2026-11-26",
        rows: &[row("gpt-4o", 2.5, 2.5, 10.0)],
    },
    // The prices of its peak hours; at other times half of them is charged.
    VendorPrices {
        provider: "deepseek",
        source: "https://api-docs.deepseek.com/quick_start/pricing",
        read_on: "2026-11-26",
        rows: &[row("deepseek-flash", 0.3, 0.006, 1.2), row("deepseek-v4-pro", 1.32, 0.044, 3.96)],
    },
    // The price from January 1, 2027 on, which the page announces; until then half of it is charged. What cached tokens
    // cost was not to be had: they count in full.
    VendorPrices {
        provider: "gemini",
        source: "https://ai.google.dev/gemini-api/docs/pricing",
        read_on: "2026-10-07",
        rows: &[row("gemini-3.8-flash", 1.5, 1.5, 7.5)],
    },
    // The pages don't tell what cached tokens cost: they count in full.
    VendorPrices {
        provider: "grok",
        source: "https://docs.x.ai/developers/grok-4-7 (and /grok-4-6)",
        read_on: "2026-11-27",
        rows: &[row("grok-4.7", 2.0, 2.0, 6.0), row("grok-4.6", 2.0, 2.0, 6.0)],
    },
    // Neither gateway tells what cached tokens cost: they count in full.
    VendorPrices {
        provider: "vercel_gateway",
        source: "https://vercel.com/ai-gateway/models/gpt-4o (and /gemini-3.8-flash)",
        read_on: "2026-11-26",
        rows: &[row("openai/gpt-4o", 2.5, 2.5, 10.0), row("google/gemini-3.8-flash", 0.75, 0.75, 3.75)],
    },
    VendorPrices {
        provider: "openrouter",
        source: "https://openrouter.ai/openai/gpt-4o",
        read_on: "2026-11-26",
        rows: &[row("openai/gpt-4o", 2.5, 2.5, 10.0)],
    },
];

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
            for row in vendor.rows {
                let name = row.model;
                let (_, found) = of(vendor.provider, name).unwrap();
                assert!(std::ptr::eq(found, row), "{name}: two rows");
                assert!(
                    0.0 < row.cached_input && row.cached_input <= row.input && row.input <= row.output,
                    "{name}"
                );
            }
        }
        assert!(of("anthropic", "claude-of-tomorrow").is_none());
    }
}

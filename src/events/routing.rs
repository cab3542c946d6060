//! How the protocol `auto` has chosen, in the field names of the envelope and of the event.

use serde::Serialize;

/// Which protocol was chosen, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoutingReport {
    /// The protocol that ran; with an escalation the one that ran first.
    pub chosen: &'static str,
    /// Why, in one sentence.
    pub reason: String,
    /// What the job says of cost and quality.
    pub cost_sensitivity: &'static str,
    /// What each protocol would have cost.
    pub estimates: Vec<ProtocolEstimate>,
    /// Where the estimates come from.
    pub method: String,
    /// What came of asking the worker first, if the job asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationReport>,
}

/// What a protocol would cost, and what speaks against it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProtocolEstimate {
    /// Its name.
    pub protocol: &'static str,
    /// Remote tokens, prompts and replies together.
    pub remote_tokens: u64,
    /// The same in dollars, if the job has prices.
    pub usd: Option<f64>,
    /// Why it can't work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded: Option<String>,
    /// Why it is taken only where no other protocol can work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// What came of asking the worker first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EscalationReport {
    /// The protocol that follows an answer which does not hold.
    pub to: &'static str,
    /// Whether it followed; `None` as long as the worker is asked.
    pub escalated: Option<bool>,
    /// Why, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Replies of the worker.
    pub samples: u32,
    /// Those of them that say what the chosen one says.
    pub agreed: u32,
    /// What the chosen one cites.
    pub citations: usize,
    /// How much of that stands in the documents.
    pub verified: usize,
}

//! The budget of a queue, as the engine asks for it and as people are told of it.

use std::time::Instant;

use async_trait::async_trait;
use minions::engine::{CommonBudget, Expense, Intent};
use minions_queue::{Budget, Call, Cost, Purse};

/// A worker's purse, which the engine asks.
pub(super) struct Asked(pub Purse);

#[async_trait]
impl CommonBudget for Asked {
    async fn lease(&self, intent: &Intent) -> Result<Option<Instant>, String> {
        self.0.lease(&call(intent)).await
    }

    fn end(&self, intent: &Intent, spent: Expense) {
        self.0.end(&call(intent), cost(spent));
    }
}

fn cost(Expense { tokens, usd }: Expense) -> Cost {
    Cost { tokens, usd }
}

fn call(intent: &Intent) -> Call {
    let Intent { endpoint, prompt, reply, is_priced } = intent.clone();
    Call { endpoint, prompt: cost(prompt), reply: cost(reply), is_priced }
}

/// What is left of a budget, in words; nothing if it limits nothing.
pub(super) fn told(budget: Option<&Budget>) -> Option<String> {
    let budget = budget.filter(|budget| !budget.limits.is_none())?;
    let (tokens, usd) = budget.left();
    let mut parts = Vec::new();
    if let Some((limit, left)) = budget.limits.usd.zip(usd) {
        parts.push(format!("${left:.4} of ${limit} left"));
    }
    if let Some((limit, left)) = budget.limits.tokens.zip(tokens) {
        parts.push(format!("{left} of {limit} remote tokens left"));
    }
    if let Some(requests) = budget.limits.requests_per_minute {
        parts.push(format!("{requests} requests a minute to each endpoint"));
    }
    if budget.is_used_up {
        parts.push("used up: `minions submit` with a higher limit has workers go on".to_owned());
    }
    Some(parts.join(", "))
}

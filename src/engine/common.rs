//! A budget that engines on many machines hold together.
//!
//! In: what a call is expected to cost, and what it has cost. Out: leave, and when. Who keeps the budget, and where, is
//! the implementation's.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::spending::Expected;
use crate::chat::{ChatError, ChatErrorKind, Usage};
use crate::job::Prices;

/// What a part of a call costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expense {
    /// Its tokens.
    pub tokens: u64,
    /// Its dollars, 0 where there are no prices.
    pub usd: f64,
}

/// A call of a supervisor that is to be made.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The address of its endpoint.
    pub endpoint: String,
    /// What its prompt costs.
    pub prompt: Expense,
    /// What its reply is taken to cost at most.
    pub reply: Expense,
    /// Whether the job has prices.
    pub is_priced: bool,
}

/// What the supervisors' calls of many engines may cost together, and when they may begin.
#[async_trait]
pub trait CommonBudget: Send + Sync {
    /// Leave for a call, once there is room for it: when it may begin. `None` if nothing is limited now.
    ///
    /// # Errors
    /// Why it may not be made.
    async fn lease(&self, intent: &Intent) -> Result<Option<Instant>, String>;

    /// A call that had leave has ended, and has cost `spent`.
    fn end(&self, intent: &Intent, spent: Expense);
}

/// The common budget for the calls of one client.
#[derive(Clone)]
pub(super) struct Common {
    pub budget: Arc<dyn CommonBudget>,
    pub endpoint: String,
    pub prices: Option<Prices>,
}

impl Common {
    /// Leave for a call that is `expected` to have so many tokens, where something is limited.
    pub(super) async fn lease(&self, expected: Expected) -> Result<Option<Lease<'_>>, ChatError> {
        let intent = Intent {
            endpoint: self.endpoint.clone(),
            prompt: self.expense(Usage::of_call(expected.prompt, 0, 0)),
            reply: self.expense(Usage::of_call(0, expected.reply, 0)),
            is_priced: self.prices.is_some(),
        };
        let given = self.budget.lease(&intent).await.map_err(|why| {
            let remedy = "raise the limit with `minions submit`, which has the jobs that failed run again";
            ChatError::new(ChatErrorKind::Withheld, why).hint(remedy)
        });
        Ok(given?.map(|begins| Lease { common: self, intent, begins, spent: Usage::default() }))
    }

    fn expense(&self, usage: Usage) -> Expense {
        Expense { tokens: usage.total_tokens, usd: self.prices.map_or(0.0, |prices| prices.cost(usage)) }
    }
}

/// Leave for a call; dropping it tells what the call has cost.
pub(super) struct Lease<'a> {
    common: &'a Common,
    intent: Intent,
    pub begins: Instant,
    /// What the call has cost so far.
    pub spent: Usage,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.common.budget.end(&self.intent, self.common.expense(self.spent));
    }
}

//! The servers of a side, made ready at the same time. Some may be down as long as one is up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::absence;
use super::models::Ready;
use super::shared::SharedResources;
use super::side_config::SideConfig;
use crate::chat::{ChatError, RetryPolicy, Tries};
use crate::error::{Failure, FailureKind};

/// The servers of a side, after each was asked for the model.
pub(super) struct Servers {
    all: Vec<Asked>,
}

/// A server that was asked for the model.
struct Asked {
    base_url: String,
    /// `None` if the server is down.
    ready: Option<Arc<Ready>>,
}

impl Servers {
    /// Those of a side that is not asked.
    pub(super) fn none() -> Self {
        Self { all: Vec::new() }
    }

    /// Makes the servers of a side ready, except those that `known` has made ready already. Servers that were down a
    /// moment ago are asked only if no other one is up.
    ///
    /// # Errors
    /// The failure of the first server, with the messages of all, if none is up.
    pub(super) async fn open(
        side_config: &SideConfig<'_>,
        shared: &SharedResources,
        known: Option<&Self>,
    ) -> Result<Self, Failure> {
        let ask = |base_url: &String| {
            let (there, key) = (known.and_then(|known| known.ready_at(base_url)), side_config.key(base_url));
            async move {
                match there {
                    Some(ready) => Ok(ready),
                    None => shared.ready(key, side_config.demand).await,
                }
            }
        };
        let is_one = side_config.base_urls.len() == 1;
        let (resting, others): (Vec<_>, Vec<_>) =
            side_config.base_urls.iter().partition(|base_url| !is_one && shared.is_resting(base_url));
        let mut asked = others.clone();
        let mut outcomes = join_all(others.into_iter().map(&ask)).await;
        if outcomes.iter().all(Result::is_err) {
            outcomes.extend(join_all(resting.iter().copied().map(&ask)).await);
            asked.extend(resting);
        }
        // A single server's client has made its retries itself.
        let several = || shared.opening_policy(&side_config.base_urls, side_config.retries());
        let mut tries = Tries::new(&if is_one { RetryPolicy::of(0) } else { several() });
        while let Some(wait) = wait_for_any(&outcomes, &mut tries) {
            tokio::time::sleep(wait).await;
            outcomes = join_all(asked.iter().copied().map(&ask)).await;
        }
        if outcomes.iter().all(Result::is_err) {
            let failures = outcomes.into_iter().filter_map(Result::err);
            let failures = asked.into_iter().zip(failures).map(|(base_url, failure)| {
                absence::explained(failure, side_config, base_url, &shared.config.environment)
            });
            return Err(none_is_up(side_config.spec.side, failures.collect()));
        }
        tries.succeeded();
        let mut ready = Vec::new();
        for (base_url, outcome) in asked.into_iter().zip(outcomes) {
            match outcome {
                Ok(model) => ready.push((base_url, model)),
                Err(failure) => {
                    if shared.rest(base_url) {
                        tracing::warn!("{failure}; the other servers do its work");
                    }
                }
            }
        }
        let all = side_config.base_urls.iter().map(|base_url| Asked {
            base_url: base_url.clone(),
            ready: ready.iter().find(|(known, _)| *known == base_url).map(|(_, model)| Arc::clone(model)),
        });
        Ok(Self { all: all.collect() })
    }

    /// The shortest of the servers' windows, in tokens of prompt and reply, if one is known. All servers are asked for
    /// this number.
    pub(super) fn window(&self) -> Option<u32> {
        self.models().filter_map(|model| model.window()).min()
    }

    /// The models that are ready.
    pub(super) fn models(&self) -> impl Iterator<Item = &Arc<Ready>> {
        self.all.iter().filter_map(|server| server.ready.as_ref())
    }

    /// The servers' base URLs, each with the model that is ready there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<&Ready>)> {
        self.all.iter().map(|server| (server.base_url.as_str(), server.ready.as_deref()))
    }

    fn ready_at(&self, base_url: &str) -> Option<Arc<Ready>> {
        self.all.iter().find(|server| server.base_url == base_url)?.ready.clone()
    }
}

/// The wait before all servers are asked again: none is up, and one may be soon. Others were refused for good.
fn wait_for_any(outcomes: &[Result<Arc<Ready>, Failure>], tries: &mut Tries) -> Option<Duration> {
    let errors: Vec<&ChatError> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err()?.source.as_deref()?.downcast_ref::<ChatError>())
        .collect();
    let passing =
        errors.iter().find(|error| error.kind.is_transient()).filter(|_| errors.len() == outcomes.len());
    tries.next_wait((*passing?).clone(), None).ok()
}

fn none_is_up(side: &str, failures: Vec<Failure>) -> Failure {
    let messages: Vec<_> = failures.iter().map(|failure| failure.message.as_str()).collect();
    let message = match &messages[..] {
        [only] => format!("{side}: {only}"),
        all => format!("none of the {} servers of {side} can be used: {}", all.len(), all.join("; ")),
    };
    match failures.into_iter().next() {
        Some(first) => Failure { message, ..first },
        None => Failure::new(FailureKind::Runtime, message),
    }
}

//! Finds the runner's image in the engine, or has the engine pull it.

use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::engine::{Engine, status, words};
use crate::progress::{PullProgress, PullTracker};
use crate::{RuntimeError, RuntimeErrorKind, Timeouts};

/// Pulls the image unless the engine has it. An image that is there is not updated, since a job should start soon, and
/// without network too.
pub(super) async fn ensure(
    engine: &Engine,
    image: &str,
    timeouts: &Timeouts,
    progress: &dyn PullProgress,
) -> Result<(), RuntimeError> {
    match engine.docker.inspect_image(image).await {
        Ok(_) => return Ok(()),
        Err(error) if status(&error) == Some(404) => {}
        Err(error) => return Err(engine.failed(&format!("does not say whether it has {image}"), &error)),
    }
    tracing::info!("pulling {image}");
    let missing = |why: &str| {
        let message = format!("the image {image} is not there and can't be pulled: {why}");
        RuntimeError::new(RuntimeErrorKind::PullFailed, message).hint(format!(
            "`docker pull {image}` by hand may say more; without network bring it with `docker save` and `docker load`"
        ))
    };
    let options = CreateImageOptionsBuilder::new().from_image(image).build();
    let mut lines = engine.docker.create_image(Some(options), None, None);
    let mut tracker = PullTracker::new(image, progress);
    loop {
        // The engine reports often, both of bytes that came and of layers that it unpacks.
        let line = timeout(timeouts.stall.max(timeouts.store), lines.next()).await;
        match line.map_err(|_| missing("the engine says nothing any more"))? {
            None => return Ok(()),
            Some(Err(error)) => return Err(missing(&words(&error))),
            Some(Ok(CreateImageInfo { id: Some(id), progress_detail: Some(detail), status, .. }))
                if status.as_deref() == Some("Downloading") =>
            {
                let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
                if let (Some(done), Some(total)) = (bytes(detail.current), bytes(detail.total)) {
                    tracker.layer(&id, done, total);
                }
            }
            Some(Ok(_)) => {}
        }
    }
}

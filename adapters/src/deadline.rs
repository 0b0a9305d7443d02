//! No call outlives its deadline. It must never retry.

use crate::port::{Call, PortError};
use std::future::Future;

/// Runs a call to `target` under the call's deadline.
pub(crate) async fn within<T>(
    call: &Call,
    target: &str,
    work: impl Future<Output = Result<T, PortError>>,
) -> Result<T, PortError> {
    match tokio::time::timeout(call.deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(timed_out(call, target)),
    }
}

pub(crate) fn timed_out(call: &Call, target: &str) -> PortError {
    // Rounded up: "within 0 s" would help nobody.
    let seconds = call.deadline.as_millis().div_ceil(1000);
    PortError::TimedOut { target: target.to_owned(), seconds: u64::try_from(seconds).unwrap_or(u64::MAX) }
}

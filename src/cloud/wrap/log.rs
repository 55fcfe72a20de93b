//! Log of calls: action, duration and outcome. Never bodies or messages.

use std::time::Duration;

use super::retry::AttemptOutcome;
use crate::cloud::Request;

/// Target of the log events, for filters: `--log goldform::calls=debug`.
const TARGET: &str = "goldform::calls";

/// Logs one attempt.
pub(super) fn call(request: &Request, attempt: u32, took: Duration, outcome: &AttemptOutcome) {
    let AttemptOutcome { kind, code, request_id } = outcome;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(
        target: TARGET,
        service = request.service.host_label(),
        action = request.action.as_str(),
        region = request.region.as_ref().map(|region| region.as_str()),
        attempt,
        took_ms,
        request_id = request_id.as_deref(),
        code = code.as_deref(),
        meaning = kind.map(tracing::field::debug),
        "call"
    );
}

/// Logs a call that is not retried because its time or the budget is used up.
pub(super) fn given_up(request: &Request, attempts: u32, outcome: &AttemptOutcome) {
    tracing::warn!(
        target: TARGET,
        action = request.action.as_str(),
        region = request.region.as_ref().map(|region| region.as_str()),
        attempts,
        code = outcome.code.as_deref(),
        meaning = outcome.kind.map(tracing::field::debug),
        "given up"
    );
}

//! The log of calls: what was called, how long it took, how it ended. Never what was said.

use std::time::Duration;

use super::retry::AttemptOutcome;
use crate::cloud::Request;

/// The target of the log's events, for filters: `--log goldform::calls=debug`.
const TARGET: &str = "goldform::calls";

/// One attempt.
pub(super) fn call(request: &Request, attempt: u32, took: Duration, ending: &AttemptOutcome) {
    let AttemptOutcome { kind, code, request_id } = ending;
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

/// The last attempt of a call that would have been repeated, had there been time or budget.
pub(super) fn given_up(request: &Request, attempts: u32, ending: &AttemptOutcome) {
    tracing::warn!(
        target: TARGET,
        action = request.action.as_str(),
        region = request.region.as_ref().map(|region| region.as_str()),
        attempts,
        code = ending.code.as_deref(),
        meaning = ending.kind.map(tracing::field::debug),
        "given up"
    );
}

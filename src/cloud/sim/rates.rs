//! Documented rate limits per action, region and caller (651/35307), as an allowance of the calls of one second that
//! refills evenly.

use super::actions::Action;
use super::refusal::{ActionError, Refusal};
use super::world::World;

const SECOND: i64 = 1_000_000;

/// Charges one call to the allowance, or refuses it.
pub(super) fn charge(
    world: &World,
    action: &Action,
    region: &str,
    caller: &str,
    now: i64,
) -> Result<(), ActionError> {
    let each = SECOND / i64::from(action.rate.max(1));
    let full_at = world.full_at(action.name, region, caller)?.unwrap_or(now).max(now) + each;
    if full_at - now > SECOND {
        return Err(ActionError::Refused(exceeded()));
    }
    world.set_full_at(action.name, region, caller, full_at)?;
    Ok(())
}

/// Returns the refusal of a call that exceeds the rate limit.
pub(super) fn exceeded() -> Refusal {
    Refusal::new("RequestLimitExceeded", "The request limit is exceeded: too many calls in a second.")
}

//! The clock of a machine that is set while goldform runs.

use std::sync::{Arc, Mutex};

use goldform::model::Clock;
use jiff::{SignedDuration, Timestamp};

/// A clock that jumps.
pub struct JumpingClock {
    steady: Arc<dyn Clock>,
    ahead: Mutex<SignedDuration>,
}

impl JumpingClock {
    pub fn new(steady: Arc<dyn Clock>) -> Self {
        Self { steady, ahead: Mutex::new(SignedDuration::ZERO) }
    }

    /// Sets it so much ahead of the right time, or behind it.
    pub fn set(&self, ahead: SignedDuration) {
        *self.ahead.lock().unwrap() = ahead;
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        self.steady.now().checked_add(*self.ahead.lock().unwrap()).unwrap()
    }
}

//! Permission to send writes, for as long as the lock of the state is held.
//!
//! A lock on shared storage is a lease: it ends when its holder stops renewing it. A process that was stopped, or whose
//! machine slept, may come back after another has taken the lock. So every write asks here directly before it is sent,
//! after all waiting, and is not sent with less time left than a call may take. A local lock lasts as long as the process,
//! and its lease has no end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use super::client::wire::Effect;
use super::{Request, Transport, TransportError};
use crate::model::Clock;

/// Lease of a lock, shared by the store that renews it and the transport that asks for it. One that was never limited has
/// no end.
#[derive(Debug, Clone, Default)]
pub struct Lease(Arc<Mutex<Term>>);

/// How long a lease is good for.
#[derive(Debug, Clone, Default)]
enum Term {
    /// It has no end.
    #[default]
    Unlimited,
    /// It ends at the earlier of these: the steady clock stops while a machine sleeps, and the other one can be set back.
    Until { steady: Instant, wall: Timestamp },
    /// Another holds the lock, or may.
    Lost(String),
}

impl Lease {
    /// Limits the lease: it ends this long after the time at which its renewal was sent.
    pub fn extend(&self, sent: (Instant, Timestamp), by: Duration) {
        let mut term = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Term::Lost(_) = *term {
            return;
        }
        let wall = sent.1.checked_add(by).unwrap_or(Timestamp::MAX);
        *term = Term::Until { steady: sent.0.checked_add(by).unwrap_or(sent.0), wall };
    }

    /// Ends the lease for good.
    pub fn lose(&self, why: impl Into<String>) {
        let mut term = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*term, Term::Lost(_)) {
            *term = Term::Lost(why.into());
        }
    }

    /// Removes the limit, once the lock was released.
    pub fn release(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Term::Unlimited;
    }

    /// Checks that the lock was not lost.
    ///
    /// # Errors
    /// Why it was.
    pub fn check_held(&self) -> Result<(), String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Term::Lost(why) => Err(why.clone()),
            Term::Unlimited | Term::Until { .. } => Ok(()),
        }
    }

    /// Checks that the lease is good for at least this long.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, needed: Duration, now: Timestamp) -> Result<(), String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Term::Unlimited => Ok(()),
            Term::Lost(why) => Err(why.clone()),
            Term::Until { steady, wall } => {
                let left = steady.saturating_duration_since(Instant::now());
                let by_wall = Duration::try_from(wall.duration_since(now)).unwrap_or_default();
                match left.min(by_wall) {
                    left if !left.is_zero() && left >= needed => Ok(()),
                    left => Err(format!(
                        "the lock of the state could not be renewed: {} s of its lease are left, and a call may take {} s",
                        left.as_secs(),
                        needed.as_secs()
                    )),
                }
            }
        }
    }
}

/// Transport that sends no write without a lease for the longest time that a call can take.
pub struct Leased {
    inner: Arc<dyn Transport>,
    lease: Lease,
    clock: Arc<dyn Clock>,
    /// Longest time that a call can take.
    longest: Duration,
}

impl Leased {
    /// Wraps a transport whose calls take at most `longest`.
    pub fn new(inner: Arc<dyn Transport>, lease: Lease, clock: Arc<dyn Clock>, longest: Duration) -> Self {
        Self { inner, lease, clock, longest }
    }
}

#[async_trait]
impl Transport for Leased {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        if Effect::of(&request.action) == Effect::Write {
            self.lease.check(self.longest, self.clock.now()).map_err(TransportError::LockLost)?;
        }
        self.inner.send(request).await
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::cloud::client::fake::Script;
    use crate::cloud::transport::Service;
    use crate::model::ManualClock;

    const CALL: Duration = Duration::from_secs(60);

    fn request(action: &str) -> Request {
        Request { service: Service::Cvm, action: action.into(), region: None, body: Vec::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn no_write_is_sent_without_time_for_its_answer() {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let lease = Lease::default();
        let script = Script::of(std::iter::repeat_n(Ok(b"sent".to_vec()), 100));
        let transport = Leased::new(script, lease.clone(), clock.clone(), CALL);
        let send = async |action: &str| transport.send(request(action)).await;
        assert!(send("CreateImage").await.is_ok(), "a local lock has no end");

        lease.extend((Instant::now(), clock.now()), Duration::from_secs(120));
        assert!(send("CreateImage").await.is_ok());
        tokio::time::advance(Duration::from_secs(61)).await;
        let refused = send("CreateImage").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the lock of the state could not be renewed: 59 s of its lease are left, and a call may take 60 s"
        );
        assert!(matches!(refused, TransportError::LockLost(_)));
        assert!(send("DescribeImages").await.is_ok(), "a read changes nothing");

        lease.extend((Instant::now(), clock.now()), Duration::from_secs(120));
        assert!(send("CreateImage").await.is_ok(), "a renewed lease is good again");
        clock.advance(SignedDuration::from_secs(61));
        assert!(send("CreateImage").await.is_err(), "a machine that slept has no steady clock meanwhile");

        tokio::time::advance(Duration::from_secs(121)).await;
        assert!(
            lease.check(Duration::ZERO, clock.now()).is_err(),
            "a lease that is over is good for nothing"
        );

        lease.lose("another command took it");
        lease.extend((Instant::now(), clock.now()), Duration::from_secs(120));
        assert_eq!(send("CreateImage").await.unwrap_err().to_string(), "another command took it");
    }
}

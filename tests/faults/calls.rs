//! What goes wrong with one call of the service, on its way there or back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use goldform::cloud::{Request, Transport, TransportError};
use tokio::time::Instant;

/// After how many seconds a call that the service has not executed is refused: by then its timestamp is more than 5 minutes
/// old for a clock that is nearly as far behind.
const LATEST: u64 = 595;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// This call and all others of the next three seconds are refused as too many.
    Throttled,
    /// The caller may not do that.
    Refused,
    /// The service fails, and says so.
    Internal,
    /// A gateway answers in its place.
    BadGateway,
    /// The connection breaks before the service has the request.
    CutBefore,
    /// The connection breaks before the answer is back.
    CutAfter,
    /// Something else comes back.
    Garbage,
    /// The answer takes its time.
    Slow,
    /// The connection breaks, and the service executes the request seconds later.
    Late,
    /// The connection breaks, and the service executes the request as late as it can: when the image of a second one has
    /// long been ready.
    VeryLate,
    /// The keys have expired: this call and all later ones are refused.
    Expired,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Throttled,
        Self::Refused,
        Self::Internal,
        Self::BadGateway,
        Self::CutBefore,
        Self::CutAfter,
        Self::Garbage,
        Self::Slow,
        Self::Late,
        Self::VeryLate,
        Self::Expired,
    ];

    /// Whether it ends by itself.
    pub fn is_over(self) -> bool {
        self != Self::Expired
    }
}

type Before = dyn Fn(usize, &str) + Send + Sync;

/// A way to the service that goes wrong once; the calls that it carried are counted.
pub struct Way {
    pub inner: Arc<dyn Transport>,
    pub count: Arc<AtomicUsize>,
    /// With which call, counted from 0, and how; nothing: never.
    pub fault: Option<(usize, Wrong)>,
    /// Runs before each call, with its number and action.
    pub before: Option<Box<Before>>,
    throttled_until: Mutex<Option<Instant>>,
}

impl Way {
    pub fn new(inner: Arc<dyn Transport>, count: Arc<AtomicUsize>, fault: Option<(usize, Wrong)>) -> Self {
        Self { inner, count, fault, before: None, throttled_until: Mutex::default() }
    }
}

/// Whether an action makes an image.
pub fn is_make(action: &str) -> bool {
    matches!(action, "CreateImage" | "SyncImages" | "ImportImage")
}

fn refusal(code: &str) -> Vec<u8> {
    format!(r#"{{"Response":{{"Error":{{"Code":"{code}","Message":"no"}},"RequestId":"r-1"}}}}"#).into_bytes()
}

#[async_trait]
impl Transport for Way {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(before) = &self.before {
            before(number, &request.action);
        }
        if self.throttled_until.lock().unwrap().is_some_and(|until| Instant::now() < until) {
            return Ok(refusal("RequestLimitExceeded"));
        }
        let lost = || Err(TransportError::OutcomeUnknown("the connection broke".to_owned()));
        match self.fault {
            Some((call, Wrong::Expired)) if call <= number => Ok(refusal("AuthFailure.TokenFailure")),
            Some((call, wrong)) if call == number => match wrong {
                Wrong::Throttled => {
                    *self.throttled_until.lock().unwrap() = Some(Instant::now() + Duration::from_secs(3));
                    Ok(refusal("RequestLimitExceeded"))
                }
                Wrong::Refused => Ok(refusal("UnauthorizedOperation")),
                Wrong::Internal => Ok(refusal("InternalError")),
                Wrong::BadGateway => Err(TransportError::OutcomeUnknown("HTTP status 502".to_owned())),
                Wrong::CutBefore => lost(),
                Wrong::CutAfter => {
                    self.inner.send(request).await?;
                    lost()
                }
                Wrong::Garbage => {
                    self.inner.send(request).await?;
                    Ok(b"<html>busy</html>".to_vec())
                }
                Wrong::Slow => {
                    let answer = self.inner.send(request).await;
                    tokio::time::sleep(Duration::from_secs(20)).await;
                    answer
                }
                Wrong::Late | Wrong::VeryLate => {
                    let inner = Arc::clone(&self.inner);
                    let later = if wrong == Wrong::Late { 4 } else { LATEST };
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(later)).await;
                        let _ = inner.send(request).await;
                    });
                    lost()
                }
                Wrong::Expired => Ok(refusal("AuthFailure.TokenFailure")),
            },
            _ => self.inner.send(request).await,
        }
    }
}

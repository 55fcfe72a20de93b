//! The sandbox as a transport in this process, with the same bytes as over HTTP.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Delivery, Sim};
use crate::cloud::{Request, Transport, TransportError};
use crate::model::{AccountId, Clock};

/// Transport of one account to a sandbox in this process.
#[derive(Clone)]
pub struct SimTransport {
    /// The sandbox.
    pub sim: Arc<Sim>,
    /// Main account of the caller.
    pub caller: AccountId,
    /// Clock of the sandbox.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Transport for SimTransport {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let now = self.clock.now();
        let exchange = if self.sim.is_durable() {
            // A commit waits for the disk, and maybe for another process: it must not block the runtime.
            let (sim, caller) = (Arc::clone(&self.sim), self.caller);
            tokio::task::spawn_blocking(move || sim.exchange(caller, &request, now))
                .await
                .map_err(|error| TransportError::OutcomeUnknown(error.to_string()))?
        } else {
            self.sim.exchange(self.caller, &request, now)
        };
        if let Some(delay) = exchange.delay {
            tokio::time::sleep(delay).await;
        }
        match exchange.delivery {
            Delivery::Answer(bytes) => Ok(bytes),
            Delivery::NotSent => Err(TransportError::NotSent("connection refused".to_owned())),
            Delivery::Lost => Err(TransportError::OutcomeUnknown("the connection broke".to_owned())),
        }
    }
}

//! The sandbox on the wire: goldform's own client, and requests as other clients send them.

mod cli;
mod client;
mod faults;
mod neighbours;
mod raw;
mod relay;
mod requests;
mod secrets;
mod terraform;
mod whole;

use std::sync::Arc;

use goldform::cloud::sim::http::{ApiService, Key, Limits, Server};
use goldform::cloud::sim::{Settings, Sim};
use goldform::model::ManualClock;

pub const OWNER: &str = "100000000001";
pub const FRIEND: &str = "200000000002";
pub const ID: &str = "AKIDowner";
pub const SECRET: &str = "owner-key";
pub const HOME: &str = "ap-jakarta";
pub const AWAY: &str = "ap-tokyo";

/// A server in this process; it ends with the runtime of its test.
pub struct Served {
    pub sim: Sim,
    pub clock: Arc<ManualClock>,
    /// `127.0.0.1:port`.
    pub host: String,
}

impl Served {
    /// Serves a world in memory to two accounts, with a clock that the test moves.
    pub async fn new(settings: Settings) -> Self {
        Self::with_limits(settings, Limits::default()).await
    }

    pub async fn with_limits(settings: Settings, limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap()));
        let sim = Sim::in_memory(settings).unwrap();
        let keys = [format!("{OWNER}:{ID}:{SECRET}"), format!("{FRIEND}:AKIDfriend:friend-key")];
        let keys = keys.iter().map(|key| key.parse::<Key>().unwrap()).collect();
        let names = ["tc.test", "tencentcloudapi.com"].map(|name| name.parse().unwrap());
        let face = ApiService::new(sim.clone(), keys, clock.clone()).with_hosts(names);
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), face).await.unwrap().with_limits(limits);
        let host = server.address().to_string();
        tokio::spawn(server.run(std::future::pending()));
        Self { sim, clock, host }
    }
}

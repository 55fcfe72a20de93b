//! What fault scripts do to a connection.

use std::time::Duration;

use goldform::cloud::sim::{Fault, FaultEffect, RequestOutcome, Settings};
use jiff::SignedDuration;

use crate::wire::raw::{Ask, exchange};
use crate::wire::{HOME, Served};

fn fault(effect: FaultEffect) -> Fault {
    Fault {
        action: "CreateImage".to_owned(),
        region: None,
        caller: None,
        from_call: 1,
        times: Some(1),
        effect,
    }
}

const BODY: &str = r#"{"ImageName":"web","InstanceId":"ins-8f3a1c2d"}"#;

#[tokio::test]
async fn what_is_lost_is_a_connection_that_closes_and_the_world_knows_the_difference() {
    for (effect, outcome, images) in [
        (FaultEffect::NotSent, RequestOutcome::NotSent, 0),
        (FaultEffect::LostBefore, RequestOutcome::LostBefore, 0),
        (FaultEffect::LostAfter, RequestOutcome::LostAfter, 1),
    ] {
        let served = Served::new(Settings::default()).await;
        served.sim.add_fault(&fault(effect)).unwrap();
        let ask = Ask::post(&served.host, "CreateImage", HOME, BODY);
        assert!(exchange(&served.host, &ask.signed_bytes()).await.is_none());
        assert_eq!(served.sim.images().unwrap().len(), images);
        assert_eq!(served.sim.log(0).unwrap()[0].outcome, outcome);
        // The next call is answered, on a new connection.
        assert_eq!(ask.send(&served.host).await.code(), ["", "InvalidImageName.Duplicate"][images]);
    }
}

#[tokio::test]
async fn errors_throttles_garbage_and_delays_come_over_the_wire() {
    let served = Served::new(Settings::default()).await;
    let ask = Ask::post(&served.host, "CreateImage", HOME, BODY);
    let code = "ResourceInsufficient".to_owned();
    served.sim.add_fault(&fault(FaultEffect::Error { code: code.clone(), message: String::new() })).unwrap();
    assert_eq!(ask.send(&served.host).await.code(), code);
    served.sim.add_fault(&fault(FaultEffect::Throttle)).unwrap();
    assert_eq!(ask.send(&served.host).await.code(), "RequestLimitExceeded");
    served.sim.add_fault(&fault(FaultEffect::Garbage { text: "<html>".to_owned() })).unwrap();
    assert_eq!(ask.send(&served.host).await.body, "<html>");
    let by = SignedDuration::from_millis(300);
    served.sim.add_fault(&fault(FaultEffect::Slow { by })).unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(ask.send(&served.host).await.code(), "InvalidImageName.Duplicate");
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

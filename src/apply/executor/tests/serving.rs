//! Which placement serves after runs that were killed.

use super::*;
use crate::testing::worlds::{key, region};

fn revised(revision: u32, accounts: &str) -> String {
    EXAMPLE
        .replace("keep: 0", "keep: 2")
        .replace("revision: \"1\"", &format!("revision: \"{revision}\""))
        .replace("[partner, staging]", accounts)
}

#[tokio::test(start_paused = true)]
async fn a_generation_that_was_ready_when_the_run_was_killed_serves_before_a_return() {
    let mut bench = Bench::new(Settings::default());
    assert!(apply(&mut bench, &revised(1, "[partner]")).await.is_complete());
    assert!(apply(&mut bench, &revised(2, "[partner, staging]")).await.is_complete());
    let mut killed = bench.snapshot().await;
    let tokyo = region("ap-tokyo");
    let serving = &mut killed.recorded.images.get_mut(&key("web")).unwrap().serving;
    assert_eq!(serving.insert(tokyo.clone(), generation(1)), Some(generation(2)));
    let info = LockInfo { owner: "test".into(), pid: 1, operation: "apply".into(), since: bench.clock.now() };
    bench.store.lock(info, LockWait::NONE).await.unwrap();
    bench.store.save(&mut killed, SerialBump::Yes).await.unwrap();
    bench.store = std::mem::take(&mut bench.store).crashed_after(usize::MAX);

    let stop = watch::channel(Shutdown::Now).1;
    execute(&mut bench, &revised(1, "[partner, staging]"), stop).await;
    let web = &bench.snapshot().await.recorded.images[&key("web")];
    assert_eq!(web.current, generation(1), "the plan returns to it");
    assert_eq!(web.serving[&tokyo], generation(2), "staging does not see the first yet");
}

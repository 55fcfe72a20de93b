//! A service that refuses to change images while they are shared.

use super::*;

/// The example, whose web keeps an earlier generation and has this revision.
fn kept(revision: &str) -> String {
    example_with(r#"revision: "1""#, &format!(r#"revision: "{revision}""#)).replace("keep: 0", "keep: 1")
}

#[tokio::test(start_paused = true)]
async fn a_generation_that_is_returned_to_is_not_deprecated_and_its_accounts_have_the_other_meanwhile() {
    let mut bench = Bench::new(Settings::default());
    for revision in ["1", "2"] {
        assert!(apply(&mut bench, &kept(revision)).await.is_complete());
    }
    let settings = bench.sim.settings().unwrap();
    bench.sim.set_settings(Settings { shared_image_edits: false, ..settings }).unwrap();
    let returned = kept("1").replace("images:\n", "cloud: { shared_image_edits: refused }\nimages:\n");
    // A plan with a moment in which an account has no image is refused (GF703).
    let outcome = apply(&mut bench, &returned).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    let snapshot = bench.snapshot().await;
    let build = &snapshot.recorded.images[&"web".parse().unwrap()].generations[&generation(1)];
    assert_eq!(build.placements.len(), 3);
    assert!(build.placements.values().all(|placement| placement.is_in_place()), "{build:#?}");
    assert!(build.placements.values().all(|placement| !placement.shares.is_empty()), "{build:#?}");
    assert!(bench.apply(&consenting(&returned), PlanMode::Normal).await.0.is_empty());
}

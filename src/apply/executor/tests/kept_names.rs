//! Images that keep their name while a second call for them may still be executed.

use tokio::time::Instant;

use super::*;
use crate::model::interim::is_interim_name;
use crate::state::evidence::MAY_BE_EXECUTED_FOR;

fn fault_at(bench: &Bench, action: &str, from_call: u32, effect: FaultEffect) {
    let fault =
        Fault { action: action.to_owned(), region: None, caller: None, from_call, times: Some(1), effect };
    bench.sim.add_fault(&fault).unwrap();
}

fn interim_names(bench: &Bench) -> usize {
    let images = bench.sim.images().unwrap();
    images.iter().filter(|image| is_interim_name(&image.name)).count()
}

/// Stops gently after a minute.
async fn stopped_after_a_minute(bench: &mut Bench) -> Outcome {
    let (sender, stop) = watch::channel(Shutdown::No);
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        sender.send(Shutdown::Gently).unwrap();
    };
    let begun = Instant::now();
    let (outcome, ()) = tokio::join!(execute(bench, EXAMPLE, stop), stopping);
    assert!(begun.elapsed() < Duration::from_secs(61), "{:?}", begun.elapsed());
    outcome
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_call_was_sent_twice_is_renamed_when_the_first_cannot_be_executed_any_more() {
    let mut bench = Bench::new(Settings::default());
    fault(&bench, "SyncImages", FaultEffect::LostBefore);
    let mut waits = Waits::default();
    let begun = Instant::now();
    let outcome = walk_watched(&mut bench, EXAMPLE, going_on(), &mut waits).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    assert!(begun.elapsed() >= MAY_BE_EXECUTED_FOR.unsigned_abs(), "{:?}", begun.elapsed());
    let kept: Vec<&String> =
        waits.0.iter().filter(|why| why.contains("keeps its name until 12:10:")).collect();
    let [kept] = kept[..] else { panic!("{waits:#?}", waits = waits.0) };
    assert!(kept.starts_with("update image.web@"), "{kept}");
    assert_eq!((interim_names(&bench), calls(&bench, "SyncImages")), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_meanwhile_ends_at_once_and_the_next_one_waits_for_the_rest() {
    let mut bench = Bench::new(Settings::default());
    fault(&bench, "SyncImages", FaultEffect::LostBefore);
    let begun = Instant::now();
    let endings = endings(&stopped_after_a_minute(&mut bench).await);
    let left: Vec<_> = endings.iter().filter(|(_, ending)| **ending == StepOutcome::NotStarted).collect();
    assert!(left.iter().any(|(id, _)| id.starts_with("update image.web@")), "{endings:#?}");
    assert_eq!(interim_names(&bench), 1);
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert!(begun.elapsed() >= MAY_BE_EXECUTED_FOR.unsigned_abs(), "{:?}", begun.elapsed());
    assert_eq!((interim_names(&bench), calls(&bench, "SyncImages")), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_was_made_without_tags_keeps_its_name_too() {
    for is_stopped in [false, true] {
        let mut bench = Bench::new(Settings { tags_on_create: false, ..Settings::default() });
        // The first two calls are refused for their tags.
        fault_at(&bench, "CreateImage", 3, FaultEffect::LostBefore);
        let begun = Instant::now();
        if is_stopped {
            let endings = endings(&stopped_after_a_minute(&mut bench).await);
            let pending = |ending: &&StepOutcome| matches!(ending, StepOutcome::Pending { .. });
            assert_eq!(endings.values().filter(pending).count(), 1, "{endings:#?}");
        }
        assert!(apply(&mut bench, EXAMPLE).await.is_complete());
        assert!(begun.elapsed() >= MAY_BE_EXECUTED_FOR.unsigned_abs(), "{:?}", begun.elapsed());
        assert_eq!(interim_names(&bench), 0);
        assert!(apply(&mut bench, EXAMPLE).await.steps.is_empty(), "named and tagged");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_failed_is_deleted_when_the_first_call_cannot_be_executed_any_more() {
    let mut bench = Bench::new(Settings::default());
    fault_at(&bench, "SyncImages", 1, FaultEffect::LostBefore);
    for call in 2..=3 {
        fault_at(&bench, "SyncImages", call, FaultEffect::Fail);
    }
    let begun = Instant::now();
    assert!(!apply(&mut bench, EXAMPLE).await.is_complete());
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "what failed is not waited for: {:?}",
        begun.elapsed()
    );
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert!(begun.elapsed() >= MAY_BE_EXECUTED_FOR.unsigned_abs(), "{:?}", begun.elapsed());
    assert_eq!(calls(&bench, "DeleteImages"), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_where_no_call_can_be_under_way() {
    let mut bench = Bench::new(Settings::default());
    bench.options.keep_names_for = jiff::SignedDuration::ZERO;
    fault(&bench, "SyncImages", FaultEffect::LostBefore);
    let begun = Instant::now();
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

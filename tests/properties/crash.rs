//! A process that dies anywhere: the next apply converges, nothing is made twice, nothing is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goldform::diff::PlanMode;
use goldform::testing::{Bench, Death, When, desired};
use proptest::prelude::*;

use super::ideal::{Ideal, real_images};
use super::manifests::{Entry, Manifest, Name, Source, edited, story};
use super::stage::{Stage, Tally, cases, in_paused_time, roomy};

/// A story that creates, copies, changes, tags, shares, unshares, replaces, renames and deletes.
fn chapters() -> Vec<Manifest> {
    let plain = Entry {
        home: 0,
        copies: BTreeSet::from([1, 2]),
        name: Name::ByGeneration,
        source: Source::Instance(1),
        revision: Some(1),
        description: Some(1),
        family: None,
        tags: BTreeMap::from([(1, 1)]),
        shares: BTreeSet::from([0, 1]),
        shared_in: BTreeSet::new(),
        exclusive: false,
        keep: 0,
        delete_first: false,
    };
    let snapshots = Entry {
        copies: BTreeSet::new(),
        name: Name::Fixed(1),
        source: Source::Snapshot(1),
        shares: BTreeSet::from([2]),
        ..plain.clone()
    };
    let aside = Entry { name: Name::Fixed(2), copies: BTreeSet::new(), ..plain.clone() };
    let first = BTreeMap::from([(0, plain.clone()), (1, snapshots.clone()), (2, aside.clone())]);
    let second = BTreeMap::from([
        // A new generation everywhere, the old one kept; another account, another tag, another text.
        (
            0,
            Entry {
                revision: Some(2),
                keep: 1,
                shares: BTreeSet::from([0, 3]),
                tags: BTreeMap::from([(2, 2)]),
                description: Some(2),
                copies: BTreeSet::from([2, 3]),
                ..plain
            },
        ),
        // A new generation under the fixed name of another entry, which takes this one's.
        (1, Entry { revision: Some(2), name: Name::Fixed(2), ..snapshots.clone() }),
        (2, Entry { name: Name::Fixed(1), shares: BTreeSet::new(), ..aside }),
        // A new entry, and the old generation of another one before the new one.
        (3, Entry { delete_first: true, ..snapshots }),
    ]);
    let mut third = second.clone();
    third.remove(&0);
    if let Some(entry) = third.get_mut(&3) {
        *entry = Entry { revision: Some(3), ..entry.clone() };
    }
    // Entry 3's fixed name is not that of the others.
    [first, second, third].map(|entries| Manifest { mainland: false, entries }.with_unique_names()).into()
}

/// The manifest that is applied when the process is killed, in a world in which the earlier chapters were applied.
#[derive(Clone, Copy)]
enum Scenario {
    Chapter(usize),
    Destroy,
}

impl Scenario {
    const ALL: [Self; 4] = [Self::Chapter(0), Self::Chapter(1), Self::Chapter(2), Self::Destroy];

    async fn set(self) -> Stage {
        let mut stage = Stage::new(roomy());
        let before = match self {
            Self::Chapter(number) => number,
            Self::Destroy => 2,
        };
        for manifest in &chapters()[..before] {
            stage.bench.apply(&desired(&manifest.yaml()), PlanMode::Normal).await;
            stage.ideal.follow(manifest);
        }
        stage
    }

    fn mode(self) -> (Manifest, PlanMode) {
        match self {
            Self::Chapter(number) => (chapters()[number].clone(), PlanMode::Normal),
            Self::Destroy => (chapters()[1].clone(), PlanMode::Destroy),
        }
    }
}

/// Dies, applies again, and holds the cloud against the ideal. Whether death came before the end.
async fn die_and_try_again(
    stage: &mut Stage,
    manifest: &Manifest,
    mode: PlanMode,
    deaths: &[Death],
    rest: Duration,
) -> bool {
    let wanted = desired(&manifest.yaml());
    let mut died = false;
    for death in deaths {
        died |= stage.bench.apply_and_die(&wanted, mode, death).await;
        tokio::time::sleep(rest).await;
    }
    if !died {
        return false;
    }
    let (_, outcome) = stage.bench.apply(&wanted, mode).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    match mode {
        PlanMode::Normal => {
            stage.ideal.follow(manifest);
            stage.holds_what_it_should(&wanted).await;
        }
        PlanMode::Destroy => {
            assert_eq!(real_images(&stage.bench), []);
            assert_eq!(stage.bench.snapshot().await.recorded.placements().count(), 0);
            stage.ideal = Ideal::default();
        }
    }
    true
}

/// Kills at every moment of one form in every scene. Returns how many moments there were.
fn die_everywhere(death_at: fn(usize, When) -> Death, tally: &Tally, what: &str) {
    for scene in Scenario::ALL {
        for when in [When::Before, When::After] {
            for moment in 0.. {
                let died = in_paused_time(async {
                    let mut stage = scene.set().await;
                    let (manifest, mode) = scene.mode();
                    let deaths = [death_at(moment, when)];
                    die_and_try_again(&mut stage, &manifest, mode, &deaths, Duration::ZERO).await
                });
                if !died {
                    break;
                }
                tally.count(what);
            }
        }
    }
}

#[test]
fn death_at_any_call_is_survived() {
    static TALLY: Tally = Tally::new();
    die_everywhere(Death::at_call, &TALLY, "deaths at calls");
    TALLY.print("crash anywhere");
}

#[test]
fn death_at_any_event_of_the_journal_is_survived() {
    static TALLY: Tally = Tally::new();
    die_everywhere(Death::at_event, &TALLY, "deaths at events");
    TALLY.print("journal anywhere");
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![Just(When::Before), Just(When::After)]
}

fn death() -> impl Strategy<Value = (bool, usize, When)> {
    (any::<bool>(), 0usize..25, when())
}

fn deaths(plans: &[(bool, usize, When)]) -> Vec<Death> {
    plans
        .iter()
        .map(|(at_call, moment, when)| match at_call {
            true => Death::at_call(*moment, *when),
            false => Death::at_event(*moment, *when),
        })
        .collect()
}

#[test]
fn one_or_several_deaths_in_a_row_are_survived_in_any_story() {
    static TALLY: Tally = Tally::new();
    let plans = proptest::collection::vec(death(), 1..4);
    proptest!(cases(120), |((manifest, edits) in story(), plans in plans, rest in 0u64..3_000)| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            if stage.apply(&manifest, &TALLY).await.is_none() {
                return;
            }
            let after = edited(&manifest, &edits);
            if is_refused(&mut stage.bench, &after).await {
                return;
            }
            let rest = Duration::from_millis(rest);
            let deaths = deaths(&plans);
            if die_and_try_again(&mut stage, &after, PlanMode::Normal, &deaths, rest).await {
                TALLY.add("deaths", deaths.iter().filter(|death| death.has_come()).count());
            }
        });
        TALLY.count("stories");
    });
    TALLY.print("deaths in a row");
}

async fn is_refused(bench: &mut Bench, manifest: &Manifest) -> bool {
    let wanted = desired(&manifest.yaml());
    let snapshot = bench.snapshot().await;
    bench.judge(&wanted, Bench::propose(&wanted, &snapshot, PlanMode::Normal)).1.is_err()
}

//! One account of a list is refused: all others are shared with, and the failure names it.

use super::*;
use crate::cloud::sim::{CancelAbsent, ShareAgain};
use crate::model::AccountId;
use crate::testing::worlds::at;

const DB: &str = "image.db@ap-jakarta#1";
const FIRST: u64 = 300_000_000_001;

fn account(number: u64) -> AccountId {
    number.to_string().parse().unwrap()
}

/// The example, where `db` is made from a snapshot and shared with these accounts.
fn shared_with(accounts: &[u64], snapshot: &str) -> String {
    let all: Vec<String> = accounts.iter().map(|account| format!("\"{account}\"")).collect();
    example_with("image: db, with: [partner]", &format!("image: db, with: [{}]", all.join(", ")))
        .replace("snap-2f3a1c2d", snapshot)
}

/// Every way in which a service may treat a list with a refused account.
fn ways(bad: &[u64]) -> Vec<Settings> {
    let mut ways = Vec::new();
    for partial_shares in [false, true] {
        for share_again in [ShareAgain::Refused, ShareAgain::Ignored] {
            for accounts_per_call in [None, Some(3)] {
                for is_sub_user in [false, true] {
                    let base =
                        Settings { partial_shares, share_again, accounts_per_call, ..Settings::default() };
                    let bad = bad.iter().map(|number| account(*number));
                    ways.push(if is_sub_user {
                        Settings { sub_users: bad.collect(), ..base }
                    } else {
                        let missing: BTreeSet<AccountId> = bad.collect();
                        let known = (FIRST..FIRST + 12).chain([200_000_000_001, 200_000_000_002]);
                        let exist = known.map(account).filter(|account| !missing.contains(account));
                        Settings { accounts: Some(exist.collect()), ..base }
                    });
                }
            }
        }
    }
    ways
}

fn shares_of(bench: &Bench, name: &str) -> BTreeSet<String> {
    let images = bench.sim.images().unwrap();
    let image = images.iter().find(|image| image.name.starts_with(name)).unwrap();
    bench.sim.shares(&image.id).unwrap().iter().map(|share| share.account.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn all_others_are_shared_with_and_recorded_and_the_failure_names_the_refused() {
    let all: Vec<u64> = (FIRST..FIRST + 9).collect();
    for bad in [&[FIRST][..], &[FIRST + 4], &[FIRST + 8], &[FIRST, FIRST + 3, FIRST + 7]] {
        for settings in ways(bad) {
            let way = format!("{settings:?} {bad:?}");
            let mut bench = Bench::new(settings);
            let yaml = shared_with(&all, "snap-2f3a1c2d");
            let outcome = apply(&mut bench, &yaml).await;
            assert_eq!(outcome.count(StepOutcome::is_failed), 1, "{way}: {outcome:#?}");
            assert_eq!(outcome.count(|ended| matches!(ended, StepOutcome::Skipped { .. })), 0);
            let failure = outcome.steps.iter().find_map(|step| step.outcome.failure()).unwrap();
            assert_eq!(failure.kind, Some("bad_account"), "{way}");
            for number in bad {
                assert!(failure.why.contains(&number.to_string()), "{way}: {}", failure.why);
            }
            let good = all.iter().filter(|number| !bad.contains(number));
            let good: BTreeSet<String> = good.map(u64::to_string).collect();
            assert_eq!(shares_of(&bench, "db"), good, "{way}");
            let snapshot = bench.snapshot().await;
            let db = snapshot.recorded.placement(&at(DB)).unwrap();
            let recorded: BTreeSet<String> = db.shares.iter().map(|one| one.to_string()).collect();
            assert_eq!((recorded, db.unmanaged.len()), (good, 0), "{way}");
            assert!(snapshot.intents.is_empty());
            // The next run tries the refused ones only.
            let again = apply(&mut bench, &yaml).await;
            assert_eq!((again.steps.len(), again.count(StepOutcome::is_failed)), (1, 1), "{way}");
        }
    }
}

/// The message of a service that names no account.
fn unnamed() -> FaultEffect {
    FaultEffect::Error {
        code: "InvalidAccountId.NotFound".to_owned(),
        message: "An account is not found.".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_the_service_does_not_name_is_found_by_halving() {
    for accounts_per_call in [None, Some(4)] {
        let bad = account(FIRST + 5);
        let settings = Settings { sub_users: [bad].into(), accounts_per_call, ..Settings::default() };
        let mut bench = Bench::new(settings).through(|inner| Arc::new(Unnamed(inner)));
        let all: Vec<u64> = (FIRST..FIRST + 8).collect();
        let outcome = apply(&mut bench, &shared_with(&all, "snap-2f3a1c2d")).await;
        let failure = outcome.steps.iter().find_map(|step| step.outcome.failure()).unwrap();
        assert!(failure.why.contains(&format!("refused: {bad}")), "{}", failure.why);
        assert_eq!(shares_of(&bench, "db").len(), 7);
    }
}

/// Takes account ids out of what the service answers to share calls.
struct Unnamed(Arc<dyn crate::cloud::Transport>);

#[async_trait::async_trait]
impl crate::cloud::Transport for Unnamed {
    async fn send(&self, request: crate::cloud::Request) -> Result<Vec<u8>, crate::cloud::TransportError> {
        let is_share = request.action == "ModifyImageSharePermission";
        let answer = self.0.send(request).await?;
        if !is_share {
            return Ok(answer);
        }
        let text = String::from_utf8(answer).unwrap();
        Ok((FIRST..FIRST + 12).fold(text, |text, number| text.replace(&number.to_string(), "?")).into_bytes())
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_account_that_is_new_delays_nothing_and_one_that_had_the_old_image_keeps_it() {
    for (before, is_kept) in [(&[FIRST, FIRST + 1][..], false), (&[FIRST, FIRST + 1, FIRST + 2], true)] {
        let all = [FIRST, FIRST + 1, FIRST + 2];
        let mut bench = Bench::new(Settings::default());
        let first = apply(&mut bench, &shared_with(before, "snap-2f3a1c2d")).await;
        assert!(first.is_complete(), "{first:#?}");
        // The third account is closed, or does not exist.
        let mut settings = bench.sim.settings().unwrap();
        settings.sub_users = [account(FIRST + 2)].into();
        bench.sim.set_settings(settings).unwrap();
        let outcome = apply(&mut bench, &shared_with(&all, "snap-4444dddd")).await;
        assert_eq!(outcome.count(StepOutcome::is_failed), 1, "{outcome:#?}");
        let delete = &endings(&outcome)["delete image.db@ap-jakarta#1"];
        let snapshot = bench.snapshot().await;
        let has_old = snapshot.recorded.placement(&at(DB)).is_some();
        if is_kept {
            assert!(matches!(delete, StepOutcome::Skipped { .. }) && has_old, "{outcome:#?}");
        } else {
            assert!(*delete == StepOutcome::Done && !has_old, "{outcome:#?}");
        }
        let new = snapshot.recorded.placement(&at("image.db@ap-jakarta#2")).unwrap();
        assert_eq!(new.shares.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_gone_does_not_keep_the_shares_of_the_others_from_being_revoked() {
    for cancel_absent in [CancelAbsent::Ignored, CancelAbsent::Refused] {
        for partial_shares in [false, true] {
            for is_absent in [false, true] {
                let mut bench = Bench::new(Settings { cancel_absent, partial_shares, ..Settings::default() });
                let all: Vec<u64> = (FIRST..FIRST + 5).collect();
                assert!(apply(&mut bench, &shared_with(&all, "snap-2f3a1c2d")).await.is_complete());
                if is_absent {
                    // Somebody revokes one share by hand.
                    let snapshot = bench.snapshot().await;
                    let id = snapshot.recorded.placement(&at(DB)).unwrap().id.clone();
                    let one: Accounts = [account(FIRST + 2)].into_iter().collect();
                    bench.cloud().unshare_image(&"ap-jakarta".parse().unwrap(), &id, &one).await.unwrap();
                }
                let mut settings = bench.sim.settings().unwrap();
                let gone = account(FIRST + 2);
                let exist = all.iter().map(|number| account(*number)).filter(|account| *account != gone);
                settings.accounts = Some(exist.chain([account(200_000_000_001)]).collect());
                bench.sim.set_settings(settings).unwrap();
                let outcome = execute(&mut bench, &shared_with(&[], "snap-2f3a1c2d"), going_on()).await;
                let left = shares_of(&bench, "db");
                if is_absent {
                    assert!(outcome.is_complete() && left.is_empty(), "{outcome:#?}");
                } else {
                    assert_eq!(left, BTreeSet::from([gone.to_string()]), "{outcome:#?}");
                    let failure = outcome.steps.iter().find_map(|step| step.outcome.failure()).unwrap();
                    assert!(failure.why.contains(&gone.to_string()), "{}", failure.why);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_error_ends_the_search_and_what_is_shared_is_recorded() {
    let mut bench = Bench::new(Settings::default());
    fault(&bench, "ModifyImageSharePermission", unnamed());
    let denied = Fault {
        action: "ModifyImageSharePermission".to_owned(),
        region: None,
        caller: None,
        from_call: 2,
        times: None,
        effect: error("UnauthorizedOperation"),
    };
    bench.sim.add_fault(&denied).unwrap();
    let only =
        shared_with(&[FIRST, FIRST + 1], "snap-2f3a1c2d").replace("with: [partner, staging]", "with: []");
    let outcome = apply(&mut bench, &only).await;
    let failure = outcome.steps.iter().find_map(|step| step.outcome.failure()).unwrap();
    assert_eq!(failure.kind, Some("permission"), "{outcome:#?}");
    assert!(!outcome.steps.is_empty() && bench.snapshot().await.intents.is_empty());
}

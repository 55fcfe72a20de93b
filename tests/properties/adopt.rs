//! For any contents of a cloud: after everything was adopted, the next plan is empty and an apply changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use goldform::apply::survey;
use goldform::backend::{LockInfo, LockWait, SerialBump, StateStore as _};
use goldform::cloud::CloudRead;
use goldform::cloud::sim::{Image, ImageStatus, Share};
use goldform::diff::PlanMode;
use goldform::diff::adopt::{Pick, adoptable, intended, record};
use goldform::manifest::insert::insert;
use goldform::testing::{Bench, desired};
use proptest::prelude::*;

use super::stage::{Tally, cases, in_paused_time, roomy, writes};

const REGIONS: &[&str] = &["ap-jakarta", "ap-singapore", "ap-tokyo"];
const PARTNERS: &[&str] = &["200000000001", "200000000002", "200000000003"];

/// An image of a random world. Names are few, so that many images have the same.
#[derive(Debug, Clone)]
struct Thing {
    name: usize,
    region: usize,
    age: i64,
    size: u32,
    description: usize,
    family: bool,
    tags: [u8; 2],
    shares: Vec<usize>,
    is_lent: bool,
    is_failed: bool,
    is_others: bool,
}

fn thing() -> impl Strategy<Value = Thing> {
    (
        (0..5_usize, 0..3_usize, 0..4_i64, prop_oneof![4 => Just(50_u32), 1 => Just(100)]),
        (0..4_usize, any::<bool>(), [0..3_u8, 0..3_u8], proptest::collection::vec(0..3_usize, 0..3)),
        (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1)),
    )
        .prop_map(
            |((name, region, age, size), (description, family, tags, shares), (lent, failed, others))| {
                let (is_lent, is_failed, is_others) = (lent, failed, others);
                Thing {
                    name,
                    region,
                    age,
                    size,
                    description,
                    family,
                    tags,
                    shares,
                    is_lent,
                    is_failed,
                    is_others,
                }
            },
        )
}

const NAMES: &[&str] = &["web", "My image: ${x} #1", "no", "dé\"b\\", "web-{generation}"];
const TEXTS: &[&str] = &["", "plain", "a: b # c ${y}", "'quoted'\\ \"twice\""];
const OWNER: &str = "100000000001";

/// Puts an image into the world. `None` if its name is taken.
fn put(bench: &Bench, thing: &Thing) -> bool {
    let id = bench.sim.new_id("img-").unwrap();
    let made = bench.clock.now().as_microsecond() - thing.age * 3_600_000_000;
    let owner = if thing.is_lent { "900000000001" } else { OWNER };
    let image = Image {
        id: id.clone(),
        region: REGIONS[thing.region].into(),
        owner: owner.into(),
        name: NAMES[thing.name].into(),
        description: TEXTS[thing.description].into(),
        family: if thing.family { "family".into() } else { String::new() },
        deprecated: thing.age == 3,
        size_gib: thing.size,
        os: "Ubuntu Server 22.04 LTS 64bit".into(),
        platform: "Ubuntu".into(),
        architecture: "x86_64".into(),
        license: "TencentCloud".into(),
        source: "CREATE_IMAGE".into(),
        cloudinit: true,
        encrypted: false,
        created_at: made,
        visible_at: made,
        state: if thing.is_failed { ImageStatus::CreateFailed } else { ImageStatus::Normal },
        ready_at: None,
        becomes: ImageStatus::Normal,
        made_from: String::new(),
    };
    if bench.sim.put_image(&image, &[]).is_err() {
        return false;
    }
    let share = |account: &str| {
        let share = Share { account: account.into(), created_at: made };
        bench.sim.put_share(&id, &share).unwrap();
    };
    if thing.is_lent {
        share(OWNER);
    } else if !thing.is_failed {
        let partners: BTreeSet<&usize> = thing.shares.iter().collect();
        partners.into_iter().for_each(|&partner| share(PARTNERS[partner]));
    }
    for (key, value) in ["team", "stage"].iter().zip(thing.tags) {
        if value > 0 && !thing.is_lent {
            bench.sim.put_tag(bench.account, &id, key, &format!("{value}")).unwrap();
        }
    }
    if thing.is_others && !thing.is_lent {
        bench.sim.put_tag(bench.account, &id, "goldform", "another-lineage").unwrap();
    }
    true
}

static TALLY: Tally = Tally::new();

const HEADS: &[&str] = &[
    "version: 1\naccount: \"100000000001\"\naccounts: { partner: \"200000000001\" }\n",
    "version: 1 # one\r\naccount: \"100000000001\"\r\nimages: {} # none yet\r\nshares:\r\n# end\r\n",
    "\u{feff}images: ~\n# owner\naccount: \"100000000001\"\nversion: 1",
];

#[test]
fn what_was_taken_over_needs_no_plan() {
    proptest!(cases(500), |(things in proptest::collection::vec(thing(), 0..14), head in 0..HEADS.len())| {
        in_paused_time(async {
            let mut bench = Bench::new(roomy());
            let put = things.iter().filter(|thing| put(&bench, thing)).count();
            let before = desired(HEADS[head]);
            let mut snapshot = bench.first_snapshot();
            let cloud: Arc<dyn CloudRead> = bench.cloud();
            let regions = REGIONS.iter().map(|region| region.parse().unwrap()).collect();
            let (observed, failures) = survey(&cloud, bench.clock.as_ref(), regions, 4).await.unwrap();
            assert!(failures.is_empty(), "{failures:?}");
            let found = adoptable(&before, &snapshot.recorded, &[&snapshot.lineage], &observed, &Pick::All);
            let names = |account| before.accounts.iter().find(|(_, id)| **id == account).map(|(name, _)| name.to_string());
            let text = insert(HEADS[head], &found.entries, &names).unwrap();
            let after = desired(&text);
            assert_eq!(intended(&before, &after, &found.entries), after, "{text}");
            let recorded = record(&after, &mut snapshot.recorded, &observed);
            // The catalogue lends one image in each region.
            let all = put + REGIONS.len();
            assert_eq!(recorded.len() + found.left_out.len(), all, "every image is adopted or left out");
            snapshot.verify().unwrap();
            let plan = Bench::propose(&after, &snapshot, PlanMode::Normal).plan;
            assert!(plan.is_empty(), "{text}\n{:#?}", plan.changes);
            let drift = bench.observe(&after, &mut snapshot).await;
            assert!(drift.is_empty(), "{drift:#?}");
            let again = adoptable(&after, &snapshot.recorded, &[&snapshot.lineage], &observed, &Pick::All);
            assert_eq!(again.entries, vec![], "a second import finds nothing");
            let lock = LockInfo { owner: "test".into(), pid: 1, operation: "import".into(), since: bench.clock.now() };
            bench.store.lock(lock, LockWait::NONE).await.unwrap();
            bench.store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
            bench.store = std::mem::take(&mut bench.store).crashed_after(usize::MAX);
            let last = bench.sim.log(0).unwrap().last().map_or(0, |entry| entry.seq);
            let (plan, outcome) = bench.apply(&after, PlanMode::Normal).await;
            assert!(plan.is_empty() && outcome.is_complete());
            let log = bench.sim.log(last).unwrap();
            assert!(writes(&log).is_empty(), "{log:#?}");
            TALLY.add("images", put);
            TALLY.add("adopted", recorded.len());
            TALLY.add("entries", found.entries.len());
            TALLY.add("left out", found.left_out.len());
            TALLY.add("notes", found.notes.len());
        });
    });
    TALLY.print("adopt");
}

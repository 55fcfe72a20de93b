//! Worlds on disk: what was answered is there, for every process that uses the world.

use super::*;

#[test]
fn a_world_persists_when_it_is_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    let id = {
        let desk = Desk::over(Sim::open(&path, instant()).unwrap());
        desk.create(HOME, "web")
    };
    let desk =
        Desk::over(Sim::open(&path, Settings { images_per_region: 3, ..Settings::default() }).unwrap());
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageName"], "web");
    assert_ne!(desk.create(HOME, "web-2"), id);
    let settings = desk.sim.settings().unwrap();
    assert_eq!(settings.images_per_region, instant().images_per_region, "it is as it was made");
    assert_eq!(settings.settle, SignedDuration::ZERO);
}

#[test]
fn two_connections_see_each_others_calls_faults_and_switches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    let here = Desk::over(Sim::open(&path, instant()).unwrap());
    let there = Desk::over(Sim::open(&path, instant()).unwrap());
    let id = here.create(HOME, "web");
    assert_eq!(there.by_id(HOME, &[&id]).len(), 1);
    let mut settings = there.sim.settings().unwrap();
    settings.images_per_region = 1;
    there.sim.set_settings(settings).unwrap();
    let params = json!({"ImageName": "db", "InstanceId": "ins-8f3a1c2d"});
    assert_eq!(here.code("CreateImage", HOME, params), "ImageQuotaLimitExceeded");
    there
        .sim
        .add_fault(&Fault {
            action: "*".to_owned(),
            region: None,
            caller: None,
            from_call: 1,
            times: None,
            effect: FaultEffect::Throttle,
        })
        .unwrap();
    assert_eq!(here.code("DescribeImages", HOME, json!({})), "RequestLimitExceeded");
    there.sim.clear_faults().unwrap();
    let ids: std::collections::BTreeSet<_> =
        here.sim.log(0).unwrap().into_iter().map(|entry| entry.request_id).collect();
    assert_eq!(ids.len(), 4, "request ids never repeat");
}

#[test]
fn many_threads_make_exactly_as_many_images_as_the_quota_allows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    let request = |n: usize| {
        let params = json!({"ImageName": format!("web-{n}"), "InstanceId": "ins-8f3a1c2d"});
        Desk::request(Service::Cvm, "CreateImage", HOME, &params)
    };
    let owner: AccountId = OWNER.parse().unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let sim = Sim::open(&path, instant()).unwrap();
            let request = &request;
            scope.spawn(move || {
                for n in 0..8 {
                    sim.answer(owner, &request(worker * 8 + n), Timestamp::UNIX_EPOCH);
                }
            });
        }
    });
    let sim = Sim::open(&path, instant()).unwrap();
    assert_eq!(sim.image_count(owner, &HOME.parse().unwrap()).unwrap(), 10);
    let log = sim.log(0).unwrap();
    assert_eq!((log.len(), log.iter().filter(|entry| entry.code.is_none()).count()), (32, 10));
}

#[test]
fn a_file_that_is_not_a_world_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "these are no images, and there are more than a hundred bytes of them, so that it resembles a file \
                with something in it";
    #[expect(clippy::disallowed_methods, reason = "a file that is no world can only be made by hand")]
    std::fs::write(&path, text).unwrap();
    assert!(matches!(Sim::open(&path, instant()), Err(SimError::Store(_))));
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    assert!(matches!(Sim::open(&other, instant()), Err(SimError::Format(0))));
    let newer = folder.path().join("newer.db");
    rusqlite::Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(Sim::open(&newer, instant()), Err(SimError::Format(99))));
}

#[test]
fn a_call_that_the_store_fails_is_an_internal_error_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    let desk = Desk::over(Sim::open(&path, instant()).unwrap());
    desk.create(HOME, "web");
    let saboteur = rusqlite::Connection::open(&path).unwrap();
    saboteur.execute_batch("ALTER TABLE peaks RENAME TO hidden").unwrap();
    let params = json!({"ImageName": "db", "InstanceId": "ins-8f3a1c2d"});
    assert_eq!(desk.code("CreateImage", HOME, params.clone()), "InternalError");
    assert_eq!(desk.sim.images().unwrap().len(), 1);
    saboteur.execute_batch("ALTER TABLE hidden RENAME TO peaks").unwrap();
    desk.ok("CreateImage", HOME, params);
}

#[test]
fn many_processes_can_make_the_same_world_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                Desk::over(Sim::open(&path, instant()).unwrap()).ok("DescribeImages", HOME, json!({}))
            });
        }
    });
}

#[test]
fn a_new_world_is_waited_for_while_another_process_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    // What the other one holds while it makes the database one with a write-ahead log.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| Sim::open(&path, instant()).map(Desk::over));
        std::thread::sleep(std::time::Duration::from_millis(200));
        other.execute_batch("COMMIT").unwrap();
        opening.join().unwrap().unwrap().ok("DescribeImages", HOME, json!({}));
    });
}

#[test]
fn a_new_world_that_several_open_at_once_is_the_same_for_all() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let path = folder.path().join(format!("{round}.world.db"));
        let start = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    Desk::over(Sim::open(&path, instant()).unwrap()).ok("DescribeImages", HOME, json!({}));
                });
            }
        });
        assert_eq!(Sim::open(&path, instant()).unwrap().log(0).unwrap().len(), 3, "round {round}");
    }
}

#[test]
fn regions_are_added_to_a_world_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    drop(Sim::open(&path, instant()).unwrap());
    let mut settings = instant();
    settings.regions.insert("ap-osaka".parse().unwrap(), ExtraRegion { mainland: false });
    let desk = Desk::over(Sim::open(&path, settings).unwrap());
    desk.create("ap-osaka", "web");
    let again = Desk::over(Sim::open(&path, instant()).unwrap());
    again.create("ap-osaka", "db");
}

#[test]
fn a_fork_starts_as_a_copy_and_is_independent() {
    let folder = tempfile::tempdir().unwrap();
    let file = Desk::over(Sim::open(&folder.path().join("goldform.world.db"), instant()).unwrap());
    for world in [file, Desk::instant()] {
        let id = world.create(HOME, "web");
        let fork = Desk::over(world.sim.fork().unwrap());
        assert!(!fork.sim.is_durable());
        assert_eq!(fork.sim.images().unwrap(), world.sim.images().unwrap());
        fork.ok("DeleteImages", HOME, json!({"ImageIds": [id]}));
        fork.create(HOME, "other");
        assert_eq!(world.by_id(HOME, &[&id]).len(), 1);
        let deeper = Desk::over(fork.sim.fork().unwrap());
        assert_eq!(deeper.sim.images().unwrap(), fork.sim.images().unwrap());
    }
}

#[test]
fn resources_that_were_recorded_elsewhere_can_be_added() {
    let recorded = Desk::instant();
    recorded.create(HOME, "web");
    let image = recorded.sim.images().unwrap().remove(0);
    let snapshots = recorded.sim.snapshots(OWNER.parse().unwrap(), &HOME.parse().unwrap()).unwrap();
    let desk = Desk::new(Settings { seed: 7, ..instant() });
    desk.sim.put_image(&image, &snapshots).unwrap();
    desk.sim.put_share(&image.id, &Share { account: FRIEND.to_owned(), created_at: 0 }).unwrap();
    desk.sim.put_tag(OWNER.parse().unwrap(), &image.id, "team", "a").unwrap();
    assert!(desk.sim.put_image(&image, &snapshots).is_err(), "ids are unique");
    let answered = &desk.by_id(HOME, &[&image.id])[0];
    assert_eq!((&answered["ImageName"], &answered["Tags"][0]["Value"]), (&json!("web"), &json!("a")));
    assert_eq!(desk.code("DeleteImages", HOME, json!({"ImageIds": [image.id]})), "InvalidImageId.InShared");
}

#[test]
fn a_reset_world_keeps_its_settings_and_does_not_reuse_ids() {
    let desk = Desk::new(Settings { images_per_region: 1, ..instant() });
    let id = desk.create(HOME, "web");
    desk.sim.reset().unwrap();
    assert!(desk.sim.images().unwrap().is_empty() && desk.sim.log(0).unwrap().is_empty());
    assert_ne!(desk.create(HOME, "web"), id);
    assert_eq!(desk.sim.settings().unwrap().images_per_region, 1);
}

#[test]
fn the_next_change_is_the_end_of_a_task_or_the_time_of_visibility() {
    let desk =
        Desk::new(Settings { late_visibility: SignedDuration::from_millis(100), ..Settings::default() });
    let now = desk.now.get();
    assert_eq!(desk.sim.next_change(now).unwrap(), None);
    desk.create(HOME, "web");
    let at = |millis| now.checked_add(SignedDuration::from_millis(millis)).unwrap();
    assert_eq!(desk.sim.next_change(now).unwrap(), Some(at(100)));
    assert_eq!(desk.sim.next_change(at(100)).unwrap(), Some(at(400)));
    assert_eq!(desk.sim.next_change(at(400)).unwrap(), None);
}

/// Returns the other side of [`a_process_that_is_killed_loses_nothing_that_was_answered`].
#[test]
#[ignore = "runs only as a process that is killed"]
fn victim() {
    #[expect(clippy::disallowed_methods, reason = "the child of a test needs the path of the world")]
    let path = std::path::PathBuf::from(std::env::var_os("GOLDFORM_TEST_WORLD").unwrap());
    let settings = Settings { images_per_region: 1_000_000, ..instant() };
    let desk = Desk::over(Sim::open(&path, settings).unwrap());
    for n in 0.. {
        println!("made {}", desk.create(HOME, &format!("web-{n}")));
    }
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_was_answered() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    let mut made = Vec::new();
    for round in 1..=3 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["cloud::sim::tests::durability::victim", "--exact", "--ignored", "--nocapture"])
            .env("GOLDFORM_TEST_WORLD", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut answered = Vec::new();
        while answered.len() < 20 * round {
            answered.extend(lines.next().unwrap().strip_prefix("made ").map(str::to_owned));
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        answered.extend(lines.filter_map(|line| line.strip_prefix("made ").map(str::to_owned)));
        made.append(&mut answered);

        let desk = Desk::over(Sim::open(&path, instant()).unwrap());
        let there: std::collections::BTreeSet<String> =
            desk.sim.images().unwrap().into_iter().map(|image| image.id).collect();
        // The last line may be cut short by the kill.
        for id in made.iter().filter(|id| id.len() == 12) {
            assert!(there.contains(id), "{id}");
        }
        assert!(there.len() <= made.len() + round, "at most one call a round was not answered");
        let old: Vec<String> = there.into_iter().collect();
        for some in old.chunks(100) {
            desk.ok("DeleteImages", HOME, json!({"ImageIds": some}));
        }
        made.clear();
    }
}

#[test]
fn the_clock_never_goes_back_behind_the_latest_entry_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.world.db");
    let desk = Desk::over(Sim::open(&path, instant()).unwrap());
    let id = desk.create(HOME, "web");
    let created = desk.by_id(HOME, &[&id]);
    desk.wait(-30_000);
    assert_eq!(desk.by_id(HOME, &[&id]), created);
    let desk = Desk { sim: Sim::open(&path, instant()).unwrap(), ..desk };
    assert_eq!(desk.by_id(HOME, &[&id]), created, "another process has the same time");
    let times: Vec<i64> = desk.sim.log(0).unwrap().iter().map(|entry| entry.at).collect();
    assert!(times.is_sorted(), "{times:?}");
    let latest = Timestamp::from_microsecond(*times.last().unwrap()).unwrap();
    assert_eq!(desk.sim.present(desk.now.get()).unwrap(), latest);
    desk.wait(60_000);
    assert_eq!(desk.sim.present(desk.now.get()).unwrap(), desk.now.get(), "later times count as they are");
}

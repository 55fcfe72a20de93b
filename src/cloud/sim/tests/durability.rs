//! Worlds on disk: what was answered is there, for every process that uses the world.

use super::*;

#[test]
fn a_world_is_there_again_when_it_is_opened_again() {
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
    assert_eq!(settings.images_per_region, 3, "the quotas are those given");
    assert_eq!(settings.settle, SignedDuration::ZERO, "the rest is what the world was made with");
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
            effect: Effect::Throttle,
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
fn a_file_that_is_no_world_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "these are no images, and there are more than a hundred bytes of them, so that it looks like a file \
                with something in it";
    std::fs::File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
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

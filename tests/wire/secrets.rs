//! Nothing that is written or printed holds a key, a token, a signature, or the text of a sensitive variable.

use std::collections::BTreeMap;
use std::path::Path;

use goldform::cloud::sim::FaultEffect;

use crate::wire::relay::Relay;
use crate::wire::whole::{Folder, KEY, MANIFEST};

const TOKEN: &str = "planted-token-9Zr7q";
const VARIABLE: &str = "planted-variable-Xw3vB";

/// Every file below a folder, with its bytes.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_secret_is_written_or_printed() {
    let folder = Folder::new();
    let relay = Relay::to(&folder.host, None);
    folder.manifest(MANIFEST, &relay.host);
    let query = format!("q-sign-algorithm=sha1&q-signature={VARIABLE}");
    let Folder { env, sim, .. } = &folder;
    let mut reported: Vec<(String, Vec<u8>)> = Vec::new();
    let run = |reported: &mut Vec<(String, Vec<u8>)>, line: &str| {
        let mut command = env.command(crate::common::PROGRAM);
        command.env("TENCENTCLOUD_TOKEN", TOKEN).env("GOLDFORM_VAR_signature", &query);
        let output = command.args(line.split_whitespace()).output().unwrap();
        reported.push((format!("stdout of {line}"), output.stdout));
        reported.push((format!("stderr of {line}"), output.stderr));
        // After each command: the journal is gone when a later one saves the state.
        files(&env.path(""), reported);
        output.status.code()
    };
    let refuse = |action: &str, code: &str, message: String| {
        folder.fault(action, FaultEffect::Error { code: code.to_owned(), message });
    };
    assert_eq!(run(&mut reported, "validate"), Some(0));
    assert_eq!(run(&mut reported, "plan --out plan.json --log trace"), Some(0));
    refuse("SyncImages", "UnauthorizedOperation", String::new());
    assert_eq!(run(&mut reported, "apply --yes --log trace --log-json"), Some(6));
    refuse("*", "AuthFailure.SignatureFailure", String::new());
    assert_eq!(run(&mut reported, "refresh --log trace"), Some(1));
    assert_eq!(run(&mut reported, "apply plan.json --yes --log trace"), Some(5), "it is stale now");
    for line in ["refresh --log trace", "drift --log trace --log-json", "history", "show", "state pull"] {
        assert_eq!(run(&mut reported, line), Some(0), "{line}");
    }
    assert_eq!(run(&mut reported, "output"), Some(1), "the copy that was refused serves nobody");
    assert_eq!(run(&mut reported, "destroy --yes --log trace --format json"), Some(0));
    folder.fault("ImportImage", FaultEffect::LostAfter);
    assert_eq!(run(&mut reported, "apply --yes --log trace --format json"), Some(0));
    assert_eq!(run(&mut reported, "destroy --yes"), Some(0));
    for entry in sim.log(0).unwrap() {
        reported.push(("the world's log".to_owned(), format!("{entry:?}").into_bytes()));
    }

    // The service repeats what it was sent. From here the world's own file holds it, in the fault.
    let echo = || format!("cannot read https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2?{query}");
    let world = reported.len();
    refuse("ImportImage", "InvalidParameterValue", echo());
    assert_eq!(run(&mut reported, "apply --yes --preflight --log trace"), Some(1), "the trial is refused");
    refuse("ImportImage", "InvalidParameterValue", echo());
    assert_eq!(run(&mut reported, "apply --yes --log trace --log-json"), Some(6));
    folder.fault("ImportImage", FaultEffect::Garbage { text: echo() });
    run(&mut reported, "apply --yes --log trace");
    run(&mut reported, "history");
    let is_world = |(place, _): &(String, Vec<u8>)| place.contains("goldform.world.db");
    let later = reported.split_off(world);
    reported.extend(later.into_iter().filter(|text| !is_world(text)));

    // The relay saw them, so they could have leaked.
    assert!(relay.carried(TOKEN) && relay.carried(VARIABLE) && !relay.carried(KEY));
    let signatures = relay.signatures();
    assert!(signatures.len() > 30 && signatures.iter().all(|signature| signature.len() == 64));
    let texts: BTreeMap<String, &str> = reported
        .iter()
        .map(|(place, bytes)| (String::from_utf8_lossy(bytes).into_owned(), place.as_str()))
        .collect();
    let secrets: Vec<&str> =
        [KEY, TOKEN, VARIABLE].into_iter().chain(signatures.iter().map(String::as_str)).collect();
    let mut leaks = Vec::new();
    for (text, place) in &texts {
        let held = secrets.iter().filter(|secret| text.contains(**secret));
        leaks.extend(held.map(|secret| format!("{place} holds {secret}")));
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    println!("secrets: {} in {} texts", secrets.len(), texts.len());
    assert!(reported.len() > 60, "{} texts", reported.len());
}

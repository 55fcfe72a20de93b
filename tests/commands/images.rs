//! What is in the cloud, region by region.

use crate::commands::{MANIFEST, applied, transcript};
use crate::common::TestEnv;

#[test]
fn images_are_listed_by_what_they_are() {
    let env = applied(MANIFEST);
    insta::assert_snapshot!(transcript(
        &env,
        &[
            "images --region ap-tokyo --type public --os ubuntu --bits 64",
            "images --type shared",
            "images --region ap-tokyo --type public --architecture i386 --ids",
            "images --name nothing-like-this",
            "images --region ap-tokyo --region nowhere-land --type shared",
        ]
    ));
    let unread = env.expect(1, "images --region nowhere-land");
    assert_eq!(unread.stdout, "", "it is not known that there is none");
    let custom = env.run("images --type custom --format json").json();
    let reported: Vec<(&str, &str)> = custom["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| (image["region"].as_str().unwrap(), image["address"].as_str().unwrap()))
        .collect();
    assert_eq!(reported, [("ap-jakarta", "image.web@ap-jakarta#1"), ("ap-tokyo", "image.web@ap-tokyo#1")]);
    let lines = |arguments: &str| env.expect(0, arguments).stdout.lines().count();
    assert_eq!(lines("images --ids --newer-than 1d"), 2, "those of the provider are older");
    assert_eq!(lines("images --ids --older-than 1d --type custom"), 0);
    assert_eq!(lines("images --ids --type custom --tag goldform"), 2);
    assert_eq!(lines("images --ids --tag goldform=another"), 0);
    assert_eq!(lines("images --ids --type custom --all-regions"), 2);
    assert_eq!(lines("images --ids --type shared --from 900000000001"), 2);
}

#[test]
fn without_a_manifest_the_sandbox_is_looked_at_and_left_as_it_is() {
    let env = TestEnv::new();
    assert!(env.expect(0, "images --type shared --ids").stdout.lines().count() > 10, "every region");
    assert!(!env.path("goldform.world.db").exists(), "looking makes nothing");
    let env = applied(MANIFEST);
    std::fs::remove_file(env.path("goldform.yaml")).unwrap();
    std::fs::remove_file(env.path("goldform.state.json")).unwrap();
    assert_eq!(env.expect(0, "images --type custom --ids").stdout.lines().count(), 2);
    insta::assert_snapshot!(transcript(
        &env,
        &["images -f other.yaml", "images --newer-than soon", "images --tag ="]
    ));
}

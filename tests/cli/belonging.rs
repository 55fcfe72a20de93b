//! `validate FILE…`: the manifests that files belong to.

use crate::cli::WEB;
use crate::common::{Ran, TestEnv};

const IMAGES: &str = "images:\n  web:\n    region: ap-jakarta\n    source: { revision: \"1\", instance: { id: ins-8f3a1c2d } }\n    copies: [ap-singapore]\n";

fn root(include: &str) -> String {
    format!("version: 1\naccount: \"100000000001\"\n{include}")
}

/// A work tree with two environments that share images, a manifest in a directory, one of a single file, and files of other
/// programs.
fn tree() -> TestEnv {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.path(".git")).unwrap();
    for name in ["prod", "staging"] {
        env.write(&format!("{name}/goldform.yaml"), &root("include: [../images, ../customers.json]\n"));
    }
    env.write("images/web.yaml", IMAGES);
    env.write("customers.json", "{ \"accounts\": { \"acme\": \"200000000001\" } }\n");
    env.write("teams/account.yaml", &root(""));
    env.write("teams/search/images.yaml", &IMAGES.replace("web", "search"));
    env.write("single/other.yaml", &format!("{}{IMAGES}", root("")));
    env.write("k8s/kustomization.yaml", "kind: Kustomization\nimages:\n  - name: web\n");
    env.write("docker-compose.yaml", "version: \"3\"\nservices: {}\n");
    env.write(".github/workflows/ci.yaml", "on: push\njobs: {}\n");
    env
}

/// The manifests that were checked, by the file in which each has its error.
#[track_caller]
fn found(ran: &Ran) -> Vec<String> {
    let json = ran.json();
    let diagnostics = json["diagnostics"].as_array().unwrap().iter();
    diagnostics.map(|one| one["labels"][0]["at"]["file"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn files_are_checked_with_the_manifests_that_they_belong_to() {
    let env = tree();
    shown!("belonging", env.run("validate prod/goldform.yaml images/web.yaml teams/search/images.yaml k8s/kustomization.yaml docker-compose.yaml .github/workflows/ci.yaml").text());
    // Each has an error of its own, which says that it was checked.
    for file in ["prod/goldform.yaml", "staging/goldform.yaml", "teams/account.yaml", "single/other.yaml"] {
        env.edit(file, "account:", "tgas: {}\naccount:");
    }
    for (files, checked) in [
        ("prod/goldform.yaml", &["prod/goldform.yaml"][..]),
        ("images/web.yaml", &["prod/goldform.yaml", "staging/goldform.yaml"]),
        ("customers.json", &["prod/goldform.yaml", "staging/goldform.yaml"]),
        (
            "images/web.yaml prod/goldform.yaml customers.json",
            &["prod/goldform.yaml", "staging/goldform.yaml"],
        ),
        ("teams/search/images.yaml", &["teams/account.yaml"]),
        ("teams/account.yaml", &["teams/account.yaml"]),
        ("teams", &["teams/account.yaml"]),
        ("single/other.yaml", &["single/other.yaml"]),
        ("k8s/kustomization.yaml docker-compose.yaml .github/workflows/ci.yaml", &[]),
        // Only the manifest that is named.
        ("-f prod/goldform.yaml images/web.yaml", &["prod/goldform.yaml"]),
        ("-f prod/goldform.yaml single/other.yaml", &[]),
    ] {
        let ran =
            env.expect(i32::from(!checked.is_empty()), &format!("validate --quiet --format json {files}"));
        assert_eq!(found(&ran), checked, "{files}");
    }
    // From another folder of the work tree.
    let ran = env.expect(1, "validate -C teams/search --format json images.yaml");
    assert_eq!(found(&ran), ["teams/account.yaml"]);
    env.expect(1, "validate missing.yaml");
}

/// A mistake in a shared file is one problem, and text names the manifests.
#[test]
fn a_mistake_in_a_shared_file_is_reported_once_for_programs() {
    let env = tree();
    env.edit("images/web.yaml", "copies:", "copeis:");
    let ran = env.expect(1, "validate --quiet --format json images/web.yaml");
    assert_eq!(found(&ran), ["images/web.yaml"]);
    let text = env.expect(1, "validate images/web.yaml").stderr;
    assert!(text.contains("prod/goldform.yaml:\n") && text.contains("staging/goldform.yaml:\n"), "{text}");
    // One that cannot be read does not keep the other from being checked.
    env.edit("images/web.yaml", "copeis:", "copies:");
    env.write("prod/goldform.yaml", "version: [");
    env.edit("staging/goldform.yaml", "account:", "tgas: {}\naccount:");
    let ran = env.expect(1, "validate --quiet --format json prod/goldform.yaml staging/goldform.yaml");
    assert_eq!(found(&ran), ["prod/goldform.yaml", "staging/goldform.yaml"]);
}

/// Without a work tree, the current folder is searched. A broken rule has its status.
#[test]
fn a_folder_that_is_no_work_tree_is_searched_too() {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-jakarta]"));
    env.expect(3, "validate goldform.yaml");
    env.write("part.yaml", "accounts: { acme: \"200000000009\" }\n");
    let ran = env.expect(0, "validate part.yaml");
    assert!(ran.stderr.contains("1 file belongs to no manifest: part.yaml"), "{}", ran.text());
}

//! The command line as its users meet it: one file for each command, each run of the real program.
//!
//! Snapshots are in `snapshots/`; `INSTA_UPDATE=always cargo test --test it` writes them again.

/// Compares a text with a snapshot of this name.
macro_rules! shown {
    ($name:expr, $text:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(crate::common::repository().join("tests/cli/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $text));
    }};
}

mod apply;
mod belonging;
mod color;
mod documents;
mod drift;
mod events;
mod exit;
mod explain;
#[cfg(unix)]
mod files;
mod formats;
#[cfg(target_os = "linux")]
mod full;
mod help;
mod hooks;
mod init;
mod inputs;
#[cfg(target_os = "linux")]
mod names;
mod orders;
mod output;
mod plan;
mod policies;
mod running;
mod saved_plans;
mod schemas;
mod show;
mod state;
mod stories;
mod validate;
mod writers;

/// Two partners, one image in two regions: what most tests start from.
const WEB: &str = r#"version: 1
account: "100000000001"
accounts: { partner: "200000000001", staging: "200000000002" }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    description: |
      Ubuntu 22.04
      nginx 1.24
      hardened
    tags: { team: platform }
    source: { revision: "1", instance: { id: ins-8f3a1c2d } }
    copies: [ap-singapore]
shares:
  - { image: web, with: [partner, staging] }
"#;

/// A test that is in a file which nothing lists would never run.
#[test]
fn every_file_is_listed() {
    let folder = crate::common::repository().join("tests/cli");
    let main = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && name != "mod" {
            assert!(main.contains(&format!("\nmod {name};\n")), "tests/cli/{name}.rs is not listed");
        }
    }
}

//! Commands around plan and apply as a user types them, on the sandbox: what is said, and the exit status.

mod completions;
mod explain;
mod images;
mod imports;
mod log;
mod lookups;
mod service;
mod state;

use crate::common::TestEnv;

/// An entry with a copy, shared with one account.
const MANIFEST: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001" }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    source: { revision: "1", instance: { id: ins-8f3a1c2d } }
    copies: [ap-tokyo]
shares:
  - { image: web, with: [partner] }
"#;

/// A folder whose manifest was applied.
fn applied(manifest: &str) -> TestEnv {
    let env = TestEnv::with(manifest);
    env.expect(0, "apply --yes");
    env
}

/// What a user sees of these commands.
fn transcript(env: &TestEnv, lines: &[&str]) -> String {
    lines.iter().map(|line| env.run(line).text()).collect::<Vec<_>>().join("\n")
}

/// The state's facts: all of it but who wrote it, when.
fn state_of(env: &TestEnv) -> serde_json::Value {
    let output = env.command(crate::common::PROGRAM).args(["state", "pull"]).output().unwrap();
    let mut state: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    state.as_object_mut().unwrap().remove("written");
    state
}

//! What other repositories use of this one: hooks, the action, and the version that each installs.

use std::fs;

use serde_yaml::Value;

use crate::common::repository;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn read(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&read(name)).unwrap()
}

/// Hooks of one language, without it.
fn hooks(name: &str, language: &str) -> Vec<Value> {
    let mut hooks = yaml(name).as_sequence().unwrap().clone();
    hooks.retain(|hook| hook["language"] == language);
    for hook in &mut hooks {
        hook.as_mapping_mut().unwrap().remove("language");
    }
    hooks
}

#[test]
fn the_mirror_has_the_hooks_of_the_repository_but_for_their_language() {
    let mirror = "examples/ci/pre-commit-mirror/.pre-commit-hooks.yaml";
    let mirrored = hooks(mirror, "python");
    assert!(!mirrored.is_empty());
    assert_eq!(mirrored, hooks(".pre-commit-hooks.yaml", "rust"));
    assert_eq!(yaml(mirror).as_sequence().unwrap().len(), mirrored.len(), "others are in it");
}

/// The twins do the same with the goldform on PATH.
#[test]
fn each_hook_has_a_twin() {
    let mut twins = hooks(".pre-commit-hooks.yaml", "system");
    for twin in &mut twins {
        for key in ["id", "name"] {
            let text = twin[key].as_str().unwrap().replace("-system", "").replace(" (installed)", "");
            twin[key] = Value::from(text);
        }
        twin["description"] = Value::Null;
    }
    let mut hooks = hooks(".pre-commit-hooks.yaml", "rust");
    hooks.iter_mut().for_each(|hook| hook["description"] = Value::Null);
    assert_eq!(twins, hooks);
}

#[test]
fn the_mirror_installs_this_version() {
    let mirror = read("examples/ci/pre-commit-mirror/pyproject.toml");
    assert!(mirror.contains(&format!("\nversion = \"{VERSION}\"\n")), "{mirror}");
    assert!(mirror.contains(&format!("\ndependencies = [\"goldform=={VERSION}\"]\n")), "{mirror}");
}

/// Examples name the tag of this version, and no other.
#[test]
fn the_examples_use_this_version() {
    let version = regex::Regex::new(r"(?:/goldform@v|/goldform[\w-]*, rev: v|goldform==)([\w.]+)").unwrap();
    let mut count = 0;
    let folder = repository().join("examples/ci");
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        for found in version.captures_iter(&fs::read_to_string(&path).unwrap()) {
            assert_eq!(&found[1], VERSION, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 3, "{count}");
}

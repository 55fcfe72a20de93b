//! The manifests of `examples/`: each matches the schema, and is applied, planned empty and destroyed.

use std::fs;
use std::path::{Path, PathBuf};

use goldform::constraints::manifest_schema as schema;
use serde_json::Value;

use crate::common::{self, TestEnv, repository};

/// Examples that are ahead of the code, each with the reason.
const NOT_YET: &[(&str, &str)] = &[];

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml")
}

/// Whether a folder holds manifests: others explain something.
fn holds_yaml(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| is_yaml(&entry.unwrap().path()))
}

/// The manifests of `examples/`: files, and folders of several files.
fn examples() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_yaml(path) || (path.is_dir() && holds_yaml(path)))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn is_ready(name: &str) -> bool {
    !NOT_YET.iter().any(|(example, _)| *example == name)
}

/// The files that an example consists of.
fn files(name: &str) -> Vec<PathBuf> {
    let path = repository().join("examples").join(name);
    if path.is_file() {
        return vec![path];
    }
    let mut files: Vec<PathBuf> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

pub fn with_secrets(env: TestEnv) -> TestEnv {
    env.set("GOLDFORM_VAR_signature", "q-sign-algorithm=sha1&q-signature=0123abcd")
}

#[test]
fn every_example_says_what_it_is_for_and_matches_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let whole: Vec<&str> = vec!["version", "account"];
    for name in examples() {
        for (number, file) in files(&name).iter().enumerate() {
            let text = fs::read_to_string(file).unwrap();
            let depth = if file.parent().unwrap().ends_with("examples") { "../" } else { "../../" };
            let modeline =
                format!("# yaml-language-server: $schema={depth}schemas/manifest.schema.json\n#\n# ");
            assert!(text.starts_with(&modeline), "{}: it starts with\n{modeline}", file.display());
            let mut value: Value = serde_yaml::from_str(&text).unwrap();
            if number > 0 {
                // Only the first of several files must hold what a manifest as a whole must.
                for key in &whole {
                    value[*key] = if *key == "version" { 1.into() } else { "100000000001".into() };
                }
            }
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}:\n{}", file.display(), errors.join("\n"));
        }
    }
}

#[test]
fn a_manifest_that_is_wrong_does_not_match_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let text = fs::read_to_string(repository().join("examples/quickstart.yaml")).unwrap();
    let good: Value = serde_yaml::from_str(&text).unwrap();
    assert!(validator.is_valid(&good));
    for (pointer, value) in [
        ("/version", Value::from(2)),
        ("/account", Value::from(100_000_000_001_u64)),
        ("/images/web-base/regoin", Value::from("ap-jakarta")),
        ("/images/web-base/copies", Value::from("ap-tokyo")),
        ("/images/web-base/replace", Value::from("create_first")),
    ] {
        let mut bad = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = value;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn every_example_is_applied_planned_empty_and_destroyed() {
    for (name, why) in NOT_YET {
        let env = with_secrets(TestEnv::with_examples());
        let ran = env.run(&format!("validate -f examples/{name}"));
        assert_ne!(ran.status, 0, "{name} works now: take it out of the list ({why})");
    }
    for name in examples().iter().filter(|name| is_ready(name)) {
        let env = with_secrets(TestEnv::with_examples());
        let file = format!("-f examples/{name}");
        env.expect(0, &format!("validate {file}"));
        // Lookups are resolved by a refresh.
        env.expect(2, &format!("plan --refresh --detailed-exitcode {file}"));
        env.expect(0, &format!("apply --yes {file}"));
        env.expect(0, &format!("plan --detailed-exitcode {file}"));
        env.expect(0, &format!("plan --detailed-exitcode --refresh {file}"));
        env.expect(0, &format!("drift {file}"));
        if name == "fleet.yaml" {
            // It has a protected image, which is deleted only after an apply without the protection.
            let ran = env.run(&format!("destroy --yes {file}"));
            assert_eq!(ran.status, 3, "{}", ran.text());
            env.edit("examples/fleet.yaml", "protect: true", "protect: false");
            env.expect(0, &format!("apply --yes {file}"));
        } else if name == "teams" {
            env.edit("examples/teams/payments.yaml", "protect: true", "protect: false");
            env.expect(0, &format!("apply --yes {file}"));
        }
        env.expect(0, &format!("destroy --yes {file}"));
        let ran = env.run(&format!("state list {file}"));
        // What a lookup found stays recorded: it is nothing that goldform manages.
        let managed: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("lookup.")).collect();
        assert_eq!((ran.status, managed.as_slice()), (0, &[][..]), "{name}: {}", ran.text());
        let world = match name.as_str() {
            "limits.yaml" => "examples/limits.world.db",
            "teams" => "examples/teams/goldform.world.db",
            _ => "examples/goldform.world.db",
        };
        assert_eq!(common::cloud::list_file(&env.path(world)), "", "{name} leaves images behind");
    }
}

/// They name states of their own, so that one may be tried after the other.
#[test]
fn all_examples_can_be_applied_side_by_side() {
    let env = with_secrets(TestEnv::with_examples());
    let names: Vec<String> = examples().into_iter().filter(|name| is_ready(name)).collect();
    for name in &names {
        env.expect(0, &format!("apply --yes -f examples/{name}"));
    }
    for name in &names {
        env.expect(0, &format!("plan --detailed-exitcode --refresh -f examples/{name}"));
    }
}

#[test]
fn the_quickstart_does_what_it_says() {
    let env = TestEnv::with_examples();
    let file = "-f examples/quickstart.yaml";
    let applied = env.expect(0, &format!("apply --yes {file}"));
    assert!(applied.stdout.contains("Applied in "), "{}", applied.text());
    let ids = env.expect(0, &format!("output {file} --format json")).json();
    let of = |key: &str| -> std::collections::BTreeSet<&str> {
        ids["images"].as_array().unwrap().iter().map(|image| image[key].as_str().unwrap()).collect()
    };
    assert!(of("image").len() >= 2 && of("region").len() >= 3, "{ids}");
    env.expect(0, &format!("plan --detailed-exitcode {file}"));
    env.edit("examples/quickstart.yaml", "Ubuntu 22.04 with nginx", "Ubuntu 24.04 with nginx");
    // Lookups are resolved by a refresh.
    env.expect(2, &format!("plan --refresh --detailed-exitcode {file}"));
    env.expect(0, &format!("apply --yes {file}"));
    env.expect(0, &format!("destroy --yes {file}"));
    assert_eq!(common::cloud::list_file(&env.path("examples/goldform.world.db")), "");
}

#[test]
fn every_example_is_rendered_as_a_manifest_that_means_the_same() {
    let env = TestEnv::with_examples();
    for name in examples() {
        let first = env.expect(0, &format!("render -f examples/{name}"));
        env.write("rendered.yaml", &first.stdout);
        let second = env.expect(0, "render -f rendered.yaml");
        assert_eq!(first.stdout, second.stdout, "{name}");
    }
}

/// A manifest of one image in two regions.
const CONSUMED: &str = "version: 1\naccount: \"100000000001\"\nimages:\n  web: { region: ap-jakarta, copies: [ap-tokyo], \
                        source: { instance: { id: ins-8f3a1c2d } } }\n";

#[test]
fn a_shell_gets_the_image_that_serves() {
    let env = TestEnv::quick();
    env.write("goldform.yaml", CONSUMED);
    env.expect(0, "apply --yes --quiet");
    env.write("bin/tccli", "#!/bin/sh\necho \"$@\"\n");
    let launch = |region: &str| {
        env.shell(&format!(
            "chmod +x bin/tccli; PATH=\"$PWD/bin:$PATH\" sh $EXAMPLES/consume/launch.sh web {region} {region}-1"
        ))
    };
    let (id, _) = env.shell("goldform output image.web@ap-tokyo");
    let (text, status) = launch("ap-tokyo");
    assert_eq!(
        (text.trim_end(), status),
        (
            format!(
                "cvm RunInstances --region ap-tokyo --Placement {{\"Zone\": \"ap-tokyo-1\"}} --ImageId {}",
                id.trim_end()
            )
            .as_str(),
            0
        )
    );
    let (text, status) = launch("ap-seoul");
    assert!(status != 0 && !text.contains("RunInstances"), "{text}");
}

#[test]
fn terraform_gets_the_image_that_serves() {
    let env = TestEnv::quick();
    if env.shell("terraform version").1 != 0 {
        println!("not run, since there is no terraform");
        return;
    }
    env.write("goldform.yaml", CONSUMED);
    env.expect(0, "apply --yes --quiet");
    let (id, _) = env.shell("goldform output image.web@ap-tokyo");
    let (text, status) =
        env.shell("cp -r $EXAMPLES/consume/terraform . && terraform -chdir=terraform init -input=false");
    assert_eq!(status, 0, "{text}");
    env.expect(0, "output --format tfvars=terraform/goldform.auto.tfvars");
    let apply = |region: &str| {
        env.shell(&format!(
            "terraform -chdir=terraform apply -auto-approve -no-color -var image=web -var region={region} && \
             terraform -chdir=terraform output -raw image_id"
        ))
    };
    let (text, status) = apply("ap-tokyo");
    assert!(status == 0 && text.ends_with(id.trim_end()), "{text}");
    let (text, status) = apply("ap-seoul");
    assert!(status != 0 && text.contains("serves in this region"), "{text}");
}

#[test]
fn what_packer_writes_becomes_two_values() {
    let env = TestEnv::quick();
    if env.shell("jq --version").1 != 0 {
        println!("not run, since there is no jq");
        return;
    }
    let jq = |file: &str| env.shell(&format!("jq -r -f $EXAMPLES/packer/set.jq {file}"));
    let (text, status) = jq("$EXAMPLES/packer/packer-manifest.json");
    assert_eq!(
        (text.as_str(), status),
        ("images.web.source.adopted=img-4e5f6a7b\nimages.web.source.revision=2026-W49\n", 0)
    );
    env.write(
        "goldform.yaml",
        "version: 1\naccount: \"100000000001\"\nimages:\n  web:\n    region: ap-jakarta\n    \
         source: { adopted: img-0a1b2c3d, revision: 2026-W48 } # set by the pipeline\n",
    );
    env.shell(
        "jq -r -f $EXAMPLES/packer/set.jq $EXAMPLES/packer/packer-manifest.json | goldform set - > log.txt",
    );
    let edited = fs::read_to_string(env.path("goldform.yaml")).unwrap();
    assert!(
        edited.ends_with("source: { adopted: img-4e5f6a7b, revision: 2026-W49 } # set by the pipeline\n"),
        "{edited}"
    );
    let written = fs::read_to_string(repository().join("examples/packer/packer-manifest.json")).unwrap();
    env.write("two.json", &written.replace("img-4e5f6a7b", "img-4e5f6a7b,ap-tokyo:img-11111111"));
    let (text, _) = jq("two.json");
    assert!(
        text.starts_with(
            "images.web.source.adopted.ap-jakarta=img-4e5f6a7b\nimages.web.source.adopted.ap-tokyo=img-11111111\n"
        ),
        "{text}"
    );
}

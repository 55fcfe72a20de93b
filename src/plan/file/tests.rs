//! What can be done to the text of a saved plan, and that none of it makes the plan do what it does not show.

use std::collections::BTreeMap;

use super::*;
use crate::constraints::{Levels, validate};
use crate::diff::PlanMode;
use crate::model::Verb;
use crate::plan::effect::{changes_anything, without_waits};
use crate::plan::{EdgeReason, Step};
use crate::state::StepId;
use crate::testing::EXAMPLE;
use crate::testing::desired;
use crate::testing::worlds::{applied, example_with, noon, plan_to, step_ids};

/// An edit of what a plan was made from.
type Edit = fn(&mut PlanInputs);

/// The inputs of the plan from a state to a manifest.
pub(in crate::plan) fn inputs(snapshot: &Snapshot, yaml: &str) -> PlanInputs {
    PlanInputs {
        state: "/srv/images/goldform.state.json".to_owned(),
        base: Some(Base { lineage: snapshot.lineage.clone(), serial: snapshot.serial }),
        options: PlanOptions { now: noon(), ..PlanOptions::all(PlanMode::Normal) },
        rules: BTreeMap::new(),
        desired: desired(yaml),
        recorded: snapshot.recorded.clone(),
    }
}

/// A new build of one entry, whose images are protected and shared, and the end of another.
fn release() -> PlanInputs {
    let first = example_with("copies: [ap-singapore, ap-tokyo]", "copies: [ap-tokyo]\n    protect: true");
    let second = first
        .replace("revision: \"1\"", "revision: \"2\"")
        .replace("  db:\n    region: ap-jakarta\n    name: db-{generation}\n    source: { snapshots: [snap-2f3a1c2d] }\n    keep: { at_most: 0 }\n", "")
        .replace("  - { image: db, with: [partner] }\n", "");
    let mut inputs = inputs(&applied(&[&first]), &second);
    inputs.rules.insert("mass_deletion".into(), Level::Warn);
    inputs
}

/// A text with the checksum that belongs to it. `None` if it is no object.
fn sealed(text: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    value.as_object_mut()?.shift_remove("checksum");
    let checksum = Digest::of(&value).ok()?;
    value.as_object_mut()?.insert("checksum".to_owned(), Value::String(checksum.to_string()));
    serde_json::to_string_pretty(&value).ok()
}

/// A text with the effect digest and the checksum that belong to its inputs.
fn renamed(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let inputs: PlanInputs = serde_json::from_value(value.get("inputs")?.clone()).ok()?;
    inputs.to_text().ok()
}

#[test]
fn a_saved_plan_is_read_as_the_plan_that_was_made() {
    let (snapshot, second) = (applied(&[EXAMPLE]), example_with("revision: \"1\"", "revision: \"2\""));
    let inputs = inputs(&snapshot, &second);
    let text = inputs.to_text().unwrap();
    let read = PlanFile::from_text(&text).unwrap();
    let json = |plan: &Plan| serde_json::to_string(plan).unwrap();
    assert_eq!(json(&read.plan), json(&plan_to(&snapshot, &second)));
    assert_eq!(read.inputs, inputs);
    assert_eq!(read.prior, snapshot.recorded);
    assert_eq!(read.inputs.to_text().unwrap(), text);
}

#[test]
fn a_file_of_another_format_says_which_goldform_wrote_it() {
    let text = "{ \"goldform_plan\": 1, \"goldform\": \"0.0.9\", \"folder\": \"\", \"plan\": {} }";
    assert!(PlanFile::is_plan_file(text));
    let error = PlanFile::from_text(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plan has format 1, written by goldform 0.0.9; this goldform reads format 2 only"
    );
    assert!(!PlanFile::is_plan_file("{ \"format\": 1 }"));
}

#[test]
fn every_character_counts() {
    let text = release().to_text().unwrap();
    let damaged = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        PlanFile::from_text(&text.replacen(from, to, 1)).unwrap_err()
    };
    for (from, to) in [
        ("\"protect\": true", "\"protect\": false"),
        ("/srv/images", "/srv/other"),
        ("\"mass_deletion\": \"Warn\"", "\"mass_deletion\": \"Allow\""),
        ("200000000001", "600000000001"),
        ("\"provider\": \"sandbox\"", "\"provider\": \"tencent\""),
        ("\"serial\": 1", "\"serial\": 2"),
    ] {
        assert_eq!(damaged(from, to), PlanFileError::Damaged, "{from}");
    }
    // The same text with other white space is the same value.
    let compact = serde_json::to_string(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
    assert!(PlanFile::from_text(&compact).is_ok());
}

#[test]
fn steps_and_changes_have_no_place_in_a_file() {
    let inputs = release();
    let text = inputs.to_text().unwrap();
    let plan = serde_json::to_value(inputs.plan().unwrap().plan).unwrap();
    let delete = plan["steps"].as_array().unwrap().iter().find(|step| step["operation"]["do"] == "delete");
    for (name, extra) in [
        ("steps", Value::Array(vec![delete.unwrap().clone()])),
        ("changes", Value::Array(Vec::new())),
        ("edges", Value::Array(Vec::new())),
        ("plan", plan.clone()),
    ] {
        for within in [None, Some("inputs")] {
            let mut value: Value = serde_json::from_str(&text).unwrap();
            let object = match within {
                Some(field) => value.get_mut(field).unwrap(),
                None => &mut value,
            };
            object.as_object_mut().unwrap().insert(name.to_owned(), extra.clone());
            let edited = sealed(&value.to_string()).unwrap();
            let error = PlanFile::from_text(&edited).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{name}: {error}");
        }
    }
}

#[test]
fn inputs_that_give_another_plan_need_another_digest() {
    let text = release().to_text().unwrap();
    let edited = text.replace("\"revision\": \"2\"", "\"revision\": \"3\"");
    assert_ne!(edited, text);
    let refused = PlanFile::from_text(&sealed(&edited).unwrap()).unwrap_err();
    assert!(matches!(&refused, PlanFileError::Underived { by } if by == env!("CARGO_PKG_VERSION")));
    // With a digest of its own it is an honest plan, and not the one that was reviewed.
    let other = PlanFile::from_text(&renamed(&edited).unwrap()).unwrap();
    assert_ne!(other.plan.digest, PlanFile::from_text(&text).unwrap().plan.digest);
}

#[test]
fn the_digest_knows_the_place_and_not_the_time() {
    let base = release();
    let digest = |inputs: &PlanInputs| PlanFile::from_text(&inputs.to_text().unwrap()).unwrap().plan.digest;
    let of = |edit: Edit| {
        let mut inputs = base.clone();
        edit(&mut inputs);
        digest(&inputs)
    };
    let known = digest(&base);
    let places: [(&str, Edit); 7] = [
        ("account", |inputs| inputs.desired.account = "100000000002".parse().unwrap()),
        ("provider", |inputs| inputs.desired.cloud.provider = crate::model::Provider::Tencent),
        ("site", |inputs| {
            inputs.desired.cloud.provider = crate::model::Provider::Tencent;
            inputs.desired.cloud.site = crate::model::Site::Mainland;
        }),
        ("endpoint", |inputs| {
            inputs.desired.cloud.provider = crate::model::Provider::Tencent;
            inputs.desired.cloud.endpoint = Some("http://127.0.0.1:9".to_owned());
        }),
        ("another endpoint", |inputs| {
            inputs.desired.cloud.provider = crate::model::Provider::Tencent;
            inputs.desired.cloud.endpoint = Some("http://127.0.0.1:10".to_owned());
        }),
        ("world", |inputs| inputs.desired.cloud.sandbox.world = Some("other.world.db".to_owned())),
        ("quota", |inputs| inputs.desired.cloud.sandbox.images_per_region = Some(11)),
    ];
    let mut digests = BTreeMap::from([(known.clone(), "as it was")]);
    for (name, edit) in places {
        assert_eq!(digests.insert(of(edit), name), None, "{name}");
    }
    let same: [(&str, Edit); 4] = [
        ("state", |inputs| inputs.state = "/elsewhere/goldform.state.json".to_owned()),
        ("base", |inputs| inputs.base = None),
        ("time", |inputs| inputs.options.now = "2026-11-24T13:00:00Z".parse().unwrap()),
        ("levels", |inputs| inputs.rules.clear()),
    ];
    for (name, edit) in same {
        assert_eq!(of(edit), known, "{name}");
    }
}

#[test]
fn the_digest_knows_the_query_of_an_import_and_does_not_show_it() {
    let yaml = |query: &str| {
        format!(
            "version: 1\naccount: \"100000000001\"\nvariables: {{ one: {{ sensitive: true }}, two: {{ sensitive: true }} }}\n\
             images:\n  win:\n    region: ap-jakarta\n    source:\n      import: {{ url: \"https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2\", \
             query: \"{query}\", os: Ubuntu, version: \"22\", architecture: x86_64 }}\n"
        )
    };
    let plan = |query: &str| plan_to(&applied(&[]), &yaml(query));
    let (one, two) = (plan("${one}"), plan("${two}"));
    assert_ne!(one.digest, two.digest);
    assert_eq!(one.digest, plan("${one}").digest);
    assert_ne!(plan("versionId=1").digest, plan("versionId=2").digest);
    assert!(!serde_json::to_string(&plan("versionId=1")).unwrap().contains("versionId"));
}

#[test]
fn what_other_entries_became_does_not_disturb_a_review() {
    let changed = example_with("Ubuntu with nginx", "Ubuntu with Caddy");
    let other = changed.replace("snap-2f3a1c2d", "snap-99999999");
    let reviewed = plan_to(&applied(&[EXAMPLE]), &changed);
    let after = applied(&[EXAMPLE, &EXAMPLE.replace("snap-2f3a1c2d", "snap-99999999")]);
    let planned = plan_to(&after, &other);
    assert_eq!(step_ids(&reviewed), step_ids(&planned));
    assert_eq!(reviewed.digest, planned.digest);
    let comparison = crate::plan::Comparison::of(&reviewed, &planned).unwrap();
    assert!(comparison.differences.is_empty(), "{:?}", comparison.differences);
}

#[test]
fn an_edited_record_or_manifest_passes_no_rule_that_the_state_knows() {
    let base = release();
    let (state, wanted) = (base.recorded.clone(), base.desired.clone());
    // A plan that deletes the protected image and claims that nothing is protected.
    let mut edited = base;
    edited.desired.images.remove(&"web".parse().unwrap());
    for image in edited.recorded.images.values_mut() {
        image.protect = false;
    }
    let file = PlanFile::from_text(&edited.to_text().unwrap()).unwrap();
    assert!(step_ids(&file.plan).iter().any(|id| id == "delete image.web@ap-jakarta#1"));
    let moved = crate::plan::stale::moved(&file, &state);
    assert!(moved.iter().any(|sentence| sentence.contains("its protection")), "{moved:?}");
    let (levels, _) = Levels::new(&wanted.levels, &[]);
    let (judgement, valid) = validate(file.plan, &file.inputs.desired, &state, &levels, noon());
    assert!(valid.is_err());
    assert!(judgement.diagnostics.iter().any(|one| one.code.id == "GF701"), "{:#?}", judgement.diagnostics);
}

/// Chooses, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.roll(items.len())]
    }
}

/// The places of all values, as JSON pointers.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                pointers(field, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

/// Damages the bytes of a text: bits, cuts, lines.
fn edit_text(text: &str, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let lines: Vec<&str> = text.lines().collect();
    let swapped = |first: usize, second: usize| {
        let mut lines = lines.clone();
        lines.swap(first, second);
        lines.join("\n")
    };
    match dice.roll(6) {
        0 | 1 => {
            let place = dice.roll(bytes.len());
            bytes[place] ^= 1 << dice.roll(8);
        }
        2 => {
            let start = dice.roll(bytes.len());
            let length = 1 + dice.roll(40);
            bytes.drain(start..bytes.len().min(start + length));
        }
        3 => bytes.truncate(dice.roll(bytes.len())),
        4 => return swapped(dice.roll(lines.len()), dice.roll(lines.len())),
        _ => {
            let (from, to) = (dice.roll(lines.len()), dice.roll(lines.len()));
            let mut lines = lines;
            lines.insert(to, lines[from]);
            return lines.join("\n");
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Edits the value of a text: fields and elements are taken out, doubled and exchanged, numbers, texts and marks changed.
fn edit_value(text: &str, dice: &mut Dice) -> String {
    let mut value: Value = serde_json::from_str(text).unwrap();
    for _ in 0..=dice.roll(3) {
        let mut all = Vec::new();
        pointers(&value["inputs"], "/inputs", &mut all);
        all.push("/digest".to_owned());
        let (place, other) = (dice.pick(&all).clone(), dice.pick(&all).clone());
        let other = value.pointer(&other).unwrap().clone();
        let Some(edited) = value.pointer_mut(&place) else { continue };
        match edited {
            Value::Bool(mark) if dice.roll(3) > 0 => *mark = !*mark,
            Value::Number(number) if dice.roll(3) > 0 => {
                *edited = Value::from(number.as_u64().unwrap_or(0).wrapping_add(dice.roll(5) as u64));
            }
            Value::String(text) if dice.roll(3) > 0 && !text.is_empty() => {
                let mut characters: Vec<char> = text.chars().collect();
                let place = dice.roll(characters.len());
                characters[place] = *dice.pick(&['0', '1', '9', 'a', 'z', '-', ' ']);
                *text = characters.into_iter().collect();
            }
            Value::Array(items) if !items.is_empty() => {
                let place = dice.roll(items.len());
                match dice.roll(3) {
                    0 => drop(items.remove(place)),
                    1 => items.push(items[place].clone()),
                    _ => items.reverse(),
                }
            }
            Value::Object(fields) if !fields.is_empty() && dice.roll(3) > 0 => {
                let key = fields.keys().nth(dice.roll(fields.len())).unwrap().clone();
                let field = fields.shift_remove(&key).unwrap();
                if dice.roll(2) == 0 {
                    let another = fields.keys().next().cloned().unwrap_or_default();
                    fields.insert(another, field);
                }
            }
            edited => *edited = other,
        }
    }
    value.to_string()
}

/// What an apply does with a plan. Whether it waits for an image first depends on that image, which is observed again.
fn executed(file: &PlanFile) -> Value {
    let Plan { account, place, changes, edits, queries, graph, .. } = &file.plan;
    let changes: Vec<_> =
        changes.iter().map(without_waits).filter(|change| changes_anything(change)).collect();
    let is_call = |step: &&Step| step.verb() != Verb::Wait;
    let steps: Vec<&Step> = graph.steps().map(|(_, step)| step).filter(is_call).collect();
    let mut edges: Vec<(&StepId, &StepId, &EdgeReason)> = graph
        .edges()
        .filter_map(|(earlier, later, reason)| {
            let (earlier, later) = (&graph[earlier], &graph[later]);
            (is_call(&earlier) && is_call(&later)).then_some((&earlier.id, &later.id, reason))
        })
        .collect();
    edges.sort();
    serde_json::to_value((account, place, changes, edits, queries, steps, edges)).unwrap()
}

/// Ten thousand edits with `GOLDFORM_PLAN_EDITS=10000`; a sample without it.
#[test]
#[expect(clippy::disallowed_methods, reason = "how many edits are tried")]
fn an_edited_file_is_refused_or_does_the_same_or_is_another_plan_by_its_digest() {
    let edits = std::env::var("GOLDFORM_PLAN_EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let text = release().to_text().unwrap();
    let original = PlanFile::from_text(&text).unwrap();
    let does = executed(&original);
    let mut dice = Dice(20_261_128);
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..edits {
        let edited = match dice.roll(3) {
            0 => edit_text(&text, &mut dice),
            _ => edit_value(&text, &mut dice),
        };
        // As it is; with a checksum of its own; with both digests of its own.
        let kind = dice.roll(3);
        let made = match kind {
            0 => Some(edited),
            1 => sealed(&edited),
            _ => renamed(&edited),
        };
        let Some(made) = made else {
            *tally.entry("cannot be written").or_default() += 1;
            continue;
        };
        let what = match PlanFile::from_text(&made) {
            Err(_) => "refused",
            Ok(file) if file.inputs == original.inputs => {
                assert_eq!(executed(&file), does, "edit {number}");
                "the same value"
            }
            Ok(_) if kind == 0 => panic!("edit {number} was not noticed"),
            Ok(file) if file.plan.digest == original.plan.digest => {
                assert_eq!(executed(&file), does, "edit {number}");
                "the same effect"
            }
            // What it shows is what it does, and `--expect` notices it.
            Ok(file) => {
                assert_ne!(executed(&file), does, "edit {number}");
                let plan = file.inputs.plan().unwrap().plan;
                assert_eq!(serde_json::to_value(&plan).unwrap(), serde_json::to_value(&file.plan).unwrap());
                "another plan"
            }
        };
        *tally.entry(what).or_default() += 1;
    }
    println!("{edits} edits: {tally:?}");
    for what in ["refused", "the same effect", "another plan"] {
        assert!(tally.contains_key(what), "no edit is {what}: {tally:?}");
    }
}

//! Every format of a verdict: what each looks like, and that no text of a user does anything in any of them.

use serde_json::Value;

use crate::cli::WEB;
use crate::common::{Ran, TestEnv, cloud};

/// Every format.
const FORMATS: &[&str] =
    &["text", "json", "markdown", "sarif", "junit", "github", "gitlab", "gitlab-terraform", "rdjson", "html"];

fn applied() -> TestEnv {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    env
}

fn shown_in_all(name: &str, env: &TestEnv, command: &str, status: i32) {
    for format in FORMATS.iter().filter(|format| !matches!(**format, "text" | "json" | "html")) {
        let ran = env.expect(status, &format!("{command} --quiet --format {format}"));
        shown!(format!("formats-{name}-{format}"), without_pages(&ran));
    }
}

/// Pages of rules are long, and read elsewhere.
fn without_pages(ran: &Ran) -> String {
    let page = regex::Regex::new(r##""(text|markdown)": "# .*""##).unwrap();
    page.replace_all(&ran.stdout, r#""$1": "[page]""#).into_owned()
}

#[test]
fn a_refused_manifest() {
    let env =
        TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-jakarta, ap-nowhere]").replace("tags:", "tgas:"));
    shown_in_all("refused", &env, "validate", 3);
}

#[test]
fn a_plan_with_changes() {
    let env = applied();
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    env.edit("goldform.yaml", "with: [partner, staging]", "with: [partner]");
    shown_in_all("plan", &env, "plan", 0);
}

#[test]
fn drift() {
    let env = applied();
    cloud::run(&env, "delete web-1 ap-singapore");
    cloud::run(&env, "describe web-1 ap-jakarta by hand");
    cloud::run(&env, "unshare web-1 ap-jakarta 200000000002");
    shown_in_all("drift", &env, "drift", 2);
}

#[test]
fn an_apply_of_which_a_step_fails() {
    for format in FORMATS.iter().filter(|format| !matches!(**format, "text" | "json" | "html")) {
        let env = TestEnv::with(WEB);
        cloud::run(
            &env,
            r#"fault {"action": "SyncImages", "effect": "error", "code": "UnsupportedOperation", "message": "no"}"#,
        );
        let ran = env.expect(6, &format!("apply --yes --quiet --format {format}"));
        shown!(format!("formats-apply-{format}"), without_pages(&ran));
    }
}

#[test]
fn one_run_writes_all_of_them() {
    let env = applied();
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    let words: Vec<String> =
        FORMATS[1..].iter().map(|format| format!("--format {format}=out.{format}")).collect();
    let ran = env.expect(0, &format!("plan {}", words.join(" ")));
    assert!(ran.stdout.contains("Plan: 2 to update"), "text goes to stdout: {}", ran.text());
    for format in &FORMATS[1..] {
        let alone = env.expect(0, &format!("plan --format {format}")).stdout;
        assert_eq!(env.filter(&env.read(&format!("out.{format}"))), alone, "{format}");
    }
}

/// `apply` reports its outcome once: the plan that it shows before it asks is not a second report.
#[test]
fn an_apply_writes_its_outcome_into_files() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --format junit=out.xml --format markdown=out.md");
    assert_eq!(
        env.read("out.xml").matches("classname=\"goldform.steps\"").count(),
        6,
        "{}",
        env.read("out.xml")
    );
    assert!(env.read("out.md").starts_with("<!-- goldform:apply -->\n### goldform apply: applied\n"));
}

#[test]
fn a_command_without_these_formats_says_which_have_them() {
    let env = TestEnv::with(WEB);
    shown!("formats-refused-by-command", env.run("state list --format sarif").text());
    shown!("formats-two-to-stdout", env.run("plan --format sarif --format github").text());
}

#[test]
fn files_are_named_from_the_root_of_the_repository() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.path("infra/.git")).unwrap();
    env.write("infra/images/goldform.yaml", &WEB.replace("tags:", "tgas:"));
    let reported = env.expect(1, "validate --format gitlab -f infra/images/goldform.yaml").json();
    assert_eq!(reported[0]["location"]["path"], "images/goldform.yaml");
    assert_eq!(reported[0]["location"]["lines"]["begin"], 12);
}

/// A fingerprint stays the same after lines were added above its problem, and two problems have different ones.
#[test]
fn fingerprints_stay_when_lines_move() {
    let wrong = WEB.replace("[ap-singapore]", "[ap-nowhere, ap-elsewhere]").replace("tags:", "tgas:");
    let env = TestEnv::with(&wrong);
    let prints = |env: &TestEnv| -> Vec<String> {
        let reported = env.run("validate --format gitlab").json();
        let prints =
            reported.as_array().unwrap().iter().map(|one| one["fingerprint"].as_str().unwrap().to_owned());
        prints.collect()
    };
    let before = prints(&env);
    assert_eq!(before.len(), 3, "{before:?}");
    assert_eq!(before.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    env.write("goldform.yaml", &format!("# one\n# two\n{wrong}"));
    assert_eq!(prints(&env), before);
}

/// The columns of SARIF count UTF-16 units, those of reviewdog bytes, those of JSON characters.
#[test]
fn columns_are_counted_as_each_format_wants() {
    let env = TestEnv::with(&WEB.replace("copies: [ap-singapore]", "copies: [ap-singapore] # 🙂"));
    env.edit("goldform.yaml", "tags: { team: platform }", "tags: { team: \"🙂é\", team: b }");
    let column = |format: &str, pointer: &str| {
        let reported = env.expect(1, &format!("validate --format {format}")).json();
        reported.pointer(pointer).unwrap_or_else(|| panic!("{reported}")).as_u64().unwrap()
    };
    let label = "/diagnostics/0/labels/0/at/column";
    let (characters, utf16, bytes) = (
        column("json", label),
        column("sarif", "/runs/0/results/0/locations/0/physicalLocation/region/startColumn"),
        column("rdjson", "/diagnostics/0/location/range/start/column"),
    );
    assert_eq!(
        (utf16 - characters, bytes - characters),
        (1, 4),
        "one emoji of two units and four bytes, one é"
    );
}

#[test]
fn at_most_ten_annotations_of_a_kind_and_the_tenth_counts_the_rest() {
    let regions: Vec<String> = (0..14).map(|n| format!("ap-nowhere-{n}")).collect();
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", &format!("[{}]", regions.join(", "))));
    let all = env.expect(3, "validate --format json").json()["diagnostics"].as_array().unwrap().len();
    let reported = env.expect(3, "validate --format github").stdout;
    let errors: Vec<&str> = reported.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(errors.len(), 10, "{reported}");
    assert!(
        errors[9].ends_with(&format!("and {} more like this; the log has them all", all - 10)),
        "{reported}"
    );
}

// --- texts of users

/// What a text could try: in a manifest's quotes, and as it is.
const HOSTILE: &str = r"::error::owned\n##[error]owned ##vso[task.complete]owned\n\e[31mred\e]8;;http://evil\a\n</details>\n@everyone\n```\n# heading\n[a](http://evil)\n<img src=x>\n\u202Eevil";

/// What is not code in Markdown.
fn outside_of_code(text: &str) -> String {
    let spans = regex::Regex::new("``` .*? ```|`` .*? ``|`[^`]+`").unwrap();
    let mut fence: Option<String> = None;
    let mut outside = String::new();
    for line in text.lines() {
        let line = line.strip_prefix("> ").unwrap_or(line);
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && line.trim_end() == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                outside.push_str(&spans.replace_all(line, "CODE"));
                outside.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a block is not closed: {text}");
    outside
}

fn assert_inert(format: &str, text: &str, what: &str) {
    let is_harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202E}';
    assert!(!text.contains(is_harmful), "{what}: {text:?}");
    for line in text.lines() {
        let is_command = line.trim_start().starts_with("::");
        let is_ours =
            ["::error file=", "::warning file=", "::notice file="].iter().any(|c| line.starts_with(c));
        let has_bracket = ["##[", "##vso["].iter().any(|bracket| line.contains(bracket));
        assert!(!has_bracket || (format == "github" && is_ours), "{what}: {line}");
        assert!(!is_command || (format == "github" && is_ours), "{what}: {line}");
    }
    match format {
        "markdown" => {
            let outside = outside_of_code(text);
            for forged in ["@everyone", "evil", "<img", "# heading", "owned"] {
                assert!(!outside.contains(forged), "{what}: {forged} in {outside}");
            }
            assert_eq!(outside.matches("<details>").count(), outside.matches("</details>").count(), "{what}");
        }
        "junit" => {
            let mut reader = quick_xml::Reader::from_str(text);
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::Eof => break,
                    quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                        let known = [
                            "testsuites",
                            "testsuite",
                            "testcase",
                            "failure",
                            "error",
                            "skipped",
                            "system-out",
                        ];
                        let name = tag.name();
                        let name = std::str::from_utf8(name.as_ref().as_bytes()).unwrap();
                        assert!(known.contains(&name), "{what}: {name}");
                    }
                    _ => {}
                }
            }
        }
        "html" => {
            for forged in ["<img", "href=\"http", "<b>", "onerror=\""] {
                assert!(!text.contains(forged), "{what}: {forged}");
            }
            assert_eq!(text.matches("</details>").count(), text.matches("<details").count(), "{what}");
        }
        "text" | "github" => {}
        _ => drop(serde_json::from_str::<Value>(text).unwrap()),
    }
}

#[test]
fn no_text_of_a_user_does_anything_in_any_format() {
    let hostile = WEB
        .replace("description: |\n      Ubuntu 22.04\n      nginx 1.24\n      hardened", "description: old")
        .replace("tags: { team: platform }", "tags: { team: \"@everyone `x` <b>\" }");
    let env = TestEnv::with(&hostile);
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", "description: old", &format!("description: \"{HOSTILE}\""));
    env.edit("goldform.yaml", "\n    copies:", " # ##[error]owned é ##vso[task.complete]owned\n    copies:");
    // A description that the service would refuse, too: it is reported with its text.
    env.edit("goldform.yaml", "copies: [ap-singapore]", &format!("copies: [ap-singapore, \"{HOSTILE}\"]"));
    cloud::run(&env, "describe web-1 ap-singapore ::error::owned</details>@everyone```\u{202E}evil");
    let mut hits = 0;
    for format in FORMATS {
        for command in ["validate", "plan", "plan --destroy", "drift", "apply --yes"] {
            let ran = env.run(&format!("{command} --format {format}"));
            assert_inert(format, &ran.stdout, &format!("{command} --format {format}"));
            hits += usize::from(ran.stdout.contains("everyone"));
            assert_inert("text", &ran.stderr, &format!("{command} --format {format}, stderr"));
        }
    }
    assert!(hits > 10, "the text is somewhere: {hits}");
}

#[test]
fn an_apply_of_a_hostile_text_is_reported_inertly() {
    for format in FORMATS {
        let env = TestEnv::with(
            &WEB.replace("nginx 1.24", "::error::owned </details> @everyone ``` evil\n      ##[error]x"),
        );
        cloud::run(
            &env,
            "fault {\"action\": \"SyncImages\", \"effect\": \"error\", \"code\": \"UnsupportedOperation\", \
             \"message\": \"::error::owned</details>@everyone```evil\"}",
        );
        let ran = env.run(&format!("apply --yes --quiet --format {format}"));
        assert_inert(format, &ran.stdout, &format!("apply --format {format}"));
        // Now it is unchanged beside a line that changes.
        env.edit("goldform.yaml", "hardened", "softened");
        let ran = env.run(&format!("plan --quiet --format {format}"));
        assert_inert(format, &ran.stdout, &format!("plan --format {format}"));
    }
}

/// Ten thousand images are reported in the bytes that a comment may have, and the numbers are all there.
#[test]
fn a_large_plan_fits_into_a_comment() {
    let mut text =
        "version: 1\naccount: \"100000000001\"\naccounts: { partner: \"200000000001\" }\nimages:\n"
            .to_owned();
    for n in 0..10_000 {
        text.push_str(&format!(
            "  image-{n}: {{ region: ap-jakarta, source: {{ instance: {{ id: ins-8f3a1c2d }} }} }}\n"
        ));
    }
    text.push_str("shares:\n  - { image: image-0, with: [partner] }\nlimits: { images_per_region: 11000 }\n");
    let text = text.replacen("image-9999: { region: ap-jakarta,", "image-9999: { region: ap-nowhere,", 1);
    let env = TestEnv::with(&text);
    for budget in [1024, 4096, 65_536] {
        let ran = env.expect(3, &format!("plan --quiet --format markdown --markdown-budget {budget}"));
        assert!(ran.stdout.len() <= budget, "{budget}: {}", ran.stdout.len());
        assert!(
            ran.stdout.starts_with("<!-- goldform:plan -->\n### goldform plan: refused by 1 rule\n"),
            "{}",
            ran.stdout
        );
        for reported in ["10000 to create", "1 share to grant", "10001 steps", "**1 error.**"] {
            assert!(ran.stdout.contains(reported), "{budget}: {reported} is not in {}", ran.stdout);
        }
        if budget == 65_536 {
            assert!(
                ran.stdout.contains("GF302")
                    && ran.stdout.contains("| `ap-jakarta` | 0 | 9999 | 9999 | 11000 |")
            );
            assert!(ran.stdout.len() > 4096, "what fits is reported: {}", ran.stdout.len());
        }
    }
    assert_eq!(env.run("plan --markdown-budget 100").status, 1, "numbers alone would not fit");
}

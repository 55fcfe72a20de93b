//! `examples/platform`: thirty images in eight regions, rebuilt every week. What its readers see.

use std::fs;

use goldform::cloud::sim::{Settings, Sim};
use jiff::SignedDuration;

use crate::common::{TestEnv, repository};

const PROD: &str = "-C examples/platform/prod";
/// Where reports are written: paths are relative to the folder of `-C`.
const FOLDER: &str = "examples/platform/prod";
const WORLD: &str = "examples/platform/prod/goldform.world.db";

/// Two weeks are applied, in a world whose images are ready at once.
fn two_weeks() -> TestEnv {
    let env = TestEnv::with_examples();
    let settings = Settings {
        settle: SignedDuration::ZERO,
        images_per_region: 500,
        accounts_per_image: 50,
        ..Settings::default()
    };
    drop(Sim::open(&env.path(WORLD), settings).unwrap());
    for week in ["2026-W47", "2026-W48"] {
        env.expect(0, &format!("apply --yes --quiet {PROD} --var week={week}"));
        env.expect(0, &format!("plan --detailed-exitcode {PROD} --var week={week}"));
    }
    env
}

/// A text without the digest of the plan, which depends on ids.
fn undigested(env: &TestEnv, text: &str) -> String {
    let digest = regex::Regex::new("[0-9a-f]{32}").unwrap();
    digest.replace_all(&env.filter(text), "[digest]").into_owned()
}

#[test]
fn a_platform_of_thirty_images_is_said_in_few_lines() {
    let files =
        ["images/images.yaml", "accounts/accounts.yaml", "prod/goldform.yaml", "staging/goldform.yaml"];
    let read = |file: &str| fs::read_to_string(repository().join("examples/platform").join(file)).unwrap();
    let lines: usize = files.iter().map(|file| read(file).lines().count()).sum();
    assert!(lines < 150, "{lines} lines");
    let env = TestEnv::with_examples();
    env.expect(0, "apply --yes --quiet -C examples/platform/staging");
    env.expect(0, "plan --detailed-exitcode -C examples/platform/staging");
}

/// Tags taken out of a page, a row of a table on a line: what is read in a browser. The graph and the steps are left out.
fn page_text(html: &str) -> String {
    let body = html.split("<main>").nth(1).unwrap().split("<section id=\"graph\"").next().unwrap();
    let head = html.split("<header>").nth(1).unwrap().split("</header>").next().unwrap();
    let text = format!("{head}\n{body}");
    let breaks = regex::Regex::new("</(?:h1|h2|tr|p|li|summary|div)>|<br>").unwrap();
    let cells = regex::Regex::new("</(?:td|th|span|a)>").unwrap();
    let tags = regex::Regex::new("<[^>]*>").unwrap();
    let text = breaks.replace_all(&text, "\n");
    let text = cells.replace_all(&text, "  ");
    let text = tags.replace_all(&text, "").replace("&gt;", ">").replace("&amp;", "&");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

#[test]
fn a_weekly_rebuild_is_read_at_once_as_plan_as_comment_as_page_and_as_result() {
    let env = two_weeks();
    let plan = format!("plan --detailed-exitcode {PROD} --var week=2026-W49");
    let verbose = env.expect(2, &format!("{plan} --verbose")).stdout;
    let state = env.expect(0, &format!("state list {PROD}")).stdout;

    let mut env = env;
    for columns in [120, 80] {
        env = env.set("COLUMNS", &columns.to_string());
        let text = env.expect(2, &plan).stdout;
        assert!(text.lines().count() <= 60, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
        // Everything that changes can be named.
        for placement in state.lines().filter(|line| line.starts_with("image.")) {
            let (image, region) = placement["image.".len()..].split_once('@').unwrap();
            let region = region.split('#').next().unwrap();
            for text in [&text, &verbose] {
                assert!(image == "vault" || text.contains(image), "{image}");
                assert!(text.contains(region), "{region}");
            }
        }
        insta::assert_snapshot!(format!("platform-plan-{columns}"), undigested(&env, &text));
    }

    env.expect(2, &format!("{plan} --quiet --format markdown=plan.md --format html=plan.html"));
    let comment = env.read(&format!("{FOLDER}/plan.md"));
    insta::assert_snapshot!("platform-comment", undigested(&env, &comment));
    assert!(!comment.contains("mermaid") && comment.lines().count() < 80, "{comment}");
    let whole =
        env.expect(2, &format!("{plan} --quiet --verbose --format markdown --markdown-budget 900000"));
    assert!(whole.stdout.contains("image.worker@na-ashburn#3"), "every placement is in the whole comment");
    insta::assert_snapshot!(
        "platform-page",
        undigested(&env, &page_text(&env.read(&format!("{FOLDER}/plan.html"))))
    );

    // One copy is refused, one account is, and one copy hangs. With one call at a time, the calls are those of one image
    // after the other: seven copies for each.
    for fault in [
        "error --action SyncImages --code ImageQuotaLimitExceeded --message The-image-quota-is-used-up. --from-call 27",
        "error --action ModifyImageSharePermission --region ap-tokyo --code InvalidAccountId.NotFound \
         --message AccountId-200000000009-is-not-found.",
        "hang --action SyncImages --from-call 71",
    ] {
        env.expect(0, &format!("sandbox faults add --world {WORLD} {fault}"));
    }
    let reports = "--format json=end.json --format markdown=end.md --format html=end.html --format junit=end.xml \
                   --format sarif=end.sarif --format github=end.github --format gitlab=end.gitlab --format rdjson=end.rdjson";
    let apply = format!(
        "apply --yes --quiet {PROD} --var week=2026-W49 --parallelism 1 --settle-timeout 2s {reports}"
    );
    let ended = env.expect(6, &apply).stdout;
    let (_, end) = ended.split_once("\nPartly applied").unwrap();
    let end = format!("Partly applied{end}");
    assert!(end.lines().all(|line| line.chars().count() <= 80), "{end}");
    insta::assert_snapshot!("platform-partly", end);
    insta::assert_snapshot!(
        "platform-partly-comment",
        undigested(&env, &env.read(&format!("{FOLDER}/end.md")))
    );
    every_format_says_what_is_the_case(&env);

    env.expect(0, &format!("sandbox faults clear --world {WORLD}"));
    env.expect(0, &format!("forget image.ingest@ap-hongkong#3 {PROD}"));
    let ended = env.expect(0, &format!("apply --yes --quiet {PROD} --var week=2026-W49")).stdout;
    assert!(ended.contains("Applied in ") && ended.contains("No account lost an image."), "{ended}");
}

/// The id of a new image, that of one that serves where a copy failed, the error code, the request id and the command
/// that continues; and not the plan.
fn every_format_says_what_is_the_case(env: &TestEnv) {
    let state: serde_json::Value =
        serde_json::from_str(&env.read(&format!("{FOLDER}/goldform.state.json"))).unwrap();
    let id = |generation: &str, region: &str| {
        let of = &state["recorded"]["images"]["cache"]["generations"][generation]["placements"][region]["id"];
        of.as_str().unwrap_or_else(|| panic!("{generation} in {region}: {state}")).to_owned()
    };
    let (new, serving) = (id("3", "ap-tokyo"), id("2", "eu-frankfurt"));
    let json: serde_json::Value = serde_json::from_str(&env.read(&format!("{FOLDER}/end.json"))).unwrap();
    let failed = json["steps"].as_array().unwrap().iter().find(|step| step["outcome"] == "failed").unwrap();
    let request = failed["request_id"].as_str().unwrap();
    assert!(failed["duration_s"].is_f64(), "{failed}");
    for format in ["json", "md", "html", "xml", "sarif", "github", "gitlab", "rdjson"] {
        let text = env.read(&format!("{FOLDER}/end.{format}"));
        for fact in ["ImageQuotaLimitExceeded", serving.as_str(), request] {
            assert!(text.contains(fact), "{format}: {fact}");
        }
        assert!(
            matches!(format, "xml" | "gitlab")
                || text.contains("free a slot in eu-frankfurt")
                || text.contains("Free a slot"),
            "{format}"
        );
        // Formats that list problems have no place for what is well.
        let has_images = !matches!(format, "github" | "gitlab" | "rdjson");
        assert!(!has_images || text.contains(&new), "{format}: {new}");
        for planned in ["is missing until", "at most", "will be"] {
            assert!(!text.contains(planned), "{format}: {planned}");
        }
    }
    let of = |list: &str, image: &str| -> Vec<serde_json::Value> {
        let all = json[list].as_array().unwrap().iter();
        all.filter(|one| one["image"] == image).cloned().collect()
    };
    let missing = of("missing", "cache");
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(
        (&missing[0]["region"], &missing[0]["serving"]["id"]),
        (&"eu-frankfurt".into(), &serving.into())
    );
    assert_eq!(missing[0]["accounts"].as_array().unwrap().len(), 12);
    let serves = of("images", "ingest").into_iter().find(|one| one["state"] == "SYNCING").unwrap();
    assert_eq!((&serves["region"], &serves["serving"]), (&"ap-hongkong".into(), &false.into()));
    // What failed is red, what is only pending is not.
    let page = env.read(&format!("{FOLDER}/end.html"));
    assert!(page.contains("<strong class=\"del\">failed</strong>"), "{page}");
    assert!(page.contains("<strong class=\"mod\">pending</strong>"), "{page}");
}

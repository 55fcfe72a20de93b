//! What the page says, and that nothing of the user's becomes markup.

use super::*;
use crate::diff::PlanMode;
use crate::plan::{PlanOptions, propose};
use crate::report::AccountNames;
use crate::state::Recorded;
use crate::testing::{EXAMPLE, desired};

fn page_of(yaml: &str, problems: &[Problem]) -> String {
    let wanted = desired(yaml);
    let prior = Recorded::default();
    let plan = propose(&wanted, &prior, None, &PlanOptions::all(PlanMode::Normal)).unwrap().plan;
    let verdict = Verdict {
        command: "plan",
        problems: problems.to_vec(),
        rules: Vec::new(),
        home: "goldform.yaml".to_owned(),
        names: AccountNames::of(&wanted),
        result: CommandResult::Plan { plan: &plan, prior: &prior, unexpected: None },
    };
    html(&verdict, PlanDetail::Grouped)
}

#[test]
fn every_step_every_region_and_every_reason_is_in_the_text() {
    let wanted = desired(EXAMPLE);
    let prior = Recorded::default();
    let plan = propose(&wanted, &prior, None, &PlanOptions::all(PlanMode::Normal)).unwrap().plan;
    let page = page_of(EXAMPLE, &[]);
    let tables = page.split("id=\"steps\"").nth(1).unwrap();
    for (_, step) in plan.graph.steps() {
        assert!(tables.contains(&step.id.to_string()), "{}", step.id);
    }
    for (_, _, reason) in plan.graph.edges() {
        assert!(tables.contains(&html! { (reason.explain()) }.into_string()));
    }
    for region in plan.regions.keys() {
        assert!(page.contains(&format!("<td class=\"mono\">{region}</td>")), "{region}");
    }
}

#[test]
fn a_finding_brings_its_rules_page() {
    let problem = Problem {
        code: "GF601",
        name: "image_quota_exceeded",
        severity: Severity::Error,
        summary: "too many custom images in a region",
        detail: "11 of 10 <b>images</b>".to_owned(),
        help: Some("</div><script>alert(1)</script>".to_owned()),
        subject: "ap-jakarta".to_owned(),
        labels: Vec::new(),
        count: 1,
        fingerprint: String::new(),
    };
    let page = page_of(EXAMPLE, &[problem]);
    assert!(page.contains("<title>goldform plan: refused</title>"));
    assert!(page.contains("11 of 10 &lt;b&gt;images&lt;/b&gt;"));
    assert!(!page.contains("<script>alert"), "{page}");
    let docs = crate::constraints::find("GF601").unwrap().code.docs;
    let heading = docs.lines().find_map(|line| line.strip_prefix("### ")).unwrap();
    assert!(page.contains(&format!("<h3>{heading}</h3>")), "{heading}");
}

#[test]
fn nothing_is_fetched() {
    let page = page_of(EXAMPLE, &[]);
    for word in ["src=", "@import", "url(", "<link", "fetch("] {
        assert!(!page.contains(word), "{word}");
    }
}

//! Any bytes as a manifest.

use clap::ValueEnum as _;
use jiff::Timestamp;

use super::inert::{assert_inert, assert_printable};
use crate::cli::args::ReportFormat;
use crate::cli::reports::render;
use crate::constraints::{Levels, judge};
use crate::diagnostics::{self, Diagnostic, Place, RenderOptions};
use crate::diff::PlanMode;
use crate::manifest::{self, Desired, Input, Loaded, Variables};
use crate::plan::{PlanOptions, propose};
use crate::report::plan::{PlanDetail, plan_text};
use crate::report::{AccountNames, CommandResult, Paint, Places, Verdict};
use crate::state::Recorded;

/// The largest plan that is reported in every format.
const STEPS_REPORTED: usize = 40;

/// The largest comment, in bytes.
const COMMENT: usize = 65_536;

/// Every place of a diagnostic is in the text. Every report is inert. A complete manifest is rendered as one that means
/// the same and is rendered as the same bytes, and it has a plan or a reason.
pub(super) fn manifest(bytes: &[u8]) {
    let loaded = load(bytes);
    // A rule reports a fault.
    let has_faults = loaded.desired.as_ref().is_some_and(|desired| !desired.faults.is_empty());
    assert!(
        loaded.complete || has_faults || !loaded.diagnostics.is_empty(),
        "a part was left out without a reason"
    );
    assert_places(&loaded, &loaded.diagnostics);
    assert_reports(&loaded, &loaded.diagnostics, CommandResult::Unread, &AccountNames::default());
    drop(manifest::includes(bytes));
    let Some(desired) = loaded.desired.as_ref().filter(|_| loaded.complete) else { return };
    // What a rule refuses or leaves out is not written.
    if desired.faults.is_empty() {
        assert_rendered(desired);
    }
    assert_planned(&loaded, desired);
}

fn load(bytes: &[u8]) -> Loaded {
    let input = Input { name: "goldform.yaml".to_owned(), bytes: bytes.to_vec() };
    manifest::load(vec![input], &Variables::default())
}

fn assert_places(loaded: &Loaded, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        for label in &diagnostic.labels {
            let Some(span) = loaded.locator.place(&label.place) else { continue };
            let text = &loaded.locator.sources().get(span.file).expect("the file of a span").text;
            assert!(
                text.get(span.start..span.end).is_some(),
                "{span:?} of {} bytes: {diagnostic:?}",
                text.len()
            );
        }
    }
}

fn assert_rendered(desired: &Desired) {
    let rendered = manifest::render::render(desired);
    assert_inert("yaml", &rendered);
    let again = load(rendered.as_bytes());
    let errors: Vec<_> = again.diagnostics.iter().map(|found| &found.detail).collect();
    assert!(again.complete, "{errors:#?}\n{rendered}");
    let again = again.desired.expect("a complete manifest");
    assert_eq!(manifest::render::render(&again), rendered, "rendered twice");
    assert_eq!(meaning(again), meaning(desired.clone()), "{rendered}");
}

/// What a manifest means, without the places of its lists.
fn meaning(mut desired: Desired) -> Desired {
    for image in desired.images.values_mut() {
        image.share_entries.clear();
        image.copy_entries.clear();
        image.shares.retain(|_, accounts| !accounts.is_empty());
    }
    desired
}

fn assert_planned(loaded: &Loaded, desired: &Desired) {
    let names = AccountNames::of(desired);
    let (levels, unknown) = Levels::new(&desired.levels, &[]);
    let options = PlanOptions::all(PlanMode::Normal);
    let proposal = match propose(desired, &Recorded::default(), None, &options) {
        Ok(proposal) => proposal,
        Err(error) => return assert_printable(&error.to_string()),
    };
    let (plan, prior) = (&proposal.plan, &proposal.prior);
    let mut found = judge(desired, prior, Some(plan), &levels, Timestamp::UNIX_EPOCH).diagnostics;
    found.extend(unknown);
    assert_places(loaded, &found);
    for detail in [PlanDetail::Grouped, PlanDetail::Full] {
        assert_printable(&plan_text(plan, prior, &names, Paint::PLAIN, detail));
    }
    if plan.graph.len() <= STEPS_REPORTED {
        assert_reports(loaded, &found, CommandResult::Plan { plan, prior, unexpected: None }, &names);
    }
}

fn assert_reports(loaded: &Loaded, found: &[Diagnostic], result: CommandResult<'_>, names: &AccountNames) {
    let locate = |place: &Place| loaded.locator.place(place);
    let sources = loaded.locator.sources();
    assert_printable(&diagnostics::render(found, &locate, sources, RenderOptions::default()));
    let places = Places { locate: &locate, sources, name: &str::to_owned };
    let verdict = Verdict {
        command: "plan",
        problems: places.problems(found),
        rules: Vec::new(),
        home: "goldform.yaml".to_owned(),
        names: names.clone(),
        result,
    };
    for format in ReportFormat::value_variants() {
        let text = render(*format, &verdict, Paint::PLAIN, true, PlanDetail::Grouped, COMMENT);
        let Some(text) = text.expect("a report of any verdict") else { continue };
        match format {
            ReportFormat::Text => assert_printable(&text),
            _ => assert_inert(format.to_possible_value().expect("a name").get_name(), &text),
        }
    }
}

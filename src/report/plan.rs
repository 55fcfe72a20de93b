//! A plan for people: grouped by image, with the reason of each change, limits by region, one summary line.

use std::fmt::Write as _;
use std::time::Duration;

use super::losses::without_return;
use super::{AccountNames, Paint, Summary, count};
use crate::diagnostics::sanitize;
use crate::diff::{Action, Reason};
use crate::model::{Provider, Site};
use crate::plan::{Plan, PlanPlace, PlanView};
use crate::state::{Edit, Hold, Recorded};

mod capacity;
mod entry;
mod grouped;
mod rebuilt;
mod rows;

pub(in crate::report) use capacity::capacity_rows;
use entry::Writer;
pub(in crate::report) use rows::{Row, rows};

/// How long a text diff may take before it is drawn coarsely.
const DIFF_DEADLINE: Duration = Duration::from_millis(200);
/// The widest line of changed text that is shown in full.
const WIDEST: usize = 160;
/// Longest line of totals that names shares and marks too.
const LONGEST_END: usize = 120;
/// In the place of a blank at which a line is not broken.
const GLUE: &str = "\u{a0}";
/// Number of entries without an earlier generation that are named.
const NAMED_WITHOUT_RETURN: usize = 8;

/// How much of a plan is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PlanDetail {
    /// Regions and entries that change alike are shown once.
    #[default]
    Grouped,
    /// Every placement.
    Full,
}

/// A plan for people.
pub fn plan_text(
    plan: &Plan,
    prior: &Recorded,
    names: &AccountNames,
    paint: Paint,
    detail: PlanDetail,
) -> String {
    let mut text = format!("{}\n\n", paint.dim(&place(plan, prior)));
    for (key, hold) in &prior.holds {
        let Hold { revision, since, by } = hold;
        let name = paint.bold(&format!("image.{key}"));
        let _ = writeln!(
            text,
            "{} {name}: held at {} since {} by {}; `goldform rollback --release image.{key}` ends it\n",
            paint.changed("!"),
            sanitize::escape_truncated(&revision.to_string()),
            since.strftime("%Y-%m-%d %H:%M UTC"),
            sanitize::escape_truncated(by),
        );
    }
    text.push_str(&changes_text(plan, prior, names, paint, detail));
    let edits: Vec<&Edit> = plan.edits_of_the_record().collect();
    if !edits.is_empty() {
        let _ = writeln!(text, "{}", paint.bold("Changes of the record alone"));
        for edit in edits {
            let _ = writeln!(text, "  ~ {}", edit_text(edit, names));
        }
        text.push('\n');
    }
    text.push_str(&capacity::limits(plan, paint, detail));
    let without_return = without_return(plan, prior);
    if !without_return.is_empty() {
        let named = without_return.iter().take(NAMED_WITHOUT_RETURN).map(|key| key.to_string());
        let more = match without_return.len().saturating_sub(NAMED_WITHOUT_RETURN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named: Vec<String> = named.collect();
        let _ = writeln!(
            text,
            "{} No earlier generation is left to go back to: {}{more}\n",
            paint.changed("!"),
            named.join(", ")
        );
    }
    let summary = Summary::of(plan);
    let head = if plan.is_empty() { "No changes" } else { "Plan" };
    let end = |numbers: &str| match plan.is_empty() {
        true => format!("{head}: {numbers}"),
        // Not wrapped within.
        false => {
            format!("{head}: {numbers} ·{GLUE}{}", count(summary.steps, "step", "steps").replace(' ', GLUE))
        }
    };
    let mut end_line = end(&summary.line());
    if end_line.chars().count() > LONGEST_END && detail == PlanDetail::Grouped && summary.replace > 0 {
        // Shares and marks follow from the images that are made: the last line is one line.
        end_line = end(&summary.made());
    }
    let end = end_line.replacen(head, &paint.bold(head), 1);
    text.push_str(&paint.wrapped(&end, "", "      ").replace(GLUE, " "));
    if !plan.is_empty() {
        let _ = writeln!(text, "digest {}", plan.digest.name());
    }
    text
}

/// Returns what happens to each entry, those that change alike together.
pub(in crate::report) fn changes_text(
    plan: &Plan,
    prior: &Recorded,
    names: &AccountNames,
    paint: Paint,
    detail: PlanDetail,
) -> String {
    let view = PlanView::new(plan, prior);
    let writer = Writer { view: &view, names, paint, detail };
    let mut text = String::new();
    for group in writer.groups(&plan.changes) {
        match group.as_slice() {
            [] => continue,
            [change] => match (&change.action, &change.reason) {
                (Action::Unchanged, Reason::Pinned { .. } | Reason::Held { .. }) => {
                    writer.pinned(&mut text, change)
                }
                (Action::Unchanged, _) => continue,
                _ => writer.image(&mut text, change),
            },
            several => writer.several(&mut text, several),
        }
        text.push('\n');
    }
    text
}

/// Returns where the plan would be applied, and as of when the cloud is known.
pub(in crate::report) fn place(plan: &Plan, prior: &Recorded) -> String {
    let PlanPlace { provider, site, endpoint, domain, sandbox: _ } = &plan.place;
    let service = match (provider, site, endpoint.as_ref().or(domain.as_ref())) {
        (_, _, Some(endpoint)) => format!("tencent at {}", sanitize::escape_truncated(endpoint)),
        (Provider::Sandbox, ..) => {
            return format!("Account {} · sandbox (nothing real)", plan.account);
        }
        (_, Some(Site::Mainland), None) => "tencent mainland".to_owned(),
        (_, _, None) => "tencent international".to_owned(),
    };
    let observed = match prior.regions.values().map(|region| region.read_at).min() {
        Some(at) => format!("observed {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        None => "never observed".to_owned(),
    };
    format!("Account {} · {service} · {observed}", plan.account)
}

pub(super) fn edit_text(edit: &Edit, names: &AccountNames) -> String {
    match edit {
        Edit::Settings { image, origin, protect, delete_snapshots } => format!(
            "image.{image}: copies are made from {origin}; {}; snapshots {}",
            if *protect { "protected" } else { "not protected" },
            if *delete_snapshots { "go with the image" } else { "stay when the image is deleted" },
        ),
        Edit::Forget { at, unmanaged } => match unmanaged {
            Some((id, _)) => format!("{at}: no longer managed; {id} stays"),
            None => format!("{at}: gone, no longer recorded"),
        },
        Edit::Claim { at, accounts } => {
            format!("{at}: shared already, and managed from now, with {}", names.list(accounts))
        }
        Edit::Adopt { at, image, .. } => format!("{at}: {} is managed from now", image.id),
        Edit::Move { from, to, .. } => format!("{from}: recorded as {to} from now"),
        Edit::LearnShareLimit { value, .. } => {
            format!("an image can be shared with {value} accounts at most")
        }
        Edit::LearnAccountsPerCall { value } => format!("a share call names {value} accounts at most"),
        Edit::SeeShares { at, everyone, .. } => format!("{at}: is shared with {}", names.list(everyone)),
        Edit::LearnSharedEditsRefused => "an image cannot be changed while it is shared".to_owned(),
        Edit::Return { image, generation } => {
            format!("image.{image}: generation {generation} is current again")
        }
        Edit::Hold { image, hold: Some(hold) } => {
            format!("image.{image}: held at {}", sanitize::escape_truncated(&hold.revision.to_string()))
        }
        Edit::Hold { image, hold: None } => {
            format!("image.{image}: no longer held, as the manifest pins it there")
        }
        Edit::Rename { from, to } => format!("image.{from}: renamed to image.{to}"),
        Edit::Serve { at, .. } => format!("{at}: serves its region"),
        Edit::Resolve { at, id } => match id {
            Some(id) => format!("{at}: was made as {id}"),
            None => format!("{at}: was not made"),
        },
    }
}

/// The beginning of a long text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// Why a change is wanted, in a clause that follows "because".
pub fn because(reason: &Reason) -> String {
    let revision = |text: &Option<compact_str::CompactString>| match text {
        Some(text) => format!("`{}`", sanitize::escape_truncated(text)),
        None => "none".to_owned(),
    };
    match reason {
        Reason::Declared => "it is in the manifest and not recorded".to_owned(),
        Reason::Gone => "no placement of its current generation is left".to_owned(),
        Reason::SourceChanged { before, after } => format!(
            "its source changes from {} to {}",
            sanitize::escape_truncated(&before.describe()),
            sanitize::escape_truncated(&after.describe())
        ),
        Reason::RevisionChanged { before, after } => {
            format!("its revision changes from {} to {}", revision(before), revision(after))
        }
        Reason::RegionWanted => "the manifest names the region and it is missing there".to_owned(),
        Reason::RegionUnwanted => "the manifest no longer names the region".to_owned(),
        Reason::EntryRemoved => "it is recorded and no longer in the manifest".to_owned(),
        Reason::Destroy => "everything is deleted".to_owned(),
        Reason::Superseded { by } => format!("generation {by} takes its place"),
        Reason::Released { by } => {
            format!("generation {by} takes its place, and the region has no slot to keep it")
        }
        Reason::Kept => "it is kept as an earlier generation".to_owned(),
        Reason::OriginalReplaced { image, before, after } => {
            format!("it was made from generation {before} of image.{image}, which has generation {after}")
        }
        Reason::Pending { state } => {
            format!("an earlier run began it, and the service reports {}", state.as_str())
        }
        Reason::Failed { state } => format!("it is {}", state.as_str()),
        Reason::Returned { .. } => "the manifest names its source again".to_owned(),
        Reason::Held { revision: held, source } if source.as_ref() == Some(&held.revision) => format!(
            "it is held at {} as it was recorded, and its source names another image of it",
            sanitize::escape_truncated(&held.to_string()),
        ),
        Reason::Held { revision: held, source } => format!(
            "it is held at {}, and its source asks for {}",
            sanitize::escape_truncated(&held.to_string()),
            revision(source)
        ),
        Reason::Pinned { revision: pin, source } => format!(
            "it is pinned to {}, and its source asks for {}",
            sanitize::escape_truncated(&pin.to_string()),
            revision(source)
        ),
        Reason::Asked => "a new build was asked for".to_owned(),
        Reason::Differs => "it differs from the manifest".to_owned(),
        Reason::Follows => "its entry changes".to_owned(),
    }
}

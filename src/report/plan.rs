//! A plan for people: grouped by image, with the reason of each change, limits by region, one summary line.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::losses::without_return;
use super::table::{Align, table};
use super::{AccountNames, Paint, Summary, count, limit_source};
use crate::diagnostics::sanitize;
use crate::diff::{Action, FieldChange, ImageChange, PlacementChange, Reason};
use crate::model::Operation;
use crate::plan::{Plan, PlanView};
use crate::state::{Edit, Hold, Recorded};

/// How long a text diff may take before it is drawn coarsely.
const DIFF_DEADLINE: Duration = Duration::from_millis(200);
/// The widest line of changed text that is shown in full.
const WIDEST: usize = 160;
/// Number of entries without an earlier generation that are named.
const NAMED_WITHOUT_RETURN: usize = 8;

/// A plan for people.
pub fn plan_text(plan: &Plan, prior: &Recorded, names: &AccountNames, paint: Paint) -> String {
    let view = PlanView::new(plan, prior);
    let writer = Writer { view: &view, names, paint };
    let mut text = String::new();
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
    for change in &plan.changes {
        match (&change.action, &change.reason) {
            (Action::Unchanged, Reason::Pinned { .. } | Reason::Held { .. }) => {
                writer.pinned(&mut text, change)
            }
            (Action::Unchanged, _) => continue,
            _ => writer.image(&mut text, change),
        }
        text.push('\n');
    }
    let edits: Vec<&Edit> = plan.edits_of_the_record().collect();
    if !edits.is_empty() {
        let _ = writeln!(text, "{}", paint.bold("Changes of the record alone"));
        for edit in edits {
            let _ = writeln!(text, "  ~ {}", edit_text(edit, names));
        }
        text.push('\n');
    }
    writer.limits(&mut text, plan);
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
    let _ = write!(text, "{}: {}", paint.bold(head), summary.line());
    if !plan.is_empty() {
        let steps = count(summary.steps, "step", "steps");
        let _ = write!(text, " · {steps}\ndigest {}", plan.digest.name());
    }
    text.push('\n');
    text
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

struct Writer<'a> {
    view: &'a PlanView<'a>,
    names: &'a AccountNames,
    paint: Paint,
}

impl Writer<'_> {
    fn mark(&self, action: Action) -> String {
        match action {
            Action::Create | Action::Copy | Action::Adopt => self.paint.added(action.sign()),
            Action::Delete | Action::Forget => self.paint.removed(action.sign()),
            Action::Update | Action::Replace | Action::Return | Action::Wait | Action::Unchanged => {
                self.paint.changed(action.sign())
            }
        }
    }

    /// An entry whose source asks for another generation than the pinned one. Nothing else of it changes.
    fn pinned(&self, text: &mut String, change: &ImageChange) {
        let name = self.paint.bold(&format!("image.{}", change.image));
        let mark = self.mark(change.action);
        let _ = writeln!(text, "{mark} {name}: unchanged, because {}", because(&change.reason));
    }

    fn image(&self, text: &mut String, change: &ImageChange) {
        let mark = self.mark(change.action);
        let name = self.paint.bold(&format!("image.{}", change.image));
        let what = match (change.action, change.generation, change.supersedes) {
            (Action::Create, Some(generation), _) => format!("create generation {generation}"),
            (Action::Adopt, Some(generation), _) => format!("adopt as generation {generation}"),
            (Action::Replace, Some(new), Some(old)) => {
                let is_earlier =
                    |one: &&PlacementChange| one.action == Action::Delete || one.reason == Reason::Kept;
                let mut retired = change.placements.iter().filter(is_earlier);
                let is_early = |one: &PlacementChange| {
                    (change.delete_first || one.delete_first)
                        && !change.leaves_image(self.view.prior, &one.at)
                };
                let order = match (retired.clone().any(is_early), retired.all(is_early)) {
                    (true, true) => "delete first",
                    (true, false) => "create first where there is room",
                    (false, _) => "create first",
                };
                format!("replace generation {old} by generation {new}, {order}")
            }
            (Action::Return, Some(to), Some(from)) => {
                let revision = self.view.prior.revision(&change.image, to);
                let revision = revision.map(|text| format!(" ({})", sanitize::escape_truncated(&text)));
                format!("return from generation {from} to generation {to}{}", revision.unwrap_or_default())
            }
            (Action::Delete, ..) => "delete".to_owned(),
            (Action::Wait, Some(generation), _) => format!("wait for generation {generation}"),
            (action, Some(generation), _) => format!("{} generation {generation}", action.as_str()),
            (action, None, _) => action.as_str().to_owned(),
        };
        let from = match (&change.source, change.action) {
            (Some(source), Action::Create | Action::Replace | Action::Adopt) => {
                format!(", from {}", sanitize::escape_truncated(&source.describe()))
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "{mark} {name}: {what}{from}");
        if change.action != Action::Update {
            let _ = writeln!(text, "    {}", self.paint.dim(&format!("because {}", because(&change.reason))));
        }
        for placement in &change.placements {
            self.placement(text, change, placement);
        }
    }

    fn placement(&self, text: &mut String, image: &ImageChange, change: &PlacementChange) {
        let mark = self.mark(change.action);
        let at = &change.at;
        let place = if Some(at.generation) == image.generation {
            at.region.to_string()
        } else {
            format!("{}#{}", at.region, at.generation)
        };
        let id = change.id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        let what = match change.action {
            Action::Create if change.remake => format!("delete{id}, which failed, and create it again"),
            Action::Create => format!("create `{}`", self.made_name(change)),
            Action::Copy => {
                let from = change.from.as_ref().map(ToString::to_string).unwrap_or_default();
                let again =
                    if change.remake { format!(" after deleting{id}, which failed") } else { String::new() };
                format!("copy from {from} as `{}`{again}", self.made_name(change))
            }
            Action::Adopt if change.before.is_none() => "adopt, once a refresh has observed it".to_owned(),
            Action::Adopt => format!("adopt{id}"),
            Action::Update => format!("change{id}"),
            Action::Delete => {
                let snapshots =
                    if change.delete_snapshots { " and its snapshots" } else { ", its snapshots stay" };
                format!("delete{id}{snapshots}")
            }
            Action::Wait => format!("wait for{id}, which is not ready yet"),
            action => format!("{}{id}", action.as_str()),
        };
        let _ = writeln!(text, "    {mark} {place}: {what}");
        if matches!(
            change.reason,
            Reason::RegionWanted
                | Reason::RegionUnwanted
                | Reason::Failed { .. }
                | Reason::Pending { .. }
                | Reason::Kept
                | Reason::Superseded { .. }
                | Reason::Released { .. }
        ) || (change.action == Action::Update && image.action == Action::Update)
        {
            let because = format!("because {}", because(&change.reason));
            let _ = writeln!(text, "        {}", self.paint.dim(&because));
        }
        for field in change.fields() {
            self.field(text, &field);
        }
        if change.before.is_none() && change.action != Action::Delete {
            self.new_attributes(text, change);
        }
        if !change.share.is_empty() {
            let sign = self.paint.added("+");
            let _ = writeln!(text, "        {sign} share with {}", self.names.list(&change.share));
        }
        if !change.carried.is_empty() {
            let sign = self.paint.added("+");
            let list = self.names.list(&change.carried);
            let _ = writeln!(text, "        {sign} share with {list}, as others had shared the one before");
        }
        if change.delete_first {
            let region = &change.at.region;
            let why = match image.leaves_image(self.view.prior, &change.at) {
                true => format!(
                    "before the new one is made: {region} has no slot for it; if the new one fails, this one is gone"
                ),
                false => format!(
                    "before its successor is there: {region} has no slot for both; one more in {region} would avoid it"
                ),
            };
            let _ = writeln!(text, "        {} {why}", self.paint.changed("!"));
        }
        if !change.unshare.is_empty() {
            let sign = self.paint.removed("-");
            let _ = writeln!(text, "        {sign} unshare from {}", self.names.list(&change.unshare));
        }
    }

    /// The name that the image is made under, and what it takes later where that is another.
    fn made_name(&self, change: &PlacementChange) -> String {
        let steps: Vec<_> = self.view.steps_at(&change.at).map(|(_, step)| &step.operation).collect();
        let made = steps.iter().find_map(|operation| operation.made_name());
        let later = steps.iter().find_map(|operation| match operation {
            Operation::Update { set, .. } => set.name.as_ref(),
            _ => None,
        });
        let made = made.map(|name| sanitize::escape_truncated(name)).unwrap_or_default();
        match later.filter(|later| **later != made) {
            Some(later) => format!("{made}`, then named `{}", sanitize::escape_truncated(later)),
            None => made,
        }
    }

    fn new_attributes(&self, text: &mut String, change: &PlacementChange) {
        let Some(after) = &change.after else { return };
        // Reported once, where it is built; the copies are like it.
        if change.action != Action::Create {
            return;
        }
        if let Some(description) = after.attributes.description.as_ref().filter(|text| !text.is_empty()) {
            let mut lines = description.trim_end_matches('\n').lines();
            let first = lines.next().unwrap_or_default();
            let _ = writeln!(text, "        description: {}", sanitize::escape_truncated(&cut(first)));
            for line in lines {
                let line = sanitize::escape_truncated(&cut(line));
                let _ = writeln!(text, "                     {}", sanitize::escape_ci_command(&line));
            }
        }
        if let Some(family) = after.attributes.family.as_ref().filter(|text| !text.is_empty()) {
            let _ = writeln!(text, "        family: {}", sanitize::escape_truncated(family));
        }
        if !after.tags.is_empty() {
            let tags: Vec<String> = after
                .tags
                .iter()
                .map(|(key, value)| {
                    format!("{}={}", sanitize::escape_truncated(key), sanitize::escape_truncated(value))
                })
                .collect();
            let _ = writeln!(text, "        tags: {}", tags.join(", "));
        }
    }

    fn field(&self, text: &mut String, change: &FieldChange) {
        let FieldChange { field, before, after } = change;
        let _ = writeln!(text, "        {}", sanitize::escape_truncated(field));
        let (before, after) = (before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default());
        let mut config = TextDiff::configure();
        let diff = config.timeout(DIFF_DEADLINE).diff_lines(before, after);
        for line in diff.iter_all_changes() {
            let shown =
                sanitize::escape_controls(&cut(line.value().trim_end_matches(['\n', '\r']))).to_string();
            let shown = sanitize::escape_ci_command(&shown);
            let line = match line.tag() {
                ChangeTag::Delete => self.paint.removed(&format!("- {shown}")),
                ChangeTag::Insert => self.paint.added(&format!("+ {shown}")),
                ChangeTag::Equal => format!("  {shown}"),
            };
            let _ = writeln!(text, "          {line}");
        }
    }

    fn limits(&self, text: &mut String, plan: &Plan) {
        if plan.regions.is_empty() || plan.graph.is_empty() {
            return;
        }
        let touched: std::collections::BTreeSet<_> =
            plan.graph.steps().map(|(_, step)| &step.at().region).collect();
        let _ = writeln!(text, "{}", self.paint.bold("Custom images by region"));
        let mut rows: Vec<Vec<String>> = vec![
            ["region", "now", "peak", "after", "limit", "source of the limit"].map(str::to_owned).to_vec(),
        ];
        for (region, room) in plan.regions.iter().filter(|(region, _)| touched.contains(region)) {
            rows.push(vec![
                region.to_string(),
                room.now().to_string(),
                room.peak.to_string(),
                room.after.to_string(),
                room.limit.value.to_string(),
                match room.waves {
                    0 | 1 => limit_source(&room.limit),
                    waves => format!("{}; {waves} waves", limit_source(&room.limit)),
                },
            ]);
        }
        let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
        text.push_str(&table("  ", &align, &rows));
        text.push('\n');
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

//! Entries that change alike as rows of a table, for Markdown and the page.

use compact_str::CompactString;

use super::PlanDetail;
use super::entry::Writer;
use crate::diff::{Action, ImageChange, PlacementChange, Reason};
use crate::model::{Accounts, ImageKey, Region};
use crate::plan::{Plan, PlanView};
use crate::report::losses::access;
use crate::report::{AccountNames, Paint, count};
use crate::state::Recorded;

/// Entries that change alike.
pub(in crate::report) struct Row<'p> {
    /// The entries.
    pub(in crate::report) images: Vec<&'p ImageKey>,
    /// What happens to them.
    pub(in crate::report) action: Action,
    /// Revision before and after. `None` if a generation has none.
    pub(in crate::report) revisions: (Option<CompactString>, Option<CompactString>),
    /// What happens, in a few words: `create first`.
    pub(in crate::report) how: String,
    /// Images are deleted before their successors are ready, or without one.
    pub(in crate::report) is_grave: bool,
    /// Regions that change.
    pub(in crate::report) regions: Vec<&'p Region>,
    /// Accounts that see an image before and after.
    pub(in crate::report) kept: Accounts,
    /// Accounts that see an image afterwards only.
    pub(in crate::report) gained: Accounts,
    /// Accounts that see an image before only.
    pub(in crate::report) lost: Accounts,
    /// Accounts without an image for a time.
    pub(in crate::report) gap: Accounts,
}

/// Returns the rows of a plan, in the order of their first entries.
pub(in crate::report) fn rows<'p>(
    plan: &'p Plan,
    prior: &Recorded,
    names: &AccountNames,
    detail: PlanDetail,
) -> Vec<Row<'p>> {
    let view = PlanView::new(plan, prior);
    let writer = Writer { view: &view, names, paint: Paint::PLAIN, detail };
    let is_shown = |change: &ImageChange| {
        change.action != Action::Unchanged
            || matches!(change.reason, Reason::Pinned { .. } | Reason::Held { .. })
    };
    let groups = writer.groups(&plan.changes).into_iter();
    groups
        .filter(|group| group.first().is_some_and(|first| is_shown(first)))
        .filter_map(|group| writer.row(&group, prior))
        .collect()
}

impl Writer<'_> {
    pub(super) fn row<'p>(&self, group: &[&'p ImageChange], prior: &Recorded) -> Option<Row<'p>> {
        let first: &'p ImageChange = group.first().copied()?;
        let early = gaps(first, prior);
        let mut regions: Vec<&Region> = first.placements.iter().map(|one| &one.at.region).collect();
        regions.sort();
        regions.dedup();
        let [mut kept, mut gained, mut lost, mut gap] = [const { Accounts::EMPTY }; 4];
        for change in group {
            for (region, (before, after)) in access(change, prior) {
                kept = kept.joined(&before.shared_with(&after));
                gained = gained.joined(&after.without(&before));
                lost = lost.joined(&before.without(&after));
                if early.contains(&&region) {
                    gap = gap.joined(&before);
                }
            }
        }
        let how = match first.action {
            Action::Replace if early.is_empty() => "create first".to_owned(),
            Action::Replace => format!("delete first in {}", crate::report::applied::regions(&early)),
            Action::Update => updates(first),
            action => action.as_str().to_owned(),
        };
        Some(Row {
            images: group.iter().map(|change| &change.image).collect(),
            action: first.action,
            revisions: self.revisions(first),
            how,
            is_grave: !early.is_empty() || first.action == Action::Delete,
            regions,
            kept,
            gained,
            lost,
            gap,
        })
    }
}

/// Returns the regions that have no image for a time, because it is deleted before its successor is made.
fn gaps<'p>(change: &'p ImageChange, prior: &Recorded) -> Vec<&'p Region> {
    let is_early = |one: &&PlacementChange| {
        one.deletes_image()
            && (change.delete_first || one.is_deleted_first())
            && !change.leaves_image(prior, &one.at)
            && change.generation.is_some()
    };
    let mut regions: Vec<&Region> =
        change.placements.iter().filter(is_early).map(|one| &one.at.region).collect();
    regions.sort();
    regions.dedup();
    regions
}

/// Returns what an update does to the placements: `change description, copy to 1 region`.
fn updates(change: &ImageChange) -> String {
    let mut fields: Vec<String> = Vec::new();
    let number = |action| change.placements.iter().filter(|one| one.action() == action).count();
    for one in change.placements.iter().filter(|one| one.action() == Action::Update) {
        for field in one.fields() {
            // Keys of tags are text of users.
            let field = field.field.split('.').next().unwrap_or_default().to_owned();
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
    }
    let mut parts = Vec::new();
    if !fields.is_empty() {
        parts.push(format!("change {}", fields.join(", ")));
    }
    for (action, verb) in
        [(Action::Copy, "copy to"), (Action::Delete, "delete in"), (Action::Create, "create in")]
    {
        match number(action) {
            0 => {}
            number => parts.push(format!("{verb} {}", count(number, "region", "regions"))),
        }
    }
    match (parts.is_empty(), change.placements.iter().any(|one| one.action() == Action::Wait)) {
        (true, true) => "wait".to_owned(),
        (true, false) => "change access".to_owned(),
        (false, _) => parts.join(", "),
    }
}

impl Row<'_> {
    /// Returns who keeps, gets and loses access, gravest first, each with whether it is grave.
    pub(in crate::report) fn consumers(&self) -> Vec<(bool, String)> {
        let parts = [
            (true, &self.gap, "with a gap"),
            (true, &self.lost, if self.lost.len() == 1 { "loses access" } else { "lose access" }),
            (false, &self.gained, if self.gained.len() == 1 { "gets access" } else { "get access" }),
            (false, &self.kept, if self.kept.len() == 1 { "keeps access" } else { "keep access" }),
        ];
        let is_shown = |(is_grave, accounts, _): &(bool, &Accounts, &str)| {
            !accounts.is_empty() && (*is_grave || self.action != Action::Unchanged)
        };
        let shown = parts.into_iter().filter(is_shown);
        shown.map(|(is_grave, accounts, what)| (is_grave, format!("{} {what}", accounts.len()))).collect()
    }

    /// Returns the revisions: `2026-W48 → 2026-W49`. `code` marks text of a user.
    pub(in crate::report) fn revision(&self, code: &dyn Fn(&str) -> String) -> String {
        match &self.revisions {
            (Some(old), Some(new)) if old != new => format!("{} → {}", code(old), code(new)),
            (_, Some(new)) => code(new),
            (Some(old), None) => code(old),
            (None, None) => String::new(),
        }
    }
}

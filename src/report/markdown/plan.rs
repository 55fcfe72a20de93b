//! A plan: entries that change alike in a row, then limits, names and accounts, folded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::difference::difference;
use super::escape::{block, cell, code};
use super::{Detail, folded, more, take_lines};
use crate::model::{Accounts, Region};
use crate::plan::{Plan, RegionCapacity};
use crate::report::graph::mermaid;
use crate::report::losses::{Loss, total};
use crate::report::plan::{PlanDetail, Row, capacity_rows, changes_text, place};
use crate::report::verdict::Verdict;
use crate::report::{Paint, Summary, count};
use crate::state::Recorded;

/// What the table of entries and the totals are made of.
pub(super) struct Planned<'p> {
    pub(super) plan: &'p Plan,
    pub(super) prior: &'p Recorded,
    pub(super) rows: Vec<Row<'p>>,
    pub(super) losses: Vec<Loss>,
}

impl Planned<'_> {
    /// Returns `29 of 30 images rebuilt`. Empty if none is.
    pub(super) fn rebuilt(&self) -> String {
        let summary = Summary::of(self.plan);
        let all = self.plan.changes.iter().filter(|change| change.generation.is_some()).count();
        match (summary.replace, all) {
            (0, _) => String::new(),
            (1, 1) => ", 1 image rebuilt".to_owned(),
            (number, all) if number == all => format!(", all {all} images rebuilt"),
            (number, all) => format!(", {number} of {all} images rebuilt"),
        }
    }

    /// Returns what the plan comes to, who loses what, in one line.
    pub(super) fn totals(&self) -> String {
        let summary = Summary::of(self.plan);
        let mut parts = Vec::new();
        let mut revisions: Vec<String> = Vec::new();
        for row in self.rows.iter().filter(|row| row.action == crate::diff::Action::Replace) {
            let revision = row.revision(&code);
            if !revision.is_empty() && !revisions.contains(&revision) {
                revisions.push(revision);
            }
        }
        match revisions.as_slice() {
            [] => {}
            [one] => parts.push(format!("**{one}**")),
            several => parts.push(format!("{} revisions", several.len())),
        }
        // Shares and deprecation marks of a rebuild follow from it.
        parts.push(if summary.replace > 0 { summary.made() } else { summary.line() });
        parts.extend(self.access());
        if !self.plan.is_empty() {
            parts.push(count(summary.steps, "step", "steps"));
        }
        parts.join(" · ")
    }

    /// Returns who loses access or has a gap, or that nobody does.
    fn access(&self) -> Vec<String> {
        let [mut kept, mut lost, mut gap] = [const { Accounts::EMPTY }; 3];
        for row in &self.rows {
            kept = kept.joined(&row.kept);
            lost = lost.joined(&row.lost);
            gap = gap.joined(&row.gap);
        }
        let mut parts: Vec<String> = Vec::new();
        parts.extend(total(&self.losses).map(|total| format!("**{total}**")));
        if !gap.is_empty() {
            let verb = if gap.len() == 1 { "has" } else { "have" };
            parts.push(format!("**{} {verb} a gap**", count(gap.len(), "account", "accounts")));
        }
        if parts.is_empty() && lost.is_empty() && !kept.is_empty() {
            parts.push("no account loses an image".to_owned());
        }
        parts
    }

    /// The entries that change, those that change alike in one row.
    pub(super) fn table(&self, text: &mut String, detail: &Detail) {
        if self.rows.is_empty() || detail.level.entries == 0 {
            return;
        }
        text.push_str("| images | revision | how | regions | consumers |\n|---|---|---|--:|---|\n");
        for row in self.rows.iter().take(detail.level.entries) {
            let images = match row.images.as_slice() {
                [one] => cell(one.as_str()),
                several => format!("{} images", several.len()),
            };
            let bold = |(is_grave, text): (bool, String)| if is_grave { format!("**{text}**") } else { text };
            let consumers: Vec<String> = row.consumers().into_iter().map(bold).collect();
            let _ = writeln!(
                text,
                "| {images} | {} | {} | {} | {} |",
                row.revision(&cell),
                bold((row.is_grave, row.how.clone())),
                row.regions.len(),
                consumers.join(", ")
            );
        }
        text.push('\n');
        more(text, self.rows.len(), detail.level.entries, "");
    }

    /// Limits, names and accounts, changed lines and the graph.
    pub(super) fn details(&self, text: &mut String, verdict: &Verdict<'_>, detail: &Detail) {
        self.capacity(text, detail);
        let changes = changes_text(self.plan, self.prior, &verdict.names, Paint::PLAIN, detail.plan);
        if !self.rows.is_empty() && detail.level.lines > 0 {
            let title = match self.rows.iter().map(|row| row.images.len()).sum() {
                1 => "1 entry changes".to_owned(),
                all => format!("{} by name; regions and accounts", count(all, "entry", "entries")),
            };
            let lines = take_lines(changes.trim_end(), detail.level.lines);
            folded(text, &title, &block("text", &lines));
        }
        self.compared(text, verdict, detail);
        if self.plan.graph.len() <= detail.level.steps && !self.plan.graph.is_empty() {
            folded(text, "Graph of the steps", &block("mermaid", &mermaid(self.plan)));
        }
        let digest = match self.plan.is_empty() {
            true => String::new(),
            false => format!(" · digest `{}`", self.plan.digest.name()),
        };
        let _ = writeln!(text, "<sub>{}{digest}</sub>", code(&place(self.plan, self.prior)));
    }

    fn capacity(&self, text: &mut String, detail: &Detail) {
        let rows = capacity_rows(self.plan, detail.plan);
        if rows.is_empty() || detail.level.regions == 0 {
            return;
        }
        let mut table = "| region | now | peak | after | limit | source of the limit |\n".to_owned();
        table.push_str("|---|--:|--:|--:|--:|---|\n");
        for row in rows.iter().take(detail.level.regions) {
            let [region, numbers @ ..] = row.cells();
            let region = if row.regions.len() == 1 { cell(&region) } else { region };
            let _ = writeln!(table, "| {region} | {} |", numbers.join(" | "));
        }
        more(&mut table, rows.len(), detail.level.regions, "\n");
        folded(text, &format!("Capacity: {}", fullest(self.plan)), &table);
    }

    /// The lines that change in images that stay.
    fn compared(&self, text: &mut String, verdict: &Verdict<'_>, detail: &Detail) {
        if detail.level.compared == 0 {
            return;
        }
        let (mut lines, is_cut) =
            difference(self.plan, &verdict.names, detail.level.compared, detail.plan == PlanDetail::Full);
        if lines.is_empty() {
            return;
        }
        if is_cut {
            lines.push("… and more".to_owned());
        }
        folded(text, "Recorded against desired", &block("diff", &lines.join("\n")));
    }
}

/// Returns the regions that are nearest to their limit, and the fullest of the others.
fn fullest(plan: &Plan) -> String {
    let touched: BTreeSet<&Region> = plan.graph.steps().map(|(_, step)| &step.at().region).collect();
    let regions = plan.regions.iter().filter(|(region, _)| touched.contains(region));
    let (near, far): (Vec<_>, Vec<_>) = regions.partition(|(_, room)| room.is_near_limit());
    let describe = |(region, room): (&Region, &RegionCapacity)| {
        format!("{region} {} of {}", room.peak, room.limit.value)
    };
    let mut parts: Vec<String> = near.iter().take(3).map(|(region, room)| describe((region, room))).collect();
    if near.len() > 3 {
        parts.push(format!("{} more near their limit", near.len().saturating_sub(3)));
    }
    let mut by_limit: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for (_, room) in &far {
        let (number, peak) = by_limit.entry(room.limit.value).or_default();
        *number = number.saturating_add(1);
        *peak = room.peak.max(*peak);
    }
    for (limit, (number, peak)) in by_limit {
        parts.push(format!("{} at most {peak} of {limit}", count(number, "region", "regions")));
    }
    parts.join(", ")
}

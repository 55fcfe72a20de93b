//! The tables of the page: who loses what, limits, images by region, steps.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::diagnostics::sanitize;
use crate::diff::Action;
use crate::model::{GenerationNumber, ImageId, ImageKey, PlacementKey, Region};
use crate::plan::{Plan, RegionCapacity, StepIndex};
use crate::report::plan::{PlanDetail, because, rows};
use crate::report::step::what;
use crate::report::{AccountNames, count, limit_source};
use crate::state::Recorded;

/// The colour of an action.
fn colour(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Copy | Action::Adopt => "add",
        Action::Update | Action::Replace | Action::Return | Action::Wait => "mod",
        Action::Delete => "del",
        Action::Unchanged => "",
    }
}

/// Images that go, and accounts that lose one.
pub(super) fn losses(plan: &Plan, prior: &Recorded, names: &AccountNames) -> Markup {
    let losses = crate::report::losses::losses(plan, prior);
    if losses.is_empty() {
        return html! {};
    }
    html! {
        section #losses {
            h2 { "Who loses what" }
            ul { @for loss in &losses { li data-row { (loss.sentence(names, &|text| sanitize::escape_truncated(text))) } } }
        }
    }
}

/// Entries that change alike, a row for each group.
pub(super) fn changes(plan: &Plan, prior: &Recorded, names: &AccountNames, detail: PlanDetail) -> Markup {
    let rows = rows(plan, prior, names, detail);
    if rows.is_empty() {
        return html! {};
    }
    html! {
        section #changes {
            h2 { "What changes" }
            div class="scroll" { table {
                thead { tr { th { "images" } th { "revision" } th { "how" } th { "regions" } th { "consumers" } } }
                tbody { @for row in &rows {
                    tr data-row {
                        th scope="row" {
                            span class={"chip " (colour(row.action))} { (row.action.sign()) " " (row.action.as_str()) }
                            @if row.images.len() > 1 { (row.images.len()) " images" br; }
                            @for image in &row.images { span class="mono" { (image) } " " }
                        }
                        td { (row.revision(&sanitize::escape_truncated)) }
                        td { @if row.is_grave { strong class="del" { (row.how) } } @else { (row.how) } }
                        td { (row.regions.len()) br; @for region in &row.regions { span class="soft" { (region) } " " } }
                        td { @for (is_grave, text) in row.consumers() { p {
                            @if is_grave { strong class="del" { (text) } } @else { (text) }
                        } } }
                    }
                } }
            } }
        }
    }
}

/// Limits by region, each with a gauge.
pub(super) fn regions(plan: &Plan) -> Markup {
    html! {
        section #regions {
            h2 { "Custom images by region" }
            p class="soft" { "The bar is the limit: filled now, striped at the highest moment of any order, a mark after." }
            div class="scroll" {
                table {
                    thead { tr {
                        th { "region" } th { "now, peak and after" } th class="number" { "now" } th class="number" { "peak" }
                        th class="number" { "after" } th class="number" { "limit" } th { "source of the limit" }
                    } }
                    tbody { @for (region, room) in &plan.regions { (region_row(region, room)) } }
                }
            }
        }
    }
}

fn region_row(region: &Region, room: &RegionCapacity) -> Markup {
    let limit = usize::try_from(room.limit.value).unwrap_or(usize::MAX).max(1);
    let width = |number: usize| format!("width:{}%", number.saturating_mul(100).div_ceil(limit).min(100));
    let over = room.peak > limit;
    html! {
        tr data-row {
            td class="mono" { (region) }
            td {
                div class=(if over { "gauge over" } else { "gauge" }) role="img"
                    aria-label={(room.now()) " now, " (room.peak) " at most, " (room.after) " after, of " (room.limit.value)} {
                    i class="peak" style=(width(room.peak)) {}
                    i class="now" style=(width(room.now())) {}
                    i class="after" style=(width(room.after)) {}
                }
            }
            td class="number" { (room.now()) }
            td class="number" { (room.peak) @if over { " " strong class="del" { "over" } } }
            td class="number" { (room.after) }
            td class="number" { (room.limit.value) }
            td { (limit_source(&room.limit)) @if room.waves > 1 { "; " (room.waves) " waves" } }
        }
    }
}

/// Cell of the matrix: a generation, its change and its id.
type Cell<'a> = (GenerationNumber, Action, Option<&'a ImageId>);
/// Row of the matrix.
type Cells<'a> = BTreeMap<&'a Region, Vec<Cell<'a>>>;

/// Entries by regions: what is there and what becomes of it.
pub(super) fn matrix(plan: &Plan, prior: &Recorded, detail: PlanDetail) -> Markup {
    let mut cells: BTreeMap<&ImageKey, BTreeMap<&Region, Vec<Cell<'_>>>> = BTreeMap::new();
    let mut touched: BTreeSet<&PlacementKey> = BTreeSet::new();
    for change in plan.changes.iter().flat_map(|change| &change.placements) {
        touched.insert(&change.at);
        cells.entry(&change.at.image).or_default().entry(&change.at.region).or_default().push((
            change.at.generation,
            change.action(),
            change.id(),
        ));
    }
    for (image, recorded) in &prior.images {
        for (generation, build) in &recorded.generations {
            for (region, placement) in &build.placements {
                let at =
                    PlacementKey { image: image.clone(), generation: *generation, region: region.clone() };
                if !touched.contains(&at) {
                    let cell = (*generation, Action::Unchanged, Some(&placement.id));
                    cells.entry(image).or_default().entry(region).or_default().push(cell);
                }
            }
        }
    }
    let reasons: BTreeMap<&ImageKey, String> = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Unchanged)
        .map(|change| (&change.image, because(&change.reason)))
        .collect();
    let regions: BTreeSet<&Region> = cells.values().flat_map(|row| row.keys().copied()).collect();
    // Entries with the same cells are one row, unless each is asked for.
    let mut groups: Vec<(Vec<&ImageKey>, Cells<'_>)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (image, row) in cells {
        let alike = |cells: &Vec<Cell<'_>>| {
            cells.iter().map(|(generation, action, _)| (*generation, action.as_str())).collect::<Vec<_>>()
        };
        let cells: BTreeMap<_, _> = row.iter().map(|(region, cells)| (region, alike(cells))).collect();
        let shape = match detail {
            PlanDetail::Grouped => format!("{cells:?} {:?}", reasons.get(image)),
            PlanDetail::Full => image.to_string(),
        };
        let next = groups.len();
        let position = *known.entry(shape).or_insert(next);
        match groups.get_mut(position) {
            Some((images, _)) => images.push(image),
            None => groups.push((vec![image], row)),
        }
    }
    html! {
        section #images {
            h2 { "Images by region" }
            p class="soft" { "+ made, ~ changed, - deleted, = as it is; # is the generation." }
            div class="scroll" tabindex="0" role="region" aria-label="Images by region" {
                table {
                    thead { tr { th { "image" } @for region in &regions { th { (region) } } th { "why" } } }
                    tbody {
                        @for (images, row) in &groups {
                            tr data-row {
                                th scope="row" class="mono" {
                                    @if images.len() > 1 { (images.len()) " images" br; }
                                    @for image in images { (image) " " }
                                }
                                @for region in &regions {
                                    td { @for (generation, action, id) in row.get(region).into_iter().flatten() {
                                        span class={"chip " (colour(*action))}
                                            title={(action.as_str()) @if let Some(id) = id.filter(|_| images.len() == 1) { " " (id) }} {
                                            (action.sign()) " #" (generation) " " (action.as_str())
                                        }
                                    } }
                                }
                                td { @if let Some(reason) = images.first().and_then(|image| reasons.get(image)) { (sanitize::escape_controls(reason)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every step in its order, with what it waits for and why.
pub(super) fn steps(plan: &Plan, names: &AccountNames) -> Markup {
    let order: Vec<StepIndex> =
        plan.graph.check().unwrap_or_else(|_| plan.graph.steps().map(|(index, _)| index).collect());
    html! {
        section #steps {
            h2 { (count(order.len(), "step", "steps")) ", in an order that is allowed" }
            div class="scroll" {
                table {
                    thead { tr { th class="number" { "" } th { "step" } th { "what it does" } th { "what it waits for" } } }
                    tbody {
                        @for (number, index) in order.iter().enumerate() {
                            @let step = &plan.graph[*index];
                            tr data-row {
                                td class="number" { (number.saturating_add(1)) }
                                td class="mono" { (sanitize::escape_controls(&step.id.to_string())) }
                                td { (sanitize::escape_controls(&what(&step.operation, names))) }
                                td {
                                    @for (earlier, reason) in plan.graph.waits_for(*index) {
                                        p { code { (sanitize::escape_controls(&plan.graph[earlier].id.to_string())) } ": "
                                            (sanitize::escape_controls(&reason.explain())) " "
                                            span class="soft" { "(" (reason.source()) ")" } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

//! The tables of the page: who loses what, limits, images by region, steps.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::Page;
use crate::diagnostics::harmless;
use crate::diff::{Action, PlacementChange};
use crate::model::{AccountId, GenerationNumber, ImageId, ImageKey, PlacementKey, Region};
use crate::plan::{Plan, PlanView, RegionRoom, StepIndex};
use crate::report::plan::because;
use crate::report::step::what;
use crate::report::{count, limit_source};

/// The sign, the colour and the word of an action.
fn mark(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create | Action::Copy | Action::Adopt => ("+", "add"),
        Action::Update => ("~", "mod"),
        Action::Replace => ("-/+", "mod"),
        Action::Delete | Action::Forget => ("-", "del"),
        Action::Unchanged => ("=", ""),
    }
}

/// Accounts that lose a share, and whether they keep another generation of the image in that region.
pub(super) fn losses(page: &Page<'_>, plan: &Plan) -> Markup {
    let view = PlanView::new(plan, page.prior);
    let changes = || plan.changes.iter().flat_map(|change| &change.placements);
    let losing: Vec<&PlacementChange> = changes().filter(|change| !change.unshare.is_empty()).collect();
    if losing.is_empty() {
        return html! {};
    }
    // What is left at the end, by image and region.
    let mut left: BTreeMap<(&ImageKey, &Region), BTreeSet<AccountId>> = BTreeMap::new();
    let ends: Vec<PlacementKey> = page
        .prior
        .placements()
        .map(|(at, _)| at)
        .chain(changes().map(|change| change.at.clone()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|at| !changes().any(|change| change.at == *at && change.action == Action::Delete))
        .collect();
    for at in &ends {
        left.entry((&at.image, &at.region)).or_default().extend(view.accounts_after(at).iter());
    }
    html! {
        section #losses {
            h2 { "Who loses what" }
            div class="scroll" {
                table {
                    thead { tr { th { "image" } th { "accounts that lose it" } th { "what they keep" } } }
                    tbody {
                        @for change in losing {
                            @let kept = left.get(&(&change.at.image, &change.at.region));
                            @let lost = change.unshare.iter().filter(|account| !kept.is_some_and(|kept| kept.contains(account))).count();
                            tr data-row {
                                td class="mono" { (change.at) @if let Some(id) = &change.id { " " (id) } }
                                td { (harmless::harmless(&page.names.list(&change.unshare))) }
                                td {
                                    @if lost == 0 { "another generation in " (change.at.region) }
                                    @else if lost == change.unshare.len() { strong class="del" { "nothing in " (change.at.region) } }
                                    @else { strong class="del" { (count(lost, "account keeps", "accounts keep")) " nothing in " (change.at.region) } }
                                }
                            }
                        }
                    }
                }
            }
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

fn region_row(region: &Region, room: &RegionRoom) -> Markup {
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

/// What stands in a cell of the matrix: a generation, what becomes of it, its id.
type Cell<'a> = (GenerationNumber, Action, Option<&'a ImageId>);

/// Entries by regions: what is there and what becomes of it.
pub(super) fn matrix(page: &Page<'_>, plan: &Plan) -> Markup {
    let mut cells: BTreeMap<&ImageKey, BTreeMap<&Region, Vec<Cell<'_>>>> = BTreeMap::new();
    let mut touched: BTreeSet<&PlacementKey> = BTreeSet::new();
    for change in plan.changes.iter().flat_map(|change| &change.placements) {
        touched.insert(&change.at);
        cells.entry(&change.at.image).or_default().entry(&change.at.region).or_default().push((
            change.at.generation,
            change.action,
            change.id.as_ref(),
        ));
    }
    for (image, recorded) in &page.prior.images {
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
    let regions: BTreeSet<&Region> = cells.values().flat_map(|row| row.keys().copied()).collect();
    html! {
        section #images {
            h2 { "Images by region" }
            p class="soft" { "+ made, ~ changed, - deleted, = as it is; # is the generation." }
            div class="scroll" tabindex="0" role="region" aria-label="Images by region" {
                table {
                    thead { tr { th { "image" } @for region in &regions { th { (region) } } th { "why" } } }
                    tbody {
                        @for (image, row) in &cells {
                            tr data-row {
                                th scope="row" class="mono" { (image) }
                                @for region in &regions {
                                    td { @for (generation, action, id) in row.get(region).into_iter().flatten() {
                                        @let (sign, class) = mark(*action);
                                        span class={"chip " (class)}
                                            title={(action.as_str()) @if let Some(id) = id { " " (id) }} {
                                            (sign) " #" (generation) " " (action.as_str())
                                        }
                                    } }
                                }
                                td { @for change in plan.changes.iter().filter(|change| change.image == **image) {
                                    @if change.action != Action::Unchanged { (harmless::harmless(&because(&change.reason))) }
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every step in its order, with what it waits for and why.
pub(super) fn steps(page: &Page<'_>, plan: &Plan) -> Markup {
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
                            @if let Some(step) = plan.graph.step(*index) {
                                tr data-row {
                                    td class="number" { (number.saturating_add(1)) }
                                    td class="mono" { (harmless::harmless(&step.id.to_string())) }
                                    td { (harmless::harmless(&what(&step.operation, page.names))) }
                                    td {
                                        @for (earlier, reason) in plan.graph.waits_for(*index) {
                                            @if let Some(earlier) = plan.graph.step(earlier) {
                                                p { code { (harmless::harmless(&earlier.id.to_string())) } ": "
                                                    (harmless::harmless(&reason.explain())) " "
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
    }
}

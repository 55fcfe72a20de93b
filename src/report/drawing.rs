//! The plan's graph as a picture: SVG, drawn here, so that nobody has to install a program for it.
//!
//! A general layout (layers, fewest crossings) hides the entries and regions, and takes seconds for a large plan.
//! This one is a time table: a row is an image in a region, a column is how many steps must have settled before, and
//! an arrow leads from what is done first, with its reason under the pointer. Rows are grouped by entry. Its cost is
//! linear, and the same plan is drawn with the same bytes.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use crate::diagnostics::sanitize;
use crate::model::{PlacementKey, Verb};
use crate::plan::{Plan, Step, StepIndex};

/// More steps than this are not drawn: nobody could read the picture.
pub const MOST_STEPS: usize = 400;

const BOX_WIDTH: usize = 92;
const BOX_HEIGHT: usize = 24;
const COLUMN: usize = 148;
const ROW: usize = 34;
const MARGIN: usize = 12;
/// The width of a letter of the labels, about.
const LETTER: usize = 7;

/// Where a step is drawn, in boxes: column and row from 0.
struct Drawn<'p> {
    index: StepIndex,
    step: &'p Step,
    column: usize,
    row: usize,
}

/// A plan's picture before it is written.
struct Layout<'p> {
    steps: BTreeMap<StepIndex, Drawn<'p>>,
    /// The label of a row, where one begins.
    labels: BTreeMap<usize, PlacementKey>,
    columns: usize,
    rows: usize,
}

impl<'p> Layout<'p> {
    fn of(plan: &'p Plan) -> Self {
        let columns = columns(plan);
        let mut by_row: BTreeMap<&PlacementKey, Vec<(usize, StepIndex, &Step)>> = BTreeMap::new();
        for (index, step) in plan.graph.steps() {
            let column = columns.get(&index).copied().unwrap_or_default();
            by_row.entry(step.at()).or_default().push((column, index, step));
        }
        let mut layout = Self { steps: BTreeMap::new(), labels: BTreeMap::new(), columns: 0, rows: 0 };
        for (at, mut steps) in by_row {
            layout.labels.insert(layout.rows, at.clone());
            steps.sort_by_key(|(column, index, _)| (*column, *index));
            // Steps of one image that may run concurrently are drawn below each other.
            let (mut last, mut below, mut deepest) = (None, 0_usize, 0_usize);
            for (column, index, step) in steps {
                below = if last == Some(column) { below.saturating_add(1) } else { 0 };
                last = Some(column);
                deepest = deepest.max(below);
                let row = layout.rows.saturating_add(below);
                layout.steps.insert(index, Drawn { index, step, column, row });
                layout.columns = layout.columns.max(column.saturating_add(1));
            }
            layout.rows = layout.rows.saturating_add(deepest).saturating_add(1);
        }
        layout
    }
}

/// How many steps must have settled, one after the other, before each one starts.
fn columns(plan: &Plan) -> BTreeMap<StepIndex, usize> {
    let mut columns = BTreeMap::new();
    // A plan with a cycle is refused elsewhere. Here its steps keep their order.
    let order = plan.graph.check().unwrap_or_else(|_| plan.graph.steps().map(|(index, _)| index).collect());
    for index in order {
        let before = plan.graph.waits_for(index).filter_map(|(earlier, _)| columns.get(&earlier)).max();
        let column = before.map_or(0, |column: &usize| column.saturating_add(1));
        columns.insert(index, column);
    }
    columns
}

/// The plan's graph as an SVG file of its own, which is dark where the reader's screen is.
pub fn svg(plan: &Plan) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&picture(plan).into_string());
    text.push('\n');
    text
}

/// The picture, for a page or a file.
pub fn picture(plan: &Plan) -> Markup {
    if plan.graph.len() > MOST_STEPS {
        return note(&format!(
            "{} steps are too many to draw. Draw one entry: graph --target image.KEY",
            plan.graph.len()
        ));
    }
    if plan.graph.is_empty() {
        return note("No changes.");
    }
    let layout = Layout::of(plan);
    let longest = layout.labels.values().map(|at| at.to_string().chars().count()).max().unwrap_or_default();
    let left = longest.saturating_mul(LETTER).saturating_add(MARGIN.saturating_mul(2));
    let top = MARGIN.saturating_mul(3);
    let width = left.saturating_add(layout.columns.saturating_mul(COLUMN)).saturating_add(MARGIN);
    let height = top.saturating_add(layout.rows.saturating_mul(ROW)).saturating_add(MARGIN);
    let x = |column: usize| left.saturating_add(column.saturating_mul(COLUMN));
    let y = |row: usize| top.saturating_add(row.saturating_mul(ROW));
    html! {
        svg xmlns="http://www.w3.org/2000/svg" class="gf" role="img" aria-label="The steps and what they wait for"
            width=(width) height=(height) viewBox={"0 0 " (width) " " (height)} {
            (style())
            @for column in 0..layout.columns {
                text class="gf-head" x=(x(column)) y=(MARGIN.saturating_mul(2)) {
                    @if column == 0 { "at once" } @else { "after " (column) }
                }
            }
            @for (row, at) in &layout.labels {
                line class="gf-rule" x1="0" x2=(width) y1=(y(*row).saturating_sub(5)) y2=(y(*row).saturating_sub(5)) {}
                text class="gf-row" x=(MARGIN) y=(y(*row).saturating_add(16)) { (sanitize::escape_controls(&at.to_string())) }
            }
            @for (earlier, later, reason) in sorted_edges(plan) {
                @if let (Some(from), Some(to)) = (layout.steps.get(&earlier), layout.steps.get(&later)) {
                    (arrow(
                        (x(from.column).saturating_add(BOX_WIDTH), y(from.row).saturating_add(BOX_HEIGHT / 2)),
                        (x(to.column), y(to.row).saturating_add(BOX_HEIGHT / 2)),
                        (earlier, later),
                        &format!("{} waits for {}: {}", to.step.id, from.step.id, reason),
                    ))
                }
            }
            @for drawn in layout.steps.values() {
                (node(drawn, x(drawn.column), y(drawn.row)))
            }
        }
    }
}

fn node(drawn: &Drawn<'_>, x: usize, y: usize) -> Markup {
    let Drawn { index, step, .. } = drawn;
    let class = match step.verb() {
        Verb::Create | Verb::Copy | Verb::Share => "gf-add",
        Verb::Delete | Verb::Unshare => "gf-del",
        _ => "gf-mod",
    };
    html! {
        g class={"gf-step " (class)} data-step=(index.index()) {
            title { (sanitize::escape_controls(&step.id.to_string())) }
            rect x=(x) y=(y) width=(BOX_WIDTH) height=(BOX_HEIGHT) rx="4" {}
            text x=(x.saturating_add(BOX_WIDTH / 2)) y=(y.saturating_add(16)) text-anchor="middle" {
                (step.verb().as_str())
            }
        }
    }
}

type Point = (usize, usize);

fn arrow((x1, y1): Point, (x2, y2): Point, (from, to): (StepIndex, StepIndex), title: &str) -> Markup {
    let bend = (COLUMN - BOX_WIDTH) * 3 / 4;
    let tip = x2.saturating_sub(6);
    let path =
        format!("M{x1} {y1} C{} {y1} {} {y2} {tip} {y2}", x1.saturating_add(bend), tip.saturating_sub(bend));
    let head = format!("M{x2} {y2} l-7 -4 v8 z");
    html! {
        g class="gf-edge" data-from=(from.index()) data-to=(to.index()) {
            title { (sanitize::escape_controls(title)) }
            path class="gf-line" d=(path) {}
            path class="gf-tip" d=(head) {}
        }
    }
}

fn sorted_edges(plan: &Plan) -> Vec<(StepIndex, StepIndex, String)> {
    let mut edges: Vec<_> =
        plan.graph.edges().map(|(earlier, later, reason)| (earlier, later, reason.explain())).collect();
    edges.sort();
    edges
}

fn note(text: &str) -> Markup {
    let width = text.chars().count().saturating_mul(LETTER).saturating_add(MARGIN.saturating_mul(2));
    html! {
        svg xmlns="http://www.w3.org/2000/svg" class="gf" role="img" width=(width) height="40" viewBox={"0 0 " (width) " 40"} {
            (style())
            text class="gf-row" x=(MARGIN) y="24" { (text) }
        }
    }
}

/// Colours and fonts. The text is constant, and has nothing of the user's.
fn style() -> Markup {
    PreEscaped(format!("<style>{}</style>", include_str!("drawing.css").replace('\n', "")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::PlanMode;
    use crate::plan::{PlanOptions, propose};
    use crate::state::Recorded;
    use crate::testing::{EXAMPLE, desired};

    fn plan_of(yaml: &str) -> Plan {
        propose(&desired(yaml), &Recorded::default(), None, &PlanOptions::all(PlanMode::Normal)).unwrap().plan
    }

    fn escaped(text: &str) -> String {
        html! { (text) }.into_string()
    }

    #[test]
    fn every_step_and_every_reason_is_drawn_once() {
        let plan = plan_of(EXAMPLE);
        let drawn = svg(&plan);
        assert_eq!(drawn.matches("<g class=\"gf-step ").count(), plan.graph.len());
        assert_eq!(drawn.matches("<g class=\"gf-edge\"").count(), plan.graph.edges().count());
        for (_, _, reason) in plan.graph.edges() {
            assert!(drawn.contains(&escaped(&reason.explain())), "{}", reason.explain());
        }
    }

    #[test]
    fn what_waits_is_to_the_right_and_no_two_stand_in_one_place() {
        let plan = plan_of(EXAMPLE);
        let layout = Layout::of(&plan);
        for (earlier, later, _) in plan.graph.edges() {
            assert!(layout.steps[&earlier].column < layout.steps[&later].column);
        }
        let places: std::collections::BTreeSet<(usize, usize)> =
            layout.steps.values().map(|drawn| (drawn.column, drawn.row)).collect();
        assert_eq!(places.len(), plan.graph.len());
    }

    #[test]
    fn the_picture_of_the_example() {
        insta::assert_snapshot!(svg(&plan_of(EXAMPLE)));
    }
}

//! The plan's graph for other programs to draw: DOT and Mermaid, grouped by image, every edge with its reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::diagnostics::sanitize;
use crate::model::ImageKey;
use crate::plan::{Plan, Step, StepIndex};

/// The steps of each image, in planned order.
fn by_image(plan: &Plan) -> BTreeMap<&ImageKey, Vec<(StepIndex, &Step)>> {
    let mut images: BTreeMap<&ImageKey, Vec<(StepIndex, &Step)>> = BTreeMap::new();
    for (index, step) in plan.graph.steps() {
        images.entry(&step.at().image).or_default().push((index, step));
    }
    images
}

fn edges(plan: &Plan) -> Vec<(usize, usize, String)> {
    let mut edges: Vec<(usize, usize, String)> = plan
        .graph
        .edges()
        .map(|(earlier, later, reason)| (earlier.index(), later.index(), reason.explain()))
        .collect();
    edges.sort();
    edges
}

/// The graph in the language of Graphviz. An arrow leads from what is done first.
pub fn dot(plan: &Plan) -> String {
    // In a quoted string only these two characters end or change anything.
    let quoted = |text: &str| {
        let text =
            sanitize::escape_controls(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
        format!("\"{text}\"")
    };
    let mut text =
        String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (number, (image, steps)) in by_image(plan).into_iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{number} {{");
        let _ = writeln!(text, "    label={};", quoted(&format!("image.{image}")));
        for (index, step) in steps {
            let _ = writeln!(text, "    s{} [label={}];", index.index(), quoted(&step.id.to_string()));
        }
        text.push_str("  }\n");
    }
    for (earlier, later, reason) in edges(plan) {
        let _ = writeln!(text, "  s{earlier} -> s{later} [label={}];", quoted(&reason));
    }
    text.push_str("}\n");
    text
}

/// The graph in the language of Mermaid, which GitHub and GitLab draw in comments.
pub fn mermaid(plan: &Plan) -> String {
    // Mermaid reads entities in quoted labels: what could end the label or start markup becomes one.
    let quoted = |text: &str| {
        let mut label = String::from("\"");
        for c in sanitize::escape_controls(text).chars() {
            match c {
                '"' | '#' | '&' | '<' | '>' | '`' | '|' | '\\' | ';' => {
                    let _ = write!(label, "#{};", u32::from(c));
                }
                '\n' => label.push(' '),
                other => label.push(other),
            }
        }
        label.push('"');
        label
    };
    let mut text = String::from("flowchart LR\n");
    for (number, (image, steps)) in by_image(plan).into_iter().enumerate() {
        let _ = writeln!(text, "  subgraph g{number}[{}]", quoted(&format!("image.{image}")));
        for (index, step) in steps {
            let _ = writeln!(text, "    s{}[{}]", index.index(), quoted(&step.id.to_string()));
        }
        text.push_str("  end\n");
    }
    for (earlier, later, reason) in edges(plan) {
        let _ = writeln!(text, "  s{earlier} -->|{}| s{later}", quoted(&reason));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::PlanMode;
    use crate::plan::{PlanOptions, propose};
    use crate::state::Recorded;
    use crate::testing::{EXAMPLE, desired};

    fn plan() -> Plan {
        let wanted = desired(EXAMPLE);
        propose(&wanted, &Recorded::default(), None, &PlanOptions::all(PlanMode::Normal)).unwrap().plan
    }

    #[test]
    fn every_step_and_every_edge_is_drawn_once() {
        let plan = plan();
        for drawn in [dot(&plan), mermaid(&plan)] {
            let arrows = drawn.lines().filter(|line| line.contains("->") || line.contains("-->")).count();
            assert_eq!(arrows, plan.graph.edges().count(), "{drawn}");
            for (_, step) in plan.graph.steps() {
                let label = step.id.to_string().replace('#', "#35;");
                assert!(drawn.contains(&label) || drawn.contains(&step.id.to_string()), "{}", step.id);
            }
        }
    }

    #[test]
    fn no_label_ends_before_its_end() {
        for line in dot(&plan()).lines().chain(mermaid(&plan()).lines()) {
            assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        }
    }
}

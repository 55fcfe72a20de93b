//! Limits of custom images by region: regions far from their limit share a line.

use std::collections::BTreeSet;

use super::PlanDetail;
use crate::model::Region;
use crate::plan::{Plan, RegionCapacity};
use crate::report::table::{Align, table};
use crate::report::{Paint, limit_source};

/// Regions of which the same is said.
pub(in crate::report) struct CapacityRow<'p> {
    /// The regions.
    pub(in crate::report) regions: Vec<&'p Region>,
    /// The largest numbers among them.
    room: RegionCapacity,
    /// The numbers of the regions differ.
    differs: bool,
}

/// Least number of regions that share a row: fewer are named.
const SHARED: usize = 3;

/// Returns the capacity of the regions that a plan touches. A region near its limit, or refused, has a row of its own; the
/// others share one for each limit, with the largest numbers among them. In full, each has its own.
pub(in crate::report) fn capacity_rows(plan: &Plan, detail: PlanDetail) -> Vec<CapacityRow<'_>> {
    let touched: BTreeSet<&Region> = plan.graph.steps().map(|(_, step)| &step.at().region).collect();
    let regions: Vec<(&Region, &RegionCapacity)> =
        plan.regions.iter().filter(|(region, _)| touched.contains(region)).collect();
    let is_alike = |one: &RegionCapacity, other: &RegionCapacity| {
        !one.is_near_limit()
            && !other.is_near_limit()
            && one.limit.value == other.limit.value
            && limit_source(&one.limit) == limit_source(&other.limit)
    };
    let is_shared = |room: &RegionCapacity| {
        let alike = regions.iter().filter(|(_, other)| is_alike(room, other));
        detail == PlanDetail::Grouped && alike.count() >= SHARED
    };
    let mut rows: Vec<CapacityRow<'_>> = Vec::new();
    for (region, room) in &regions {
        let shared = rows.iter_mut().find(|row| is_shared(room) && is_alike(&row.room, room));
        match shared {
            Some(row) => row.join(region, room),
            None => rows.push(CapacityRow { regions: vec![region], room: (*room).clone(), differs: false }),
        }
    }
    // What is full is read first.
    rows.sort_by_key(|row| !row.room.is_near_limit());
    rows
}

impl<'p> CapacityRow<'p> {
    fn join(&mut self, region: &'p Region, room: &RegionCapacity) {
        self.regions.push(region);
        let RegionCapacity { managed, unmanaged, peak, after, waves, limit: _ } = &mut self.room;
        let now = managed.saturating_add(*unmanaged);
        self.differs |= (room.now(), room.peak, room.after) != (now, *peak, *after);
        if room.now() > now {
            (*managed, *unmanaged) = (room.managed, room.unmanaged);
        }
        *peak = room.peak.max(*peak);
        *after = room.after.max(*after);
        *waves = room.waves.max(*waves);
    }

    /// The cells of the row: regions, numbers, source of the limit.
    pub(in crate::report) fn cells(&self) -> [String; 6] {
        let Self { regions, room, differs } = self;
        let source = match room.waves {
            0 | 1 => limit_source(&room.limit),
            waves => format!("{}; {waves} waves", limit_source(&room.limit)),
        };
        let regions = match regions.as_slice() {
            [one] => one.to_string(),
            several if *differs => format!("{} regions, at most", several.len()),
            several => format!("{} regions", several.len()),
        };
        let [now, peak, after] = [room.now(), room.peak, room.after].map(|number| number.to_string());
        [regions, now, peak, after, room.limit.value.to_string(), source]
    }
}

/// Returns the table of limits. Empty if nothing is made or deleted.
pub(super) fn limits(plan: &Plan, paint: Paint, detail: PlanDetail) -> String {
    let rows = capacity_rows(plan, detail);
    if rows.is_empty() {
        return String::new();
    }
    let head = ["region", "now", "peak", "after", "limit", "source of the limit"].map(str::to_owned);
    let cells: Vec<Vec<String>> =
        std::iter::once(head.to_vec()).chain(rows.iter().map(|row| row.cells().to_vec())).collect();
    let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
    format!("{}\n{}\n", paint.bold("Custom images by region"), table("  ", &align, &cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::worlds::{applied, plan_to};

    #[test]
    fn a_region_near_its_limit_has_its_own_line_and_the_others_share_one() {
        let manifest = "version: 1\naccount: \"100000000001\"\nlimits: { regions: { ap-tokyo: { images: 1 } } }\nimages:\n  web:\n    region: ap-jakarta\n    source: { instance: { id: ins-8f3a1c2d } }\n    copies: [ap-seoul, ap-singapore, ap-tokyo]\n";
        let plan = plan_to(&applied(&[]), manifest);
        let regions = |detail| {
            let rows = capacity_rows(&plan, detail);
            rows.iter().map(|row| row.cells()[..5].join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(regions(PlanDetail::Grouped), ["ap-tokyo 0 1 1 1", "3 regions 0 1 1 10"]);
        assert_eq!(regions(PlanDetail::Full).len(), 4);
        // Two regions are named.
        let two = plan_to(&applied(&[]), &manifest.replace("ap-seoul, ", ""));
        assert_eq!(capacity_rows(&two, PlanDetail::Grouped).len(), 3);
    }
}

//! Asks what is imported, in the regions where an entry is: offline, that is how a version is judged.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::tasks::bounded;
use crate::cloud::{CloudError, CloudRead, ErrorKind};
use crate::model::Region;
use crate::state::Recorded;

/// Records the operating systems that these regions import, and removes those of other regions. Returns whether anything
/// changed. The recorded ones stay if the caller may not ask, or the region imports nothing.
///
/// # Errors
/// The first read that failed otherwise; the record is as it was then.
pub async fn look_up_systems(
    cloud: &Arc<dyn CloudRead>,
    regions: BTreeSet<Region>,
    recorded: &mut Recorded,
    parallelism: usize,
) -> Result<bool, CloudError> {
    let mut known = recorded.import_systems.clone();
    known.retain(|region, _| regions.contains(region));
    let reading = |region: Region| {
        let name = format!("reading what {region} imports");
        (name, async move {
            match cloud.import_systems(&region).await {
                Ok(systems) => Ok(Some((region, systems))),
                Err(error) if matches!(error.kind, ErrorKind::Permission | ErrorKind::Unsupported) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        })
    };
    known.extend(bounded(parallelism, regions.into_iter().map(reading)).await?.into_iter().flatten());
    let changed = known != recorded.import_systems;
    recorded.import_systems = known;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::sim::{Fault, FaultEffect, ImportSystems as Listed, Settings};
    use crate::testing::Bench;

    async fn ask(bench: &Bench, recorded: &mut Recorded, regions: &[&str]) -> Result<bool, CloudError> {
        let cloud: Arc<dyn CloudRead> = bench.cloud();
        let regions = regions.iter().map(|region| region.parse().unwrap()).collect();
        look_up_systems(&cloud, regions, recorded, 2).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_region_imports_is_recorded_while_an_entry_is_imported_there() {
        let bench = Bench::new(Settings { import_systems: Listed::Example, ..Settings::default() });
        let mut recorded = Recorded::default();
        assert!(ask(&bench, &mut recorded, &["ap-jakarta"]).await.unwrap());
        assert!(!ask(&bench, &mut recorded, &["ap-jakarta"]).await.unwrap(), "nothing is new");
        let jakarta = recorded.import_systems.values().next().unwrap();
        let versions: Vec<&str> =
            jakarta.versions("Ubuntu").unwrap().iter().map(|version| version.as_str()).collect();
        assert_eq!(versions, ["10", "12", "14", "16"]);
        assert!(jakarta.names().any(|name| name == "Windows Server 2016"));
        assert!(ask(&bench, &mut recorded, &[]).await.unwrap());
        assert!(recorded.import_systems.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_ask_keeps_what_is_recorded() {
        let bench = Bench::new(Settings::default());
        let mut recorded = Recorded::default();
        ask(&bench, &mut recorded, &["ap-jakarta"]).await.unwrap();
        let before = recorded.clone();
        for (code, stays) in [("UnauthorizedOperation", true), ("InvalidParameter", false)] {
            bench.sim.clear_faults().unwrap();
            let effect = FaultEffect::Error { code: code.to_owned(), message: String::new() };
            let action = "DescribeImportImageOs".to_owned();
            bench
                .sim
                .add_fault(&Fault { action, region: None, caller: None, from_call: 1, times: None, effect })
                .unwrap();
            assert_eq!(ask(&bench, &mut recorded, &["ap-jakarta"]).await.is_ok(), stays, "{code}");
            assert_eq!(recorded, before);
        }
    }
}

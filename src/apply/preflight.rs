//! Asks the service about every call that can be tried, before any call that changes something.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::{named_image, send};
use super::tasks::bounded;
use crate::cloud::client::Secret;
use crate::cloud::{CloudError, CloudWrite, ErrorKind};
use crate::constraints::ValidPlan;
use crate::model::{ImageKey, Operation, Verb};
use crate::plan::preflight::{Obstacle, Preflight, Trial, remover, untried};
use crate::plan::{Plan, StepIndex};
use crate::state::{Lineage, Recorded};

/// Tries every call of a plan that can be tried; `cloud` must be one that only tries. What a refusal means for the
/// run is judged, not the run stopped: that is the caller's.
///
/// # Errors
/// When the service could not be asked about a call: who calls is not known, or nothing answers.
pub async fn preflight(
    cloud: &Arc<dyn CloudWrite>,
    plan: &ValidPlan,
    recorded: &Recorded,
    lineage: &Lineage,
    queries: &BTreeMap<ImageKey, Secret>,
    parallelism: usize,
) -> Result<Preflight, CloudError> {
    let plan = plan.plan();
    let mut trials: BTreeMap<StepIndex, Trial> = BTreeMap::new();
    let mut calls = Vec::new();
    for (index, step) in plan.graph.steps() {
        if let Some(why) = untried(&plan.graph, recorded, index) {
            trials.insert(index, Trial::Untried(why));
            continue;
        }
        let operation = step.operation.clone().owned_by(&lineage.0);
        let image = named_image(recorded, &operation);
        let query = queries.get(&operation.at().image).cloned();
        let owner = plan.account;
        calls.push((format!("trying `{}`", step.id), async move {
            let tried = send(cloud.as_ref(), owner, operation.clone(), image.clone(), query.clone()).await;
            // The run makes an image without the tags that are refused with it, so that call is tried.
            let tried = match (tried, without_tags(operation)) {
                (Err(error), Some(bare)) if error.kind == ErrorKind::Tag => {
                    send(cloud.as_ref(), owner, bare, image, query).await
                }
                (tried, _) => tried,
            };
            Ok((index, tried.map(|_| ())))
        }));
    }
    for (index, tried) in bounded(parallelism, calls).await? {
        let trial = match tried {
            Ok(()) => Trial::Passed,
            Err(error) => match judged(plan, recorded, index, &error) {
                Some(trial) => trial,
                None => return Err(error),
            },
        };
        trials.insert(index, trial);
    }
    let named = trials.into_iter().map(|(index, trial)| (plan.graph[index].id.clone(), trial));
    Ok(Preflight { trials: named.collect() })
}

fn without_tags(mut operation: Operation) -> Option<Operation> {
    match &mut operation {
        Operation::Create { tags, .. } if !tags.is_empty() => {
            tags.clear();
            Some(operation)
        }
        _ => None,
    }
}

/// What a refusal means for the run; nothing: it is no answer about this call.
fn judged(plan: &Plan, recorded: &Recorded, index: StepIndex, error: &CloudError) -> Option<Trial> {
    let refusal = error.to_string();
    let obstacle = match error.kind {
        ErrorKind::Shared => Obstacle::Shared,
        ErrorKind::ImageQuota => Obstacle::Quota,
        ErrorKind::DuplicateName => Obstacle::Name,
        ErrorKind::Busy => Obstacle::State,
        ErrorKind::Throttled
        | ErrorKind::Unreachable
        | ErrorKind::LockLost
        | ErrorKind::OutcomeUnknown
        | ErrorKind::Internal
        | ErrorKind::MalformedResponse
        | ErrorKind::Credentials
        | ErrorKind::Clock => return None,
        _ => return Some(Trial::Refused { refusal }),
    };
    if let Some(by) = remover(&plan.graph, recorded, index, obstacle) {
        return Some(Trial::Removed { by, refusal });
    }
    let mut waits = plan.graph.steps().filter(|(_, step)| step.verb() == Verb::Wait);
    let is_awaited =
        obstacle == Obstacle::State && waits.any(|(wait, _)| plan.graph.must_precede(wait, index));
    Some(if is_awaited { Trial::Awaited { refusal } } else { Trial::Refused { refusal } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::sim::{DryRun, Fault, FaultEffect, Settings};
    use crate::diff::PlanMode;
    use crate::testing::worlds::example_with;
    use crate::testing::{Bench, EXAMPLE, LINEAGE, desired};

    /// Returns the trials of a plan to this manifest, by step.
    async fn trials(bench: &mut Bench, yaml: &str) -> Result<BTreeMap<String, Trial>, CloudError> {
        let wanted = desired(yaml);
        let snapshot = bench.snapshot().await;
        let valid = bench.judge(&wanted, Bench::propose(&wanted, &snapshot, PlanMode::Normal)).1.unwrap();
        let cloud: Arc<dyn CloudWrite> = Arc::new(bench.cloud().dry_run());
        let lineage = Lineage(LINEAGE.into());
        let report = preflight(&cloud, &valid, &snapshot.recorded, &lineage, &BTreeMap::new(), 2).await?;
        assert_eq!(report.trials.len(), valid.plan().graph.len());
        Ok(report.trials.into_iter().map(|(step, trial)| (step.to_string(), trial)).collect())
    }

    fn fault(bench: &Bench, effect: FaultEffect) {
        let action = "CreateImage".to_owned();
        let fault = Fault { action, region: None, caller: None, from_call: 1, times: None, effect };
        bench.sim.add_fault(&fault).unwrap();
    }

    fn refusal(code: &str) -> FaultEffect {
        FaultEffect::Error { code: code.to_owned(), message: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_changed_by_trying_whatever_the_answer_to_one_that_passes() {
        for dry_run in [DryRun::Success, DryRun::Error] {
            // Tags that are refused on a create are put on afterwards: that is no reason to stop.
            for tags_on_create in [true, false] {
                let mut bench = Bench::new(Settings { dry_run, tags_on_create, ..Settings::default() });
                let trials = trials(&mut bench, EXAMPLE).await.unwrap();
                for create in ["create image.web@ap-jakarta#1", "create image.db@ap-jakarta#1"] {
                    assert_eq!(trials[create], Trial::Passed);
                }
                assert!(bench.sim.images().unwrap().is_empty());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_not_ready_is_waited_for() {
        let mut bench = Bench::new(Settings::default());
        bench.options.settle_timeout = std::time::Duration::from_secs(5);
        let action = "CreateImage".to_owned();
        let hang = Fault {
            action,
            region: None,
            caller: None,
            from_call: 1,
            times: None,
            effect: FaultEffect::Hang,
        };
        bench.sim.add_fault(&hang).unwrap();
        assert!(!bench.apply(&desired(EXAMPLE), PlanMode::Normal).await.1.is_complete());
        let trials = trials(&mut bench, EXAMPLE).await.unwrap();
        let copy = &trials["copy image.web@ap-tokyo#1"];
        assert!(matches!(copy, Trial::Awaited { .. }), "{copy:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nothing_in_the_plan_changes_is_a_refusal_and_no_answer_is_an_error() {
        let mut bench = Bench::new(Settings::default());
        fault(&bench, refusal("InvalidInstance.NotSupported"));
        let trials_now = trials(&mut bench, EXAMPLE).await.unwrap();
        let create = &trials_now["create image.web@ap-jakarta#1"];
        assert!(
            matches!(create, Trial::Refused { refusal } if refusal.contains("NotSupported")),
            "{create:?}"
        );
        for effect in [FaultEffect::NotSent, FaultEffect::LostAfter, refusal("AuthFailure.SignatureFailure")]
        {
            bench.sim.clear_faults().unwrap();
            fault(&bench, effect.clone());
            assert!(trials(&mut bench, EXAMPLE).await.is_err(), "{effect:?}");
        }
        assert!(bench.sim.images().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_region_passes_where_a_delete_comes_first() {
        let mut bench = Bench::new(Settings { images_per_region: 2, ..Settings::default() });
        bench.apply(&desired(EXAMPLE), PlanMode::Normal).await;
        let next = example_with("snap-2f3a1c2d", "snap-4444dddd")
            .replace("images:\n", "rules: { share_gap: warn }\nimages:\n");
        let trials = trials(&mut bench, &next).await.unwrap();
        let create = &trials["create image.db@ap-jakarta#2"];
        let delete = "delete image.db@ap-jakarta#1";
        assert!(matches!(create, Trial::Removed { by, .. } if by.to_string() == delete), "{create:?}");
        let delete = &trials[delete];
        assert!(matches!(delete, Trial::Removed { by, .. } if by.to_string().starts_with("unshare")));
    }
}

//! Context of one call: the world, the caller, the region, the time and the faults that apply to it.

use super::catalogue;
use super::geography::RegionInfo;
use super::ownership::Ownership;
use super::protocol::Reply;
use super::refusal::{ActionError, refuse};
use super::schema::Args;
use super::settings::{DryRun, Existence, Settings, Tasks};
use super::world::{FaultEffect, Image, ImageStatus, Instance, World};
use crate::model::{AccountId, ImageId, InstanceId};

/// Context of one call while it is executed.
pub(super) struct RequestContext<'a> {
    /// World that the call reads and writes.
    pub(super) world: &'a World,
    /// Switches of the world.
    pub(super) settings: &'a Settings,
    /// Calling main account, as text.
    pub(super) caller: &'a str,
    /// Called region. `None` if the action needs none and the call names none that exists.
    pub(super) region_info: Option<RegionInfo<'a>>,
    /// Current time, in microseconds since 1970.
    pub(super) now: i64,
    /// Effects of the fault scripts that apply to this call.
    pub(super) effects: &'a [FaultEffect],
    /// Whether answers name regions and zones in English instead of Chinese.
    pub(super) english: bool,
}

/// Task on an image: its state meanwhile, its end and its result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    /// ImageStatus of the image while the task runs.
    pub(super) state: ImageStatus,
    /// End of the task, in microseconds since 1970. `None`: it never ends.
    pub(super) ready_at: Option<i64>,
    /// ImageStatus of the image after the task.
    pub(super) becomes: ImageStatus,
}

impl<'a> RequestContext<'a> {
    /// Returns the code of the called region, empty if the call has none.
    pub(super) fn region(&self) -> &'a str {
        self.region_info.map_or("", |info| info.code)
    }

    /// Returns the image with an id, as the caller sees it in the called region. `None` if the caller sees none.
    ///
    /// # Errors
    /// If the id is malformed.
    pub(super) fn find_image(&self, id: &str) -> Result<Option<(Image, Ownership)>, ActionError> {
        if id.parse::<ImageId>().is_err() {
            return refuse("InvalidImageId.Malformed", format!("ImageId {id} is malformed."));
        }
        if let Some(image) = self.world.image(self.region(), id)? {
            let ownership = if image.owner == self.caller {
                Some(Ownership::Own)
            } else if self.world.is_shared_with(id, self.caller)? {
                Some(Ownership::Shared)
            } else {
                None
            };
            return Ok(ownership.map(|ownership| (image, ownership)));
        }
        Ok(self
            .region_info
            .and_then(|region_info| catalogue::find(self.settings, region_info.code, self.caller, id)))
    }

    /// Returns the image with an id, as the caller sees it in the called region.
    ///
    /// # Errors
    /// If the id is malformed, or if the caller sees no such image.
    pub(super) fn image(&self, id: &str) -> Result<(Image, Ownership), ActionError> {
        match self.find_image(id)? {
            Some(found) => Ok(found),
            None => refuse("InvalidImageId.NotFound", format!("ImageId {id} is not found.")),
        }
    }

    /// Returns the answer to a valid dry run. `None` if the call is no dry run and must be executed.
    pub(super) fn dry_run(&self, args: Args<'_>) -> Result<Option<Reply>, ActionError> {
        match (args.flag("DryRun"), self.settings.dry_run) {
            (false, _) => Ok(None),
            (true, DryRun::Success) => Ok(Some(Reply::new())),
            (true, DryRun::Error) => refuse(
                "DryRunOperation",
                "The request would have succeeded, but the DryRun parameter was passed.",
            ),
        }
    }

    /// Returns the task that starts now and puts its image into `state`.
    pub(super) fn task(&self, state: ImageStatus) -> Task {
        let settle = match state {
            ImageStatus::Syncing => self.settings.copy_settle,
            ImageStatus::Importing => self.settings.import_settle,
            _ => None,
        };
        let (mut after, mut tasks) = (settle.unwrap_or(self.settings.settle), self.settings.tasks);
        for effect in self.effects {
            match effect {
                FaultEffect::Fail => tasks = Tasks::Fail,
                FaultEffect::Hang => tasks = Tasks::Hang,
                FaultEffect::Settle { after: scripted } => after = *scripted,
                _ => {}
            }
        }
        let ready_at = self.now.saturating_add(micros(after));
        let failed = if state == ImageStatus::Importing {
            ImageStatus::ImportFailed
        } else {
            ImageStatus::CreateFailed
        };
        match tasks {
            Tasks::Succeed => Task { state, ready_at: Some(ready_at), becomes: ImageStatus::Normal },
            Tasks::Fail => Task { state, ready_at: Some(ready_at), becomes: failed },
            Tasks::Hang => Task { state, ready_at: None, becomes: state },
        }
    }

    /// Returns the time from which listings include an image that is created now.
    pub(super) fn visible_at(&self) -> i64 {
        let hidden = self.effects.iter().filter_map(|effect| match effect {
            FaultEffect::Hide { lasting } => Some(micros(*lasting)),
            _ => None,
        });
        self.now.saturating_add(hidden.fold(micros(self.settings.late_visibility), i64::max))
    }

    /// Returns the instance with an id. `None` if the caller has no such instance.
    pub(super) fn instance(&self, id: &str) -> Result<Option<Instance>, ActionError> {
        if id.parse::<InstanceId>().is_err() {
            return Ok(None);
        }
        let known = self.world.instance(self.region(), self.caller, id)?;
        Ok(known.or_else(|| match self.settings.instances {
            Existence::WellFormed => Some(Instance::well_formed(id, self.region(), self.caller)),
            Existence::Known => None,
        }))
    }

    /// Returns whether a main account exists.
    pub(super) fn account_exists(&self, account: AccountId) -> bool {
        self.settings.accounts.as_ref().is_none_or(|known| known.contains(&account))
    }
}

/// Converts a duration to microseconds; a negative one counts as zero.
pub(super) fn micros(duration: jiff::SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).max(0)
}

//! Progress events of a run.

use crate::model::ImageId;
use crate::plan::Step;

/// Receives progress events.
pub trait Progress: Send {
    /// The step's call is about to be sent.
    fn started(&mut self, step: &Step);
    /// The service accepted the call. The image is not NORMAL yet.
    fn accepted(&mut self, step: &Step, id: &ImageId);
    /// The step continues later, for this reason: its call is retried, or the image that it may have made is searched for.
    fn waiting(&mut self, step: &Step, why: &str);
    /// The step has settled.
    fn settled(&mut self, step: &Step);
    /// The step failed.
    fn failed(&mut self, step: &Step, why: &str);
}

/// Ignores all events.
#[derive(Debug, Default, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn started(&mut self, _: &Step) {}
    fn accepted(&mut self, _: &Step, _: &ImageId) {}
    fn waiting(&mut self, _: &Step, _: &str) {}
    fn settled(&mut self, _: &Step) {}
    fn failed(&mut self, _: &Step, _: &str) {}
}

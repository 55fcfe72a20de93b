//! Codes of what a drift report or the outcome of an apply finds. They have no number.

use crate::diagnostics::Code;
use crate::model::Level;

macro_rules! codes {
    ($($constant:ident = $name:literal $level:ident $title:literal $docs:literal)+) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub static $constant: Code =
                Code { id: $name, name: $name, title: $title, level: Level::$level, docs: $docs };
        )+
        /// All codes without a number.
        pub static CODES: &[&Code] = &[$(&$constant),+];
    };
}

codes! {
    DRIFT = "drift" Warn "The cloud is not as recorded"
        "The service reports something other than the state: an image was changed outside of goldform.\n\n\
         See what the next apply would do about it:\n\n    goldform plan --refresh\n"
    STEP_FAILED = "step_failed" Deny "A step failed"
        "The service refused a step, or the image that it made failed. Steps that depend on it were not \
         started.\n\nRemove the cause, and continue:\n\n    goldform apply\n"
    STEP_OPEN = "step_open" Warn "A step has not settled"
        "A step was sent and had not settled when the run ended. The state records it, and no call is \
         repeated.\n\nContinue:\n\n    goldform apply\n"
    INTERNAL_ERROR = "internal_error" Deny "A defect of goldform ended the run"
        "goldform itself failed. The state records what was done until then.\n\nReport the defect, and \
         continue:\n\n    goldform apply\n"
    STATE_UNSAVED = "state_unsaved" Deny "The state could not be saved"
        "The service was called, and the state could not be written afterwards. The journal beside the state names each \
         call that was sent.\n\nMake the state writable, and continue: the next apply finds out what became of the \
         calls.\n\n    goldform apply\n"
    APPLY_WARNING = "apply_warning" Allow "Worth knowing of this apply"
        "No step failed because of it.\n"
}

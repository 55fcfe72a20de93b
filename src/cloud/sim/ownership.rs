//! Relation of an image to the account that calls.

/// Relation of an image to the caller (213/15715 ImageType).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Belongs to the caller: PRIVATE_IMAGE.
    Own,
    /// Belongs to another account that shares it with the caller: SHARED_IMAGE.
    Shared,
    /// Belongs to the provider: PUBLIC_IMAGE.
    Public,
}

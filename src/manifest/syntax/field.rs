//! Value of a key that may be missing or invalid.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

/// Value of a key that may be left out, but not be left empty; or an item of a list.
///
/// A value that could not be read is [`Invalid`](Self::Invalid) rather than missing: it is not reported as missing as
/// well, and items of lists keep their positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::manifest) enum Field<T> {
    /// The key is left out.
    #[default]
    Missing,
    /// The value could not be read, which was reported.
    Invalid,
    /// The value.
    Value(T),
}

impl<T> Field<T> {
    /// Returns the value, if there is a valid one.
    pub(in crate::manifest) fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing | Self::Invalid => None,
        }
    }

    /// Returns whether the key is left out.
    pub(in crate::manifest) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Returns whether the value could not be read.
    pub(in crate::manifest) fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid)
    }

    /// Returns whether the key is written, even with an invalid value.
    pub(in crate::manifest) fn is_present(&self) -> bool {
        !self.is_missing()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Value)
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

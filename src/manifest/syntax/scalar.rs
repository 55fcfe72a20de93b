//! The leaves of the syntax: values that are given, broken or left out; text, numbers, switches.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use crate::manifest::yaml::{Plain, plain};

/// A value that may be left out, but not be left empty.
///
/// Read from a tree whose broken parts were taken out, a broken value says so: what follows does not call it
/// missing, and items of lists keep their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::manifest) enum Given<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// It was there and could not be read; a diagnostic says why.
    Broken,
    /// The value.
    Value(T),
}

/// The name under which the tree recognises a [`Given`], to say that it is broken.
pub(in crate::manifest) const GIVEN: &str = "goldform::Given";

impl<T> Given<T> {
    /// The value, where there is one.
    pub(in crate::manifest) fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Broken => None,
        }
    }

    /// Whether the key is not there.
    pub(in crate::manifest) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether it was there and could not be read.
    pub(in crate::manifest) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken)
    }

    /// Whether the key is there.
    pub(in crate::manifest) fn is_present(&self) -> bool {
        !self.is_absent()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GivenVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for GivenVisitor<T> {
            type Value = Given<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Given<T>, D::Error> {
                T::deserialize(deserializer).map(Given::Value)
            }

            fn visit_none<E: de::Error>(self) -> Result<Given<T>, E> {
                Ok(Given::Broken)
            }
        }

        deserializer.deserialize_newtype_struct(GIVEN, GivenVisitor(std::marker::PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
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

/// Text. A plain scalar that reads as a number, a boolean or null is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::manifest) struct Text(pub(in crate::manifest) CompactString);

impl Text {
    /// The text as it was written.
    pub(in crate::manifest) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CompactString::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A whole number from 0 up, without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) struct Number(pub(in crate::manifest) u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        // `deserialize_any`, so that a number in quotes comes as the text that it is.
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 to 4294967295")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                u32::try_from(number)
                    .map(Number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

/// `true` or `false`, without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) struct Switch(pub(in crate::manifest) bool);

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchVisitor;

        impl Visitor<'_> for SwitchVisitor {
            type Value = Switch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` or `false`")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Switch, E> {
                Ok(Switch(value))
            }
        }

        deserializer.deserialize_any(SwitchVisitor)
    }
}

impl Given<Switch> {
    /// Returns whether the value is `true`. A missing or invalid value is `false`.
    pub(in crate::manifest) fn is_on(&self) -> bool {
        self.value().is_some_and(|switch| switch.0)
    }
}

impl JsonSchema for Switch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Switch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// `keep`: a number of generations, or a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::manifest) struct Keep {
    /// Earlier generations to keep.
    pub(in crate::manifest) generations: Given<Number>,
    /// For how many days at the most.
    pub(in crate::manifest) days: Given<Number>,
}

/// Earlier generations to keep, by number and age.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Keep")]
struct KeepMapping {
    /// How many earlier generations to keep. Default: 0.
    #[schemars(extend("default" = 0))]
    generations: Given<Number>,
    /// Keep them for this many days at the most. Left out: for ever.
    #[schemars(example = &30)]
    days: Given<Number>,
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeepVisitor;

        // One value of two shapes, told apart by the first event: an untagged enum would lose positions.
        impl<'de> Visitor<'de> for KeepVisitor {
            type Value = Keep;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a mapping of `generations` and `days`")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Keep, E> {
                let number = u32::try_from(number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
                Ok(Keep { generations: Given::Value(Number(number)), days: Given::Absent })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keep, A::Error> {
                let KeepMapping { generations, days } =
                    KeepMapping::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Keep { generations, days })
            }
        }

        deserializer.deserialize_any(KeepVisitor)
    }
}

impl JsonSchema for Keep {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KeepValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let number = generator.subschema_for::<Number>();
        let mapping = generator.subschema_for::<KeepMapping>();
        json_schema!({ "anyOf": [number, mapping] })
    }
}

/// `ownership_tag`: a tag key, or `false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum TagKey {
    /// `false`: no tag.
    Off,
    /// The key.
    Key(Text),
}

/// The name under which the tree recognises a [`TagKey`], to say that it is in quotes.
pub(in crate::manifest) const TAG_KEY: &str = "goldform::TagKey";

impl<'de> Deserialize<'de> for TagKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// `is_quoted`: a text that looks like a number is one.
        struct TagKeyVisitor {
            is_quoted: bool,
        }

        impl<'de> Visitor<'de> for TagKeyVisitor {
            type Value = TagKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tag key, or `false`")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<TagKey, D::Error> {
                deserializer.deserialize_any(Self { is_quoted: false })
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<TagKey, E> {
                if value { Err(E::invalid_value(de::Unexpected::Bool(true), &self)) } else { Ok(TagKey::Off) }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TagKey, E> {
                // `007` comes as text, since its value is not certain. The typed read cannot tell it from
                // `"007"`; the tree can.
                if !self.is_quoted && plain(text) != Plain::Text {
                    return Err(E::invalid_value(de::Unexpected::Str(text), &self));
                }
                Ok(TagKey::Key(Text(text.into())))
            }
        }

        deserializer.deserialize_newtype_struct(TAG_KEY, TagKeyVisitor { is_quoted: true })
    }
}

impl JsonSchema for TagKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TagKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "minLength": 1 }, { "const": false }] })
    }
}

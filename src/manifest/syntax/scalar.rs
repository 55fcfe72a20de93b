//! Leaves of the syntax: text, numbers, switches, and values that may be written in two ways.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::Field;
use crate::manifest::yaml::{Plain, plain};

/// Text. A plain scalar that is a number, a boolean or null is not text.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::manifest) struct Text(pub(in crate::manifest) CompactString);

impl Text {
    /// Returns the text as written, references included.
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

/// Whole number from 0, without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) struct Number(pub(in crate::manifest) u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        // `deserialize_any` keeps a number in quotes as text.
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

impl Field<Switch> {
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
#[derive(Debug, Default, Clone, PartialEq)]
pub(in crate::manifest) struct Keep {
    /// Number of earlier generations that are always kept.
    pub(in crate::manifest) at_least: Field<Number>,
    /// Number up to which further ones are kept.
    pub(in crate::manifest) at_most: Field<Number>,
    /// Days for which further ones are kept.
    pub(in crate::manifest) days: Field<Number>,
    /// Earlier name of `at_least`.
    pub(in crate::manifest) generations: Field<Number>,
    /// Whether it is a plain number.
    pub(in crate::manifest) is_number: bool,
}

impl Keep {
    /// Returns whether it is a mapping, not a plain number.
    pub(in crate::manifest) fn is_mapping(&self) -> bool {
        !self.is_number
    }

    /// Returns the meaning of a plain number.
    pub(in crate::manifest) fn exactly(number: Number) -> Self {
        let (at_least, at_most) = (Field::Value(number), Field::Value(number));
        Self { at_least, at_most, is_number: true, ..Self::default() }
    }
}

/// Mapping form of `keep`.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Keep")]
struct KeepMapping {
    /// Number of earlier generations that are always kept, by region. A plan that has no slot for them is refused.
    /// Default: 0.
    #[schemars(extend("default" = 0))]
    at_least: Field<Number>,
    /// Number up to which further ones are kept while a region has slots for them. Where it has none, they are deleted,
    /// the oldest first. Default: 1, or `at_least` if that is more; with `days`, no bound.
    #[schemars(example = &3)]
    at_most: Field<Number>,
    /// Number of days for which further ones are kept after a newer one replaced them. Default: no bound.
    #[schemars(example = &30)]
    days: Field<Number>,
    /// Earlier name of `at_least`.
    #[schemars(extend("deprecated" = true), example = &1)]
    generations: Field<Number>,
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeepVisitor;

        // The first event decides between the two forms. An untagged enum would lose positions.
        impl<'de> Visitor<'de> for KeepVisitor {
            type Value = Keep;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a mapping of `at_least`, `at_most` and `days`")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Keep, E> {
                let number = u32::try_from(number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
                Ok(Keep::exactly(Number(number)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keep, A::Error> {
                let KeepMapping { at_least, at_most, days, generations } =
                    KeepMapping::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Keep { at_least, at_most, days, generations, is_number: false })
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
    /// Key of the tag.
    Key(Text),
}

impl<'de> Deserialize<'de> for TagKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TagKeyVisitor;

        impl Visitor<'_> for TagKeyVisitor {
            type Value = TagKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tag key, or `false`")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<TagKey, E> {
                if value { Err(E::invalid_value(de::Unexpected::Bool(true), &self)) } else { Ok(TagKey::Off) }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TagKey, E> {
                // `007` and `"007"` both arrive as text. Only the slow path can distinguish them.
                if plain(text) != Plain::Text {
                    return Err(E::invalid_value(de::Unexpected::Str(text), &self));
                }
                Ok(TagKey::Key(Text(text.into())))
            }
        }

        deserializer.deserialize_any(TagKeyVisitor)
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

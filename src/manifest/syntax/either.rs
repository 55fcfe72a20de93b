//! Values with a second form: a list in the place of a text or a mapping.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use super::patterns::{ACCOUNT, ACCOUNT_OR_NAME, IMAGE, KEY, REGION, REGION_OR_SET};
use super::{List, Names, RegionEntry, Text};
use crate::manifest::yaml::{Plain, plain};

/// Entry of `accounts`: an id, or the members of a group.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::manifest) enum AccountEntry {
    /// Id of an account.
    Id(Text),
    /// Members of a group: names, groups and ids.
    Group(List<Text>),
}

/// Entry of `regions`: facts about a region, or the members of a set.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::manifest) enum RegionOrSet {
    /// Facts about a region that the built-in table lacks.
    Facts(RegionEntry),
    /// Members of a set: region codes and sets.
    Set(List<Text>),
}

/// `images` of a share: `all`, or a list of keys.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::manifest) enum ImageSelector {
    /// A word, of which `all` is the only one.
    Word(Text),
    /// Keys of entries.
    Keys(List<Text>),
}

/// `adopted` of a source: an image in the entry's region, or images by region.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::manifest) enum Adopted {
    /// Id of an image.
    Id(Text),
    /// Ids by region.
    Regions(Names<Text>),
}

impl Adopted {
    /// Returns the region, if there is one and it is written here.
    pub(in crate::manifest) fn only_region(&self) -> Option<&Text> {
        match self {
            Self::Regions(regions) if regions.len() == 1 => regions.keys().next(),
            _ => None,
        }
    }
}

macro_rules! either {
    ($type:ident, $expecting:literal, $($form:ident),+) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct EitherVisitor;

                // The first event decides between the forms. An untagged enum would lose positions.
                impl<'de> Visitor<'de> for EitherVisitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    $(either!(@$form $type);)+
                }

                deserializer.deserialize_any(EitherVisitor)
            }
        }
    };
    (@text AccountEntry) => { either!(@visit_str AccountEntry, Id); };
    (@text Adopted) => { either!(@visit_str Adopted, Id); };
    (@text ImageSelector) => { either!(@visit_str ImageSelector, Word); };
    (@list AccountEntry) => { either!(@visit_seq AccountEntry, Group); };
    (@list RegionOrSet) => { either!(@visit_seq RegionOrSet, Set); };
    (@list ImageSelector) => { either!(@visit_seq ImageSelector, Keys); };
    (@mapping RegionOrSet) => {
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RegionOrSet, A::Error> {
            RegionEntry::deserialize(de::value::MapAccessDeserializer::new(map)).map(RegionOrSet::Facts)
        }
    };
    (@mapping Adopted) => {
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Adopted, A::Error> {
            Names::deserialize(de::value::MapAccessDeserializer::new(map)).map(Adopted::Regions)
        }
    };
    (@visit_str $type:ident, $variant:ident) => {
        fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
            // `007` and `"007"` both arrive as text. Only the slow path can distinguish them.
            if plain(text) == Plain::OtherNumber {
                return Err(E::invalid_value(de::Unexpected::Str(text), &self));
            }
            Ok($type::$variant(Text(text.into())))
        }
    };
    (@visit_seq $type:ident, $variant:ident) => {
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<$type, A::Error> {
            List::deserialize(de::value::SeqAccessDeserializer::new(list)).map($type::$variant)
        }
    };
}

either!(AccountEntry, "an account id in quotes, or a list of accounts", text, list);
either!(RegionOrSet, "a mapping of facts, or a list of regions", list, mapping);
either!(Adopted, "an image id, or a mapping of image ids by region", text, mapping);
either!(ImageSelector, "`all`, or a list of keys", text, list);

impl JsonSchema for AccountEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AccountEntry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [ACCOUNT.text(), { "type": "array", "items": ACCOUNT_OR_NAME.text() }] })
    }
}

impl JsonSchema for RegionOrSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RegionOrSet".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let facts = generator.subschema_for::<RegionEntry>();
        json_schema!({ "anyOf": [facts, { "type": "array", "items": REGION_OR_SET.text() }] })
    }
}

impl JsonSchema for Adopted {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Adopted".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let by_region = json!({
            "type": "object",
            "propertyNames": REGION.key(),
            "additionalProperties": IMAGE.text(),
            "minProperties": 1,
        });
        json_schema!({ "anyOf": [IMAGE.text(), by_region] })
    }
}

impl JsonSchema for ImageSelector {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ImageSelector".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "all" }, { "type": "array", "items": KEY.text() }] })
    }
}

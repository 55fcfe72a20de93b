//! Forms of the syntax types: what each may be written as, and its keys.

use std::collections::BTreeMap;

use crate::manifest::syntax::{
    AccountEntry, Adopted, Cloud, Defaults, Encrypted, Field, Image, ImageSelector, Import, Instance, Keep,
    LevelText, Limits, List, Lookup, Manifest, Names, Number, Quotas, RegionEntry, RegionLimits, RegionOrSet,
    Rename, Sandbox, Share, Shared, Source, Switch, TagKey, Text, Variable,
};
use crate::manifest::yaml::NodeId;

use super::{Form, Keys, Read, Reader, Scalar, Slot};

impl<T: Read> Slot for Field<T> {
    fn read(reader: &mut Reader<'_>, value: NodeId, key: Option<NodeId>) -> Self {
        reader.value(value, key).map_or(Self::Invalid, Self::Value)
    }
}

impl<T: Read> Slot for Option<T> {
    fn read(reader: &mut Reader<'_>, value: NodeId, key: Option<NodeId>) -> Self {
        reader.value::<Self>(value, key).flatten()
    }
}

impl<T: Read> Read for Option<T> {
    const FORM: Form = Form { null: true, ..T::FORM };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Null => Some(None),
            other => T::from_scalar(other).map(Some),
        }
    }

    fn from_list(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        T::from_list(reader, node).map(Some)
    }

    fn from_mapping(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        T::from_mapping(reader, node).map(Some)
    }
}

impl<T: Read> Read for List<T> {
    const FORM: Form = Form { list: true, items_are_text: T::FORM.text, ..Form::NONE };

    fn from_list(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        Some(reader.items(node))
    }
}

impl<T: Read> Read for Names<T> {
    const FORM: Form = Form { mapping: true, ..Form::NONE };

    fn from_mapping(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        let named = reader.names(node)?.into_iter();
        Some(named.map(|(name, value)| (Text(name.into()), value)).collect::<BTreeMap<_, _>>())
    }
}

impl Read for Text {
    const FORM: Form = Form { text: true, ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Text(text) => Some(Self(text.into())),
            _ => None,
        }
    }
}

impl Read for LevelText {
    const FORM: Form = Text::FORM;

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        Text::from_scalar(scalar).map(Self)
    }
}

impl Read for Number {
    const FORM: Form = Form { number: true, ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Number(number) => Some(Self(number)),
            _ => None,
        }
    }
}

impl Read for Switch {
    const FORM: Form = Form { switches: &[true, false], ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Switch(value) => Some(Self(value)),
            _ => None,
        }
    }
}

impl Read for AccountEntry {
    const FORM: Form = Form { text: true, list: true, items_are_text: true, ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        Text::from_scalar(scalar).map(Self::Id)
    }

    fn from_list(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        Some(Self::Group(reader.items(node)))
    }
}

impl Read for RegionOrSet {
    const FORM: Form = Form { list: true, items_are_text: true, mapping: true, ..Form::NONE };

    fn from_list(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        Some(Self::Set(reader.items(node)))
    }

    fn from_mapping(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        reader.keys(node).map(Self::Facts)
    }
}

impl Read for Adopted {
    const FORM: Form = Form { text: true, mapping: true, ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        Text::from_scalar(scalar).map(Self::Id)
    }

    fn from_mapping(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        Names::from_mapping(reader, node).map(Self::Regions)
    }
}

impl Read for ImageSelector {
    const FORM: Form = Form { text: true, list: true, items_are_text: true, ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        Text::from_scalar(scalar).map(Self::Word)
    }

    fn from_list(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        Some(Self::Keys(reader.items(node)))
    }
}

impl Read for TagKey {
    const FORM: Form = Form { text: true, switches: &[false], ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Switch(_) => Some(Self::Off),
            other => Text::from_scalar(other).map(Self::Key),
        }
    }
}

impl Read for Keep {
    const FORM: Form = Form { number: true, mapping: true, ..Form::NONE };

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        Number::from_scalar(scalar).map(Self::exactly)
    }

    fn from_mapping(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        reader.keys(node)
    }
}

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// Lists the fields of a type, each with its key if that is another word.
macro_rules! keys {
    ($type:ident: $($field:ident $($key:literal)?),+) => {
        impl Keys for $type {
            const KEYS: &'static [&'static str] = &[$(key!($field $($key)?)),+];

            fn read_key(&mut self, name: &str, reader: &mut Reader<'_>, value: NodeId, key: NodeId) {
                // The compiler refuses a type whose fields are not all listed.
                let Self { $($field),+ } = self;
                $(if name == key!($field $($key)?) {
                    *$field = Slot::read(reader, value, Some(key));
                    return;
                })+
            }
        }
    };
}

macro_rules! mappings {
    ($($type:ident: $($field:ident $($key:literal)?),+;)+) => {$(
        keys! { $type: $($field $($key)?),+ }

        impl Read for $type {
            const FORM: Form = Form { mapping: true, ..Form::NONE };

            fn from_mapping(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
                reader.keys(node)
            }
        }
    )+};
}

impl Keys for Keep {
    const KEYS: &'static [&'static str] = &["at_least", "at_most", "days", "generations"];

    fn read_key(&mut self, name: &str, reader: &mut Reader<'_>, value: NodeId, key: NodeId) {
        let field = match name {
            "at_least" => &mut self.at_least,
            "at_most" => &mut self.at_most,
            "days" => &mut self.days,
            _ => &mut self.generations,
        };
        *field = Slot::read(reader, value, Some(key));
    }
}

mappings! {
    Manifest: version, include, account, cloud, state, variables, accounts, limits, regions, rules, defaults, images, shares, lookups, renames;
    Cloud: provider, sandbox, site, endpoint, domain, profile, ownership_tag, shared_image_edits;
    Sandbox: world, quotas;
    Quotas: images_per_region, accounts_per_image;
    Variable: default, description, sensitive;
    Limits: images_per_region, accounts_per_image, regions;
    RegionLimits: images;
    RegionEntry: mainland, title, copy_target;
    Defaults: region, name, description, family, tags, copies, replace, keep, deprecate, delete_snapshots, protect;
    Image: region, name, description, family, tags, source, copies, replace, keep, pin, deprecate, delete_snapshots, protect;
    Source: revision, instance, snapshots, import, shared, encrypted, adopted;
    Instance: id, power_off, sysprep, data_disks;
    Import: url, query, os, version, architecture, license, boot, force;
    Shared: id, from;
    Encrypted: image, kms_key;
    Share: image, images, tags, with, regions, exclusive;
    Lookup: region, kind "type", os, bits, architecture, name, newest, from;
    Rename: from, to;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::schema::schema;

    #[test]
    fn every_key_of_the_schema_is_read() {
        let schema = schema(&[]);
        for (definition, keys) in [
            ("", Manifest::KEYS),
            ("/definitions/Cloud", Cloud::KEYS),
            ("/definitions/Sandbox", Sandbox::KEYS),
            ("/definitions/Quotas", Quotas::KEYS),
            ("/definitions/Variable", Variable::KEYS),
            ("/definitions/Limits", Limits::KEYS),
            ("/definitions/RegionLimits", RegionLimits::KEYS),
            ("/definitions/RegionEntry", RegionEntry::KEYS),
            ("/definitions/Defaults", Defaults::KEYS),
            ("/definitions/Image", Image::KEYS),
            ("/definitions/Keep", Keep::KEYS),
            ("/definitions/Source", Source::KEYS),
            ("/definitions/Instance", Instance::KEYS),
            ("/definitions/Import", Import::KEYS),
            ("/definitions/Shared", Shared::KEYS),
            ("/definitions/Encrypted", Encrypted::KEYS),
            ("/definitions/Share", Share::KEYS),
            ("/definitions/Lookup", Lookup::KEYS),
            ("/definitions/Rename", Rename::KEYS),
        ] {
            let properties =
                schema.pointer(&format!("{definition}/properties")).unwrap().as_object().unwrap();
            let mut keys = keys.to_vec();
            let mut expected: Vec<&str> = properties.keys().map(String::as_str).collect();
            keys.sort_unstable();
            expected.sort_unstable();
            assert_eq!(keys, expected, "{definition}");
        }
    }
}

//! Reads the syntax types from a tree, leaving out what is broken.

use std::fmt;

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::check::Findings;
use super::syntax::{GIVEN, TAG_KEY};
use super::yaml::{Kind, MAX_MERGED_ENTRIES, NodeId, Plain, Style, Tree, plain};

/// Reads a value from a node. Broken items of lists and broken values of known keys come as
/// [`Given::Broken`](super::syntax::Given::Broken); broken entries of other mappings are left out.
///
/// The nesting is that of the types, not of the text, so this cannot overflow.
pub(super) fn read<T: DeserializeOwned>(tree: &Tree, node: NodeId, findings: &Findings) -> Result<T, Unread> {
    T::deserialize(View { tree, node, findings })
}

/// Says what the types did not take.
#[derive(Debug)]
pub(super) struct Unread(pub(super) String);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unread {}

impl de::Error for Unread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[derive(Clone, Copy)]
struct View<'t> {
    tree: &'t Tree,
    node: NodeId,
    findings: &'t Findings,
}

impl View<'_> {
    fn is_broken(&self) -> bool {
        self.findings.broken.contains(&self.node)
    }

    fn is_null(&self) -> bool {
        matches!(self.tree.scalar(self.node), Some((Style::Plain, text)) if plain(text) == Plain::Null)
    }
}

impl<'t> View<'t> {
    /// The entries of a mapping that are not broken, by the names that they are read as, each name once.
    fn entries(&self) -> Vec<(&'t str, NodeId)> {
        let Self { tree, node, findings } = *self;
        let mut left = MAX_MERGED_ENTRIES;
        let entries = tree.entries(node, &mut left).unwrap_or_default();
        let usable = entries.into_iter().filter(|entry| !findings.broken.contains(&entry.key));
        let (corrected, mut named): (Vec<_>, Vec<_>) = usable
            .filter_map(|entry| match findings.renamed.get(&entry.key) {
                Some(name) => Some((true, name.as_str(), entry.value)),
                None => Some((false, tree.scalar(entry.key)?.1, entry.value)),
            })
            .partition(|(is_corrected, ..)| *is_corrected);
        // Where a mapping is merged into another one, that one may have the key that was meant.
        for corrected in corrected {
            if !named.iter().any(|(_, name, _)| *name == corrected.1) {
                named.push(corrected);
            }
        }
        named.into_iter().map(|(_, name, value)| (name, value)).collect()
    }
}

impl<'de> Deserializer<'de> for View<'_> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.tree.kind(self.node) {
            Kind::Scalar(_) => {
                let (style, text) = self.tree.scalar(self.node).unwrap_or((Style::Plain, ""));
                match (style, plain(text)) {
                    (Style::Plain, Plain::Null) => visitor.visit_unit(),
                    (Style::Plain, Plain::Boolean(value)) => visitor.visit_bool(value),
                    (Style::Plain, Plain::Integer(number)) => visitor.visit_u64(number),
                    _ => visitor.visit_str(text),
                }
            }
            Kind::List => visitor.visit_seq(Items { view: self, items: self.tree.items(self.node).iter() }),
            Kind::Map => {
                visitor.visit_map(Entries { view: self, entries: self.entries().into_iter(), value: None })
            }
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.tree.scalar(self.node) {
            Some((_, text)) => visitor.visit_str(text),
            None => Err(de::Error::custom("expected text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.is_broken() || self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        match self.tree.scalar(self.node) {
            _ if name == GIVEN && self.is_broken() => visitor.visit_none(),
            Some((Style::Text, text)) if name == TAG_KEY => visitor.visit_str(text),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct Items<'t> {
    view: View<'t>,
    items: std::slice::Iter<'t, NodeId>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        self.items.next().map(|&node| seed.deserialize(View { node, ..self.view })).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'t> {
    view: View<'t>,
    entries: std::vec::IntoIter<(&'t str, NodeId)>,
    value: Option<NodeId>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        let Some((name, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        let Some(node) = self.value.take() else { return Err(de::Error::custom("a value before its key")) };
        seed.deserialize(View { node, ..self.view })
    }
}

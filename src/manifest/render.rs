//! The manifest as goldform understands it: files joined, variables, defaults, groups and sets resolved.
//!
//! What is rendered means the same, and is rendered as the same bytes again. Secrets are named, not written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::query::QueryPart;
use super::writer::document;
use super::{Desired, DesiredImage, DesiredLimits, ImportQuery, StateLocation};
use crate::diagnostics::ManifestPath;
use crate::model::{
    Accounts, ImageKey, Lookup, Provider, Region, RegionTable, ReplaceOrder, SharedImageEdits, Site,
    SourceKind,
};

/// Returns a manifest as YAML.
pub fn render(desired: &Desired) -> String {
    document(&values(desired))
}

/// Returns the values that a manifest resolves to, by their keys.
pub fn values(desired: &Desired) -> Map<String, Value> {
    escaped(unescaped(desired))
}

fn unescaped(desired: &Desired) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |key: &str, value: Value| {
        let is_empty = match &value {
            Value::Object(map) => map.is_empty(),
            Value::Array(items) => items.is_empty(),
            other => other.is_null(),
        };
        if !is_empty {
            all.insert(key.to_owned(), value);
        }
    };
    put("version", json!(1));
    put("account", json!(desired.account));
    put("cloud", cloud(desired));
    put("state", state(&desired.state));
    let secrets = desired.secrets().into_iter();
    put("variables", secrets.map(|name| (name.to_string(), json!({ "sensitive": true }))).collect());
    let ids = desired.accounts.iter().map(|(name, id)| (name.to_string(), json!(id)));
    let groups = desired.groups.iter().map(|(name, members)| (name.to_string(), json!(members)));
    put("accounts", ids.chain(groups).collect());
    put("limits", limits(&desired.limits));
    put("regions", regions(&desired.regions));
    let levels = desired.levels.iter().map(|(name, level)| (name.to_string(), json!(level.as_str())));
    put("rules", levels.collect());
    put("lookups", desired.lookups.iter().map(|(name, one)| (name.to_string(), lookup(one))).collect());
    put("images", desired.images.iter().map(|(key, one)| (key.to_string(), image(one))).collect());
    put("shares", desired.images.iter().flat_map(|(key, image)| shares(key, image)).collect());
    let renames = desired.renames.iter();
    put(
        "renames",
        renames
            .map(|(from, to)| json!({ "from": format!("image.{from}"), "to": format!("image.{to}") }))
            .collect(),
    );
    all
}

/// Returns the paths of all values of images, each with its key in words: `images.web.region`.
pub fn image_paths(desired: &Desired) -> Vec<(String, ManifestPath)> {
    let images = ManifestPath::root().field("images");
    let mut paths = Vec::new();
    for (key, one) in &desired.images {
        let Value::Object(fields) = image(one) else { continue };
        for field in fields.keys() {
            paths.push((format!("images.{key}.{field}"), images.field(key.as_str()).field(field)));
        }
    }
    paths
}

fn cloud(desired: &Desired) -> Value {
    let cloud = &desired.cloud;
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
    put("provider", json!(if cloud.provider == Provider::Sandbox { "sandbox" } else { "tencent" }));
    let mut sandbox = Map::new();
    if let Some(world) = &cloud.sandbox.world {
        sandbox.insert("world".to_owned(), json!(world));
    }
    let quotas = [
        ("images_per_region", cloud.sandbox.images_per_region),
        ("accounts_per_image", cloud.sandbox.accounts_per_image),
    ];
    let quotas: Map<String, Value> =
        quotas.into_iter().filter_map(|(key, number)| Some((key.to_owned(), json!(number?)))).collect();
    if !quotas.is_empty() {
        sandbox.insert("quotas".to_owned(), Value::Object(quotas));
    }
    if !sandbox.is_empty() {
        put("sandbox", Value::Object(sandbox));
    }
    put("site", json!(if cloud.site == Site::International { "international" } else { "mainland" }));
    if let Some(endpoint) = &cloud.endpoint {
        put("endpoint", json!(endpoint));
    }
    if let Some(domain) = &cloud.domain {
        put("domain", json!(domain));
    }
    if let Some(profile) = &cloud.profile {
        put("profile", json!(profile));
    }
    put("ownership_tag", cloud.ownership_tag.as_ref().map_or(json!(false), |key| json!(key)));
    let edits = cloud.shared_image_edits == SharedImageEdits::Allowed;
    put("shared_image_edits", json!(if edits { "allowed" } else { "refused" }));
    Value::Object(map)
}

fn state(state: &StateLocation) -> Value {
    json!(state.to_string())
}

fn limits(limits: &DesiredLimits) -> Value {
    let mut map = Map::new();
    for (key, number) in
        [("images_per_region", limits.images_per_region), ("accounts_per_image", limits.accounts_per_image)]
    {
        if let Some(number) = number {
            map.insert(key.to_owned(), json!(number));
        }
    }
    if !limits.regions.is_empty() {
        let regions = limits.regions.iter();
        let regions: Map<String, Value> =
            regions.map(|(region, number)| (region.to_string(), json!({ "images": number }))).collect();
        map.insert("regions".to_owned(), Value::Object(regions));
    }
    Value::Object(map)
}

/// Returns the regions that the built-in table lacks or that differ from it.
fn regions(table: &RegionTable) -> Value {
    let built_in = RegionTable::built_in();
    let own = table.iter().filter(|(region, facts)| built_in.get(region) != Some(facts));
    own.map(|(region, facts)| {
        let facts = json!({
            "mainland": facts.mainland, "title": facts.title, "copy_target": facts.copy_target,
        });
        (region.to_string(), facts)
    })
    .collect()
}

fn lookup(lookup: &Lookup) -> Value {
    let Lookup { region, kind, os, bits, architecture, name, newest, from } = lookup;
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("region", Some(json!(region)));
    put("type", kind.map(|kind| json!(kind.as_str())));
    put("os", os.as_ref().map(|os| json!(os)));
    put("bits", bits.map(|bits| json!(bits)));
    put("architecture", architecture.map(|architecture| json!(architecture)));
    put("name", name.as_ref().map(|name| json!(name)));
    put("newest", newest.then(|| json!(true)));
    put("from", from.map(|from| json!(from)));
    Value::Object(map)
}

fn image(image: &DesiredImage) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("region", Some(json!(image.region)));
    put("name", (!image.keeps_name).then(|| json!(image.name.0)));
    put("description", image.description.as_ref().map(|text| json!(text)));
    put("family", image.family.as_ref().map(|text| json!(text)));
    put("tags", (!image.tags.is_empty()).then(|| json!(image.tags)));
    put("source", source(image));
    put("copies", (!image.copies.is_empty()).then(|| json!(image.copies)));
    let order = match image.replace {
        ReplaceOrder::Auto => "auto",
        ReplaceOrder::CreateFirst => "create-first",
        ReplaceOrder::DeleteFirst => "delete-first",
    };
    put("replace", Some(json!(order)));
    let mut keep = Map::from_iter([("at_least".to_owned(), json!(image.keep.at_least))]);
    keep.extend(image.keep.at_most.map(|number| ("at_most".to_owned(), json!(number))));
    keep.extend(image.keep.days.map(|days| ("days".to_owned(), json!(days))));
    put("keep", Some(Value::Object(keep)));
    put("pin", image.pin.as_ref().map(|pin| json!(pin.to_string())));
    put("deprecate", (!image.deprecate).then(|| json!(false)));
    put("delete_snapshots", image.delete_snapshots.map(|is_on| json!(is_on)));
    put("protect", image.protect.then(|| json!(true)));
    Value::Object(map)
}

fn source(image: &DesiredImage) -> Option<Value> {
    if let Some(lookup) = &image.lookup {
        let mut shared = Map::from_iter([("id".to_owned(), json!(format!("{LOOKUP}{}}}", lookup.name)))]);
        shared.extend(lookup.from.map(|from| ("from".to_owned(), json!(from))));
        let mut map = Map::from_iter([("shared".to_owned(), Value::Object(shared))]);
        map.extend(lookup.revision.as_ref().map(|revision| ("revision".to_owned(), json!(revision))));
        return Some(Value::Object(map));
    }
    let source = image.source.as_ref()?;
    let mut value = serde_json::to_value(source).ok()?;
    if let Some(adopted) = value.get_mut("adopted").filter(|_| !image.adopted_elsewhere.is_empty()) {
        *adopted = image.adopted().map(|(region, id)| (region.to_string(), json!(id))).collect();
    }
    if let (SourceKind::Import { .. }, Some(query)) = (&source.kind, &image.import_query)
        && let Some(import) = value.get_mut("import").and_then(Value::as_object_mut)
    {
        import.insert("query".to_owned(), json!(query_text(query)));
    }
    Some(value)
}

/// Placeholder of the `${` of a reference until texts are escaped. No manifest contains it.
const REFERENCE: &str = "\u{0}{";
/// The same of a reference to a lookup.
const LOOKUP: &str = "\u{0}{lookup.";

fn query_text(query: &ImportQuery) -> String {
    let parts = query.parts().iter();
    parts
        .map(|part| match part {
            QueryPart::Text(text) => text.clone(),
            QueryPart::Secret(name) => format!("{REFERENCE}{name}}}"),
        })
        .collect()
}

/// Returns the shares of an image: one entry for the regions in which it is shared alike.
fn shares(key: &ImageKey, image: &DesiredImage) -> Vec<Value> {
    let mut alike: BTreeMap<(&Accounts, bool), Vec<&Region>> = BTreeMap::new();
    let nobody = Accounts::EMPTY;
    for region in image.placements() {
        let with = image.shares.get(region).unwrap_or(&nobody);
        let is_exclusive = image.exclusive.contains(region);
        if !with.is_empty() || is_exclusive {
            alike.entry((with, is_exclusive)).or_default().push(region);
        }
    }
    alike
        .into_iter()
        .map(|((with, is_exclusive), regions)| {
            let mut share = Map::from_iter([
                ("image".to_owned(), json!(key)),
                ("with".to_owned(), json!(with)),
                ("regions".to_owned(), json!(regions)),
            ]);
            share.extend(is_exclusive.then(|| ("exclusive".to_owned(), json!(true))));
            Value::Object(share)
        })
        .collect()
}

/// Returns values in which no text has a reference but those that are meant.
fn escaped(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter().map(|(key, value)| (key, escaped_value(value))).collect()
}

fn escaped_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${", "$${").replace('\u{0}', "$")),
        Value::Array(items) => items.into_iter().map(escaped_value).collect(),
        Value::Object(map) => Value::Object(escaped(map)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::once::FLEET;
    use crate::manifest::{Input, Variables, load};

    fn desired(text: &str) -> Desired {
        let input = Input { name: "a.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
        let loaded = load(vec![input], &Variables::default());
        let errors: Vec<_> = loaded.diagnostics.iter().map(|found| &found.detail).collect();
        assert!(loaded.complete, "{errors:#?}\n{text}");
        loaded.desired.unwrap()
    }

    /// What a manifest means, without the places of its lists.
    fn meaning(mut desired: Desired) -> Desired {
        for image in desired.images.values_mut() {
            image.share_entries.clear();
            image.copy_entries.clear();
            image.shares.retain(|_, accounts| !accounts.is_empty());
        }
        desired
    }

    #[test]
    fn what_is_rendered_means_the_same_and_is_rendered_as_the_same_bytes() {
        let odd = "version: 1\naccount: \"100000000001\"\ncloud: { ownership_tag: false, endpoint: \"http://127.0.0.1:1\" }\n\
                   variables: { token: { sensitive: true }, part: { default: 'a$${b}' } }\nimages:\n  web:\n    region: ap-tokyo\n    \
                   description: 'x $${y} ${part} $$'\n    source: { import: { url: 'https://b.cos.ap-tokyo.myqcloud.com/w.raw', query: \
                   'a=1&t=${token}', os: Ubuntu, version: '22', architecture: x86_64 } }\n";
        for text in [FLEET, crate::manifest::tests::EXAMPLE, crate::testing::EXAMPLE, odd] {
            let first = desired(text);
            let rendered = render(&first);
            let second = desired(&rendered);
            assert_eq!(meaning(second.clone()), meaning(first), "{rendered}");
            assert_eq!(render(&second), rendered);
        }
    }

    #[test]
    fn a_fleet_is_written_out() {
        insta::assert_snapshot!(render(&desired(FLEET)));
    }
}

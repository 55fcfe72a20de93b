//! What a Terraform state names: images by id, images by name, and the addresses that are to leave it.
//!
//! Two forms are read: the state file (version 4: `resources[].instances[].attributes`) and what
//! `terraform show -json` prints (`values.root_module`). Only names and ids of images are read.

use std::collections::BTreeSet;

use compact_str::CompactString;
use serde_json::Value;

use crate::model::ImageId;

/// Resource types of the official provider for images, copies and shares.
const TYPES: &[&str] = &[
    "tencentcloud_image",
    "tencentcloud_cvm_image_share_permission",
    "tencentcloud_image_share_permission",
    "tencentcloud_cvm_sync_image",
    "tencentcloud_sync_image",
    "tencentcloud_cvm_import_image",
    "tencentcloud_import_image",
];

/// The deepest nesting of modules that is followed.
const MAX_DEPTH: usize = 32;

/// What a Terraform state says of images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Images.
    pub ids: BTreeSet<ImageId>,
    /// Names of imported images: their resource does not know the id.
    pub names: BTreeSet<CompactString>,
    /// The addresses of the resources.
    pub addresses: Vec<String>,
}

/// Reads a Terraform state.
///
/// # Errors
/// What is wrong with it, for people.
pub fn named(text: &str) -> Result<Named, String> {
    let state: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let mut found = Named::default();
    if let Some(root) = state.pointer("/values/root_module") {
        module(root, &mut found, 0);
    } else if state.get("version").and_then(Value::as_u64) == Some(4) {
        for resource in list(&state, "resources") {
            for instance in list(resource, "instances") {
                let kind = text_of(resource, "type");
                let mut address = String::new();
                if let Some(module) = resource.get("module").and_then(Value::as_str) {
                    address.push_str(module);
                    address.push('.');
                }
                address.push_str(&format!("{kind}.{}", text_of(resource, "name")));
                match instance.get("index_key") {
                    Some(Value::String(key)) => address.push_str(&format!("[{}]", Value::from(key.as_str()))),
                    Some(Value::Number(number)) => address.push_str(&format!("[{number}]")),
                    _ => {}
                }
                let is_managed = text_of(resource, "mode") == "managed";
                take(&mut found, is_managed, kind, address, instance.get("attributes"));
            }
        }
    } else {
        return Err(
            "it is no Terraform state of version 4, and not what `terraform show -json` prints".to_owned()
        );
    }
    Ok(found)
}

fn module(module_: &Value, found: &mut Named, depth: usize) {
    for resource in list(module_, "resources") {
        let is_managed = text_of(resource, "mode") == "managed";
        let address = text_of(resource, "address").to_owned();
        take(found, is_managed, text_of(resource, "type"), address, resource.get("values"));
    }
    if depth < MAX_DEPTH {
        for child in list(module_, "child_modules") {
            module(child, found, depth + 1);
        }
    }
}

fn take(found: &mut Named, is_managed: bool, kind: &str, address: String, attributes: Option<&Value>) {
    let Some(attributes) = attributes.filter(|_| is_managed && TYPES.contains(&kind)) else { return };
    // An image's own id is its resource's; the others name the image that they share or copy.
    for field in ["id", "image_id"] {
        found.ids.extend(text_of(attributes, field).parse::<ImageId>().ok());
    }
    if kind.ends_with("import_image") {
        let name = text_of(attributes, "image_name");
        if !name.is_empty() {
            found.names.insert(name.into());
        }
    }
    found.addresses.push(address);
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text_of<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same() {
        let file = r#"{"version": 4, "resources": [
            {"mode": "managed", "type": "tencentcloud_image", "name": "web", "module": "module.m", "instances": [
                {"index_key": "a", "attributes": {"id": "img-0a1b2c3d", "image_name": "web"}}]},
            {"mode": "managed", "type": "tencentcloud_cvm_import_image", "name": "i", "instances": [
                {"attributes": {"id": "https://example.com/i.qcow2", "image_name": "imported"}}]},
            {"mode": "managed", "type": "tencentcloud_cvm_image_share_permission", "name": "s", "instances": [
                {"attributes": {"id": "img-0a1b2c3d", "image_id": "img-0a1b2c3d", "account_ids": ["200000000001"]}}]},
            {"mode": "data", "type": "tencentcloud_image", "name": "d", "instances": [
                {"attributes": {"id": "img-99999999"}}]},
            {"mode": "managed", "type": "tencentcloud_instance", "name": "x", "instances": [
                {"attributes": {"id": "ins-1", "image_id": "img-88888888"}}]}]}"#;
        let shown = r#"{"format_version": "1.0", "values": {"root_module": {"resources": [
            {"mode": "managed", "type": "tencentcloud_cvm_import_image", "address": "tencentcloud_cvm_import_image.i",
             "values": {"id": "https://example.com/i.qcow2", "image_name": "imported"}},
            {"mode": "managed", "type": "tencentcloud_cvm_image_share_permission",
             "address": "tencentcloud_cvm_image_share_permission.s", "values": {"image_id": "img-0a1b2c3d"}}],
            "child_modules": [{"resources": [{"mode": "managed", "type": "tencentcloud_image",
             "address": "module.m.tencentcloud_image.web[\"a\"]", "values": {"id": "img-0a1b2c3d"}}]}]}}}"#;
        for text in [file, shown] {
            let mut found = named(text).unwrap();
            found.addresses.sort();
            assert_eq!(found.ids, BTreeSet::from(["img-0a1b2c3d".parse().unwrap()]));
            assert_eq!(found.names, BTreeSet::from(["imported".into()]));
            assert_eq!(
                found.addresses,
                [
                    "module.m.tencentcloud_image.web[\"a\"]",
                    "tencentcloud_cvm_image_share_permission.s",
                    "tencentcloud_cvm_import_image.i"
                ]
            );
        }
    }

    #[test]
    fn what_is_no_state_is_reported() {
        for text in ["", "[]", "{}", r#"{"version": 3}"#] {
            assert!(named(text).is_err(), "{text}");
        }
    }
}

//! The ids as variables, of a shell and of Terraform.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use thiserror::Error;

use super::Outputs;
use crate::model::Address;

/// How the names of the variables start that [`Outputs::env`] prints.
pub const PRINTED_VARIABLES: &[&str] = &["GOLDFORM_IMAGE_", "GOLDFORM_LOOKUP_"];

/// Two ids whose variables would have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{first} and {second} would both be `{variable}`")]
pub struct SameVariable {
    variable: String,
    first: String,
    second: String,
}

impl Outputs {
    /// `GOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-…`, one a line. Names and ids consist of letters, digits, underscores and
    /// hyphens, so no value needs quotes.
    ///
    /// # Errors
    /// If two variables would have the same name.
    pub fn env(&self) -> Result<String, SameVariable> {
        let mut addresses: BTreeMap<String, String> = BTreeMap::new();
        let mut text = String::new();
        let images = self.images.iter().flat_map(|(key, regions)| {
            regions.iter().map(move |(region, serving)| {
                let address = Address::InRegion(key.clone(), region.clone()).to_string();
                (variable("image", &[key.as_str(), region.as_str()]), address, &serving.id)
            })
        });
        let lookups = self
            .lookups
            .iter()
            .map(|(name, (_, id))| (variable("lookup", &[name.as_str()]), format!("lookup.{name}"), id));
        for (variable, second, id) in images.chain(lookups) {
            let _ = writeln!(text, "{variable}={id}");
            if let Some(first) = addresses.insert(variable.clone(), second.clone()) {
                return Err(SameVariable { variable, first, second });
            }
        }
        Ok(text)
    }

    /// A variable file for Terraform: `image_ids` by key and region, and `lookup_ids` by name if there are lookups. Keys
    /// are quoted, so none is changed.
    pub fn tfvars(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut text = String::from("image_ids = {\n");
        for (key, regions) in &self.images {
            let _ = writeln!(text, "  {} = {{", quoted(key.as_str()));
            for (region, serving) in regions {
                let _ = writeln!(text, "    {} = {}", quoted(region.as_str()), quoted(serving.id.as_str()));
            }
            text.push_str("  }\n");
        }
        text.push_str("}\n");
        if !self.lookups.is_empty() {
            text.push_str("lookup_ids = {\n");
            for (name, (_, id)) in &self.lookups {
                let _ = writeln!(text, "  {} = {}", quoted(name.as_str()), quoted(id.as_str()));
            }
            text.push_str("}\n");
        }
        text
    }
}

/// A name that every shell accepts: capital letters, digits and underscores.
fn variable(kind: &str, parts: &[&str]) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    };
    let parts: Vec<String> = parts.iter().map(|part| word(part)).collect();
    format!("goldform_{kind}_{}", parts.join("_")).to_uppercase()
}

//! Finds the action and the region of a call, and validates its parameters by their documented types.
//!
//! The order of the checks: action and version are named (MissingParameter), the version is known (NoSuchVersion), the
//! action is known (InvalidAction), a region is named if the action needs one (MissingParameter) and is known
//! (UnsupportedRegion).

use serde_json::{Map, Value};

use super::actions::{self, Action};
use super::geography::{self, RegionInfo};
use super::protocol::{Body, Call};
use super::refusal::Refusal;
use super::schema;
use super::settings::Settings;

/// Action and region of a call.
pub(super) struct Route<'a> {
    /// Action that the call names.
    pub(super) action: &'static Action,
    /// Region that the call names. `None` if the action needs none and the call names none that exists.
    pub(super) region_info: Option<RegionInfo<'a>>,
}

/// Finds the action and the region of a call.
pub(super) fn route<'a>(call: &Call<'_>, settings: &'a Settings) -> Result<Route<'a>, Refusal> {
    let missing = |name: &str| {
        Err(Refusal::new(
            "MissingParameter",
            format!("The request is missing a required parameter `{name}`."),
        ))
    };
    if call.action.is_empty() {
        return missing("Action");
    }
    if call.version.is_empty() {
        return missing("Version");
    }
    if call.version != call.service.version() {
        return Err(Refusal::new("NoSuchVersion", format!("The version `{}` does not exist.", call.version)));
    }
    let Some(action) = actions::find(call.service, call.action) else {
        return Err(Refusal::new(
            "InvalidAction",
            format!("The request action `{}` does not exist.", call.action),
        ));
    };
    let region_info = geography::find(settings, call.region);
    if action.regional {
        if call.region.is_empty() {
            return missing("Region");
        }
        if region_info.is_none() {
            return Err(Refusal::new(
                "UnsupportedRegion",
                format!("The API does not support the requested region `{}`.", call.region),
            ));
        }
    }
    Ok(Route { action, region_info })
}

/// Validates the parameters of an action by their documented types. Converts the texts of a query first.
pub(super) fn validate_params(
    action: &Action,
    params: &mut Map<String, Value>,
    body: Body<'_>,
) -> Result<(), Refusal> {
    if matches!(body, Body::Query(_)) {
        super::query::type_texts(params, action.fields);
    }
    schema::validate(params, action.fields, "")
}

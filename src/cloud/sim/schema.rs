//! Parameters: the declarations of an action, their validation, and typed access to the values.
//!
//! The validation is strict: an undocumented name is UnknownParameter, a missing required parameter is
//! MissingParameter, and a value of another type than the documented one is InvalidParameter. Actions validate the
//! values themselves.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// Documented type of a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// String.
    Text,
    /// Integer.
    Integer,
    /// Boolean.
    Flag,
    /// Array of String.
    Texts,
    /// Array of a structure.
    Objects(&'static [Field]),
}

/// Documented parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Name as documented.
    pub(super) name: &'static str,
    /// Type.
    pub(super) kind: Kind,
    /// Whether a call without the parameter is refused. A required array must not be empty.
    pub(super) required: bool,
}

/// Declares a required parameter.
pub(super) const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

/// Declares an optional parameter.
pub(super) const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

/// Validates parameters by the declarations of an action.
pub(super) fn validate(params: &Map<String, Value>, fields: &[Field], path: &str) -> Result<(), Refusal> {
    for (name, value) in params {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(Refusal::new(
                "UnknownParameter",
                format!("The parameter `{path}{name}` is not recognized."),
            ));
        };
        validate_value(value, field, path)?;
    }
    for field in fields.iter().filter(|field| field.required) {
        let missing = match params.get(field.name) {
            None => true,
            Some(Value::Array(items)) => items.is_empty(),
            Some(_) => false,
        };
        if missing {
            return Err(Refusal::new(
                "MissingParameter",
                format!("The request is missing a required parameter `{path}{}`.", field.name),
            ));
        }
    }
    Ok(())
}

fn validate_value(value: &Value, field: &Field, path: &str) -> Result<(), Refusal> {
    let wrong = |at: String, expected: &str| {
        Err(Refusal::new(
            "InvalidParameter",
            format!("The value type of parameter `{at}` is not {expected}."),
        ))
    };
    let name = || format!("{path}{}", field.name);
    match (field.kind, value) {
        (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => Ok(()),
        (Kind::Integer, Value::Number(number)) if number.is_i64() => Ok(()),
        (Kind::Texts, Value::Array(items)) => match items.iter().position(|item| !item.is_string()) {
            Some(at) => wrong(format!("{}.{at}", name()), "String"),
            None => Ok(()),
        },
        (Kind::Objects(fields), Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                match item {
                    Value::Object(params) => validate(params, fields, &format!("{}.{at}.", name()))?,
                    _ => return wrong(format!("{}.{at}", name()), "Object"),
                }
            }
            Ok(())
        }
        (Kind::Text, _) => wrong(name(), "String"),
        (Kind::Integer, _) => wrong(name(), "Integer"),
        (Kind::Flag, _) => wrong(name(), "Boolean"),
        (Kind::Texts | Kind::Objects(_), _) => wrong(name(), "Array"),
    }
}

/// Validated parameters. A getter of another type than the declared one behaves as if the parameter were missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Args<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Args<'a> {
    /// Returns whether the call has the parameter.
    pub(super) fn has(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns a String. `None` if the parameter is missing.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// Returns a Boolean, false if the parameter is missing.
    pub(super) fn flag(self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Returns an Integer. `None` if the parameter is missing.
    pub(super) fn integer(self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    /// Returns an array of String, empty if the parameter is missing.
    pub(super) fn texts(self, name: &str) -> Vec<&'a str> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }

    /// Returns an array of structures, empty if the parameter is missing.
    pub(super) fn objects(self, name: &str) -> Vec<Args<'a>> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.map(|items| items.iter().filter_map(Value::as_object).map(Args).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: &[Field] = &[required("Name", Kind::Text), optional("Values", Kind::Texts)];
    const FIELDS: &[Field] = &[
        required("Id", Kind::Text),
        optional("Count", Kind::Integer),
        optional("Dry", Kind::Flag),
        optional("Ids", Kind::Texts),
        optional("Filters", Kind::Objects(INNER)),
    ];

    fn code(body: &str) -> String {
        let value: Value = serde_json::from_str(body).unwrap();
        match validate(value.as_object().unwrap(), FIELDS, "") {
            Ok(()) => "fine".to_owned(),
            Err(refusal) => format!("{}: {}", refusal.code, refusal.message),
        }
    }

    #[test]
    fn parameters_are_judged_by_their_documented_types_only() {
        assert_eq!(code(r#"{"Id":"a","Count":-3,"Dry":true,"Ids":[],"Filters":[{"Name":"x"}]}"#), "fine");
        for (body, expected) in [
            (r"{}", "MissingParameter: The request is missing a required parameter `Id`."),
            (r#"{"Id":"a","id":1}"#, "UnknownParameter: The parameter `id` is not recognized."),
            (r#"{"Id":1}"#, "InvalidParameter: The value type of parameter `Id` is not String."),
            (r#"{"Id":null}"#, "InvalidParameter: The value type of parameter `Id` is not String."),
            (
                r#"{"Id":"a","Count":"1"}"#,
                "InvalidParameter: The value type of parameter `Count` is not Integer.",
            ),
            (
                r#"{"Id":"a","Count":1.0}"#,
                "InvalidParameter: The value type of parameter `Count` is not Integer.",
            ),
            (
                r#"{"Id":"a","Dry":"true"}"#,
                "InvalidParameter: The value type of parameter `Dry` is not Boolean.",
            ),
            (r#"{"Id":"a","Ids":"x"}"#, "InvalidParameter: The value type of parameter `Ids` is not Array."),
            (
                r#"{"Id":"a","Ids":["x",1]}"#,
                "InvalidParameter: The value type of parameter `Ids.1` is not String.",
            ),
            (
                r#"{"Id":"a","Filters":[{"Name":"x","More":1}]}"#,
                "UnknownParameter: The parameter `Filters.0.More` is not recognized.",
            ),
            (
                r#"{"Id":"a","Filters":[{}]}"#,
                "MissingParameter: The request is missing a required parameter `Filters.0.Name`.",
            ),
        ] {
            assert_eq!(code(body), expected, "{body}");
        }
    }
}

//! Validation of parameters that several actions share: names, texts, quotas and tags.

use super::context::RequestContext;
use super::refusal::{ActionError, refuse};
use super::schema::Args;
use super::settings::Settings;
use super::world::Tag;

/// Maximum length of an image's name, in characters (213/16726 ImageName).
pub(super) const NAME_MAX: usize = 60;
/// Maximum length of a description, in characters (213/16726 ImageDescription).
pub(super) const DESCRIPTION_MAX: usize = 256;
/// Maximum number of tags on one resource (limits of the tag service).
pub(super) const TAGS_MAX: usize = 50;
/// Maximum length of a tag key, in characters.
pub(super) const TAG_KEY_MAX: usize = 127;
/// Maximum length of a tag value, in characters.
pub(super) const TAG_VALUE_MAX: usize = 255;

impl RequestContext<'_> {
    /// Refuses a name that is empty or too long. The documents name no unit of length: characters are assumed.
    ///
    /// `twin`: the action documents a second code for a name that is too long.
    pub(super) fn validate_name(&self, name: &str, twin: bool) -> Result<(), ActionError> {
        if name.is_empty() {
            return refuse("InvalidParameterValue", "The parameter `ImageName` is empty.");
        }
        self.validate_length("ImageName", name, NAME_MAX, twin)
    }

    /// Refuses a description that is too long, and a family that is malformed.
    pub(super) fn validate_texts(&self, args: Args<'_>, twin: bool) -> Result<(), ActionError> {
        let description = args.text("ImageDescription").unwrap_or_default();
        self.validate_length("ImageDescription", description, DESCRIPTION_MAX, twin)?;
        // The form of a family is not published. The limit of a name is assumed, without blanks.
        let family = args.text("ImageFamily").unwrap_or_default();
        if family.chars().count() > NAME_MAX || family.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse(
                "InvalidParameterValue.InvalidImageFamily",
                format!("ImageFamily {family} is invalid."),
            );
        }
        Ok(())
    }

    fn validate_length(&self, name: &str, text: &str, most: usize, twin: bool) -> Result<(), ActionError> {
        if text.chars().count() <= most {
            return Ok(());
        }
        let code = if twin && self.settings.twin_codes {
            "InvalidParameter.ValueTooLarge"
        } else {
            "InvalidParameterValue.TooLarge"
        };
        refuse(code, format!("The parameter `{name}` is longer than {most} characters."))
    }

    /// Refuses a name that another image of the caller in the region has.
    pub(super) fn validate_name_free(&self, region: &str, name: &str) -> Result<(), ActionError> {
        match self.world.image_named(region, self.caller, name)? {
            Some(other) => refuse(
                "InvalidImageName.Duplicate",
                format!("The image name {name} is taken by {other} in {region}."),
            ),
            None => Ok(()),
        }
    }

    /// Refuses another image in a region that has reached its limit. Images in every state count.
    pub(super) fn validate_quota(&self, region: &str) -> Result<(), ActionError> {
        let limit = self.settings.image_limit(region);
        let used = self.world.image_count(region, self.caller)?;
        if used >= limit {
            return refuse(
                "ImageQuotaLimitExceeded",
                format!("The image quota of {region} is exceeded: {used} of {limit} images are used."),
            );
        }
        Ok(())
    }

    /// Returns the tags of a TagSpecification (213/16726).
    ///
    /// # Errors
    /// If a tag is invalid, with a code that CreateImage documents.
    pub(super) fn specified_tags(&self, args: Args<'_>) -> Result<Vec<Tag>, ActionError> {
        let mut tags: Vec<Tag> = Vec::new();
        for specification in args.objects("TagSpecification") {
            if specification.text("ResourceType") != Some("image") {
                return refuse(
                    "InvalidParameterValue",
                    "The ResourceType of a TagSpecification must be image.",
                );
            }
            for tag in specification.objects("Tags") {
                let tag = Tag {
                    key: tag.text("Key").unwrap_or_default().to_owned(),
                    value: tag.text("Value").unwrap_or_default().to_owned(),
                };
                if tags.iter().any(|other| other.key == tag.key) {
                    return refuse(
                        "InvalidParameterValue",
                        format!("The tag key {} appears twice.", tag.key),
                    );
                }
                tags.push(tag);
            }
        }
        if tags.len() > TAGS_MAX {
            return refuse(
                "InvalidParameterValue.TagQuotaLimitExceeded",
                format!("An image has at most {TAGS_MAX} tags."),
            );
        }
        for tag in &tags {
            let unusable = !self.settings.tags_on_create
                || validate_tag_key(self.settings, &tag.key).is_err()
                || validate_tag_value(&tag.value).is_err()
                || (self.settings.tag_keys_must_exist
                    && self.world.values_of_key(self.caller, &tag.key)?.is_empty());
            if unusable {
                return refuse(
                    "InvalidParameterValue.TagKeyNotFound",
                    format!("The tag key {} is not found.", tag.key),
                );
            }
        }
        Ok(tags)
    }
}

/// Refuses an invalid tag key, with the codes of the tag service (limits of the tag service, 651/35316).
pub(super) fn validate_tag_key(settings: &Settings, key: &str) -> Result<(), ActionError> {
    if key.is_empty() {
        return refuse("InvalidParameterValue.TagKeyEmpty", "A tag key is empty.");
    }
    if key.chars().count() > TAG_KEY_MAX {
        return refuse(
            "InvalidParameterValue.TagKeyLengthExceeded",
            format!("A tag key is longer than {TAG_KEY_MAX} characters."),
        );
    }
    if !key.chars().all(is_tag_character) {
        return refuse(
            "InvalidParameterValue.TagKeyCharacterIllegal",
            format!("The tag key {key} contains a character that is not allowed."),
        );
    }
    let word = settings.reserved_tag_words && matches!(key, "qcloud" | "tencent" | "project");
    if word || key.starts_with("qcs:") || key.starts_with("project:") {
        return refuse("InvalidParameter.ReservedTagKey", format!("The tag key {key} is reserved."));
    }
    Ok(())
}

/// Refuses an invalid tag value, with the codes of the tag service.
pub(super) fn validate_tag_value(value: &str) -> Result<(), ActionError> {
    if value.is_empty() {
        return refuse("InvalidParameterValue.TagValueEmpty", "A tag value is empty.");
    }
    if value.chars().count() > TAG_VALUE_MAX {
        return refuse(
            "InvalidParameterValue.TagValueLengthExceeded",
            format!("A tag value is longer than {TAG_VALUE_MAX} characters."),
        );
    }
    if !value.chars().all(is_tag_character) {
        return refuse(
            "InvalidParameterValue.TagValueCharacterIllegal",
            format!("The tag value {value} contains a character that is not allowed."),
        );
    }
    Ok(())
}

/// Returns whether a tag may contain the character: letters and digits of any script, blanks, and the documented
/// special characters.
fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || " +-=._:/@()[]（）【】".contains(c)
}

//! What an action sees of the world when it runs, and the judgements that several actions share.

use super::catalogue;
use super::geography::Place;
use super::protocol::Reply;
use super::refusal::{Stop, refuse};
use super::schema::Args;
use super::settings::{DryRun, Settings, Tasks};
use super::world::{Effect, Image, Instance, State, Tag, World};
use crate::model::{AccountId, ImageId};

/// The longest name of an image, in characters (213/16726 ImageName).
pub(super) const NAME_MAX: usize = 60;
/// The longest description, in characters (213/16726 ImageDescription).
pub(super) const DESCRIPTION_MAX: usize = 256;
/// The most tags of one thing (limits of the tag service).
pub(super) const TAGS_MAX: usize = 50;
/// The longest tag key, in characters.
pub(super) const TAG_KEY_MAX: usize = 127;
/// The longest tag value, in characters.
pub(super) const TAG_VALUE_MAX: usize = 255;

/// One call while it is executed.
pub(super) struct RequestContext<'a> {
    /// The world.
    pub(super) world: &'a World,
    /// Its switches.
    pub(super) settings: &'a Settings,
    /// The main account that calls, as text.
    pub(super) caller: &'a str,
    /// The region that is called; nothing where the action needs none.
    pub(super) place: Option<Place<'a>>,
    /// The present, in microseconds since 1970.
    pub(super) now: i64,
    /// What fault scripts do to this call.
    pub(super) effects: &'a [Effect],
    /// Whether names of places are told in English.
    pub(super) english: bool,
}

/// What an image is to the caller (213/15715 ImageType).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its own: PRIVATE_IMAGE.
    Own,
    /// Another account's, shared with it: SHARED_IMAGE.
    SharedInImage,
    /// The provider's: PUBLIC_IMAGE.
    Public,
}

/// What a task does to an image: its state, when that ends, and what it ends in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    /// The state while it runs.
    pub(super) state: State,
    /// When it ends; nothing: never.
    pub(super) ready_at: Option<i64>,
    /// What it ends in.
    pub(super) becomes: State,
}

impl<'a> RequestContext<'a> {
    /// The code of the region that is called.
    pub(super) fn region(&self) -> &'a str {
        self.place.map_or("", |place| place.code)
    }

    /// The image with an id, as the caller sees it in the region that is called; malformed ids are refused.
    pub(super) fn find_image(&self, id: &str) -> Result<Option<(Image, Standing)>, Stop> {
        if id.parse::<ImageId>().is_err() {
            return refuse("InvalidImageId.Malformed", format!("ImageId {id} is malformed."));
        }
        if let Some(image) = self.world.image(self.region(), id)? {
            let standing = if image.owner == self.caller {
                Some(Standing::Own)
            } else if self.world.is_shared_with(id, self.caller)? {
                Some(Standing::SharedInImage)
            } else {
                None
            };
            return Ok(standing.map(|standing| (image, standing)));
        }
        Ok(self.place.and_then(|place| catalogue::find(self.settings, place.code, self.caller, id)))
    }

    /// As [`RequestContext::find_image`]; one that the caller cannot see is refused.
    pub(super) fn image(&self, id: &str) -> Result<(Image, Standing), Stop> {
        match self.find_image(id)? {
            Some(found) => Ok(found),
            None => refuse("InvalidImageId.NotFound", format!("ImageId {id} is not found.")),
        }
    }

    /// Refuses a name that is empty or too long, in characters (the documents name no unit); `twin`: the action
    /// documents a second code for that.
    pub(super) fn judge_name(&self, name: &str, twin: bool) -> Result<(), Stop> {
        if name.is_empty() {
            return refuse("InvalidParameterValue", "The parameter `ImageName` is empty.");
        }
        self.judge_length("ImageName", name, NAME_MAX, twin)
    }

    /// Refuses a description that is too long, and a family that is malformed.
    pub(super) fn judge_texts(&self, args: Args<'_>, twin: bool) -> Result<(), Stop> {
        let description = args.text("ImageDescription").unwrap_or_default();
        self.judge_length("ImageDescription", description, DESCRIPTION_MAX, twin)?;
        // The form of a family's name is not published; this is what a name allows, without blanks.
        let family = args.text("ImageFamily").unwrap_or_default();
        if family.chars().count() > NAME_MAX || family.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse(
                "InvalidParameterValue.InvalidImageFamily",
                format!("ImageFamily {family} is invalid."),
            );
        }
        Ok(())
    }

    fn judge_length(&self, name: &str, text: &str, most: usize, twin: bool) -> Result<(), Stop> {
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

    /// Refuses a name that the caller's images of a region have already.
    pub(super) fn judge_name_free(&self, region: &str, name: &str) -> Result<(), Stop> {
        match self.world.image_named(region, self.caller, name)? {
            Some(other) => refuse(
                "InvalidImageName.Duplicate",
                format!("The image name {name} is taken by {other} in {region}."),
            ),
            None => Ok(()),
        }
    }

    /// Refuses one more image in a region whose limit is reached. Images in every state count.
    pub(super) fn judge_quota(&self, region: &str) -> Result<(), Stop> {
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

    /// The tags of a TagSpecification (213/16726), judged as far as its action documents.
    pub(super) fn specified_tags(&self, args: Args<'_>) -> Result<Vec<Tag>, Stop> {
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
                    return refuse("InvalidParameterValue", format!("The tag key {} stands twice.", tag.key));
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
                || judge_tag_key(self.settings, &tag.key).is_err()
                || judge_tag_value(&tag.value).is_err()
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

    /// The answer to a call that passed every judgement and asked for a dry run; nothing: it is to be executed.
    pub(super) fn dry_run(&self, args: Args<'_>) -> Result<Option<Reply>, Stop> {
        match (args.flag("DryRun"), self.settings.dry_run) {
            (false, _) => Ok(None),
            (true, DryRun::Success) => Ok(Some(Reply::new())),
            (true, DryRun::Error) => refuse(
                "DryRunOperation",
                "The request would have succeeded, but the DryRun parameter was passed.",
            ),
        }
    }

    /// What becomes of an image whose task starts now.
    pub(super) fn task(&self, state: State) -> Task {
        let settle = match state {
            State::Syncing => self.settings.copy_settle,
            State::Importing => self.settings.import_settle,
            _ => None,
        };
        let (mut after, mut tasks) = (settle.unwrap_or(self.settings.settle), self.settings.tasks);
        for effect in self.effects {
            match effect {
                Effect::Fail => tasks = Tasks::Fail,
                Effect::Hang => tasks = Tasks::Hang,
                Effect::Settle { after: given } => after = *given,
                _ => {}
            }
        }
        let ready_at = self.now.saturating_add(micros(after));
        let failed = if state == State::Importing { State::ImportFailed } else { State::CreateFailed };
        match tasks {
            Tasks::Succeed => Task { state, ready_at: Some(ready_at), becomes: State::Normal },
            Tasks::Fail => Task { state, ready_at: Some(ready_at), becomes: failed },
            Tasks::Hang => Task { state, ready_at: None, becomes: state },
        }
    }

    /// From when on an image that is made now is listed.
    pub(super) fn visible_at(&self) -> i64 {
        let hidden = self.effects.iter().filter_map(|effect| match effect {
            Effect::Hide { lasting } => Some(micros(*lasting)),
            _ => None,
        });
        self.now.saturating_add(hidden.fold(micros(self.settings.late_visibility), i64::max))
    }

    /// The instance with an id, if it exists for the caller.
    pub(super) fn instance(&self, id: &str) -> Result<Option<Instance>, Stop> {
        if id.parse::<crate::model::InstanceId>().is_err() {
            return Ok(None);
        }
        let known = self.world.instance(self.region(), self.caller, id)?;
        Ok(known.or_else(|| match self.settings.instances {
            super::settings::Existence::WellFormed => Some(Instance::kind(id, self.region(), self.caller)),
            super::settings::Existence::Known => None,
        }))
    }

    /// Whether a main account exists.
    pub(super) fn account_exists(&self, account: AccountId) -> bool {
        self.settings.accounts.as_ref().is_none_or(|known| known.contains(&account))
    }
}

/// Microseconds of a duration, of which none is negative.
pub(super) fn micros(duration: jiff::SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).max(0)
}

/// Refuses a tag key by the codes of the tag service (limits of the tag service; 651/35316).
pub(super) fn judge_tag_key(settings: &Settings, key: &str) -> Result<(), Stop> {
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
            format!("The tag key {key} holds a character that is not allowed."),
        );
    }
    let word = settings.reserved_tag_words && matches!(key, "qcloud" | "tencent" | "project");
    if word || key.starts_with("qcs:") || key.starts_with("project:") {
        return refuse("InvalidParameter.ReservedTagKey", format!("The tag key {key} is reserved."));
    }
    Ok(())
}

/// Refuses a tag value by the codes of the tag service.
pub(super) fn judge_tag_value(value: &str) -> Result<(), Stop> {
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
            format!("The tag value {value} holds a character that is not allowed."),
        );
    }
    Ok(())
}

/// Letters and digits of any script, blanks, and the documented special characters.
fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || " +-=._:/@()[]（）【】".contains(c)
}

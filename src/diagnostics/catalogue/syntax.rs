//! Codes of mistakes in the text of a manifest: GF101 to GF199.

use crate::diagnostics::Code;
use crate::model::Level;

macro_rules! codes {
    ($($constant:ident = $id:literal $name:literal $level:ident $title:literal {
        checks: $checks:literal
        why: $why:literal
        example: $example:literal
        to_do: $to_do:literal
    })+) => {
        $(
            #[doc = concat!($id, ".")]
            pub static $constant: Code = Code {
                id: $id,
                name: $name,
                title: $title,
                level: Level::$level,
                docs: concat!(
                    "### What it checks\n", $checks, "\n\n### Why\n", $why, "\n\n### Example\n```yaml\n", $example,
                    "\n```\n\n### What to do\n", $to_do, "\n"
                ),
            };
        )+
        /// All codes of mistakes in the text, ordered by id.
        pub static CODES: &[&Code] = &[$(&$constant),+];
    };
}

codes! {
    YAML_INVALID = "GF101" "yaml_invalid" Deny "This is not valid YAML" {
        checks: "That the text is YAML: indentation by spaces, closed brackets and quotes, a colon after a key."
        why: "A text that cannot be read as YAML has no meaning. Only the first such place of a file is told, since \
              what follows it would be guesswork; other files are still read."
        example: "images:\n\tweb: {region: ap-jakarta}"
        to_do: "Correct the place that is shown. Tabs become spaces; text with `: ` or ` #` in it, or that starts \
                with a special character, goes into quotes."
    }
    TEXT_INVALID = "GF102" "text_invalid" Deny "This is not readable text" {
        checks: "That the file is UTF-8, without control characters."
        why: "Other encodings would be read as different names than you see, and control characters can hide text."
        example: "images: {web: {description: \"caf\u{FFFD}\"}}"
        to_do: "Save the file as UTF-8, and remove the character that is shown."
    }
    LIMIT_EXCEEDED = "GF103" "limit_exceeded" Deny "The manifest is too large or too deep" {
        checks: "That a file has at most 64 MiB, 64 levels, 10 million keys and values, 50,000 anchors and 500,000 \
                 aliases, and that aliases repeat at most 1 million of them. The first thousand problems are told."
        why: "A few lines of aliases can stand for more than any memory holds. The limits leave room for 40,000 \
              images with 20 accounts each."
        example: "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"
        to_do: "Split the manifest into several files, and write less through aliases."
    }
    DOCUMENTS_SEVERAL = "GF104" "documents_several" Deny "A file holds several documents" {
        checks: "That a file is one YAML document."
        why: "What stands after a second `---` would be a second manifest; it is easy to lose it unseen."
        example: "version: 1\n---\nimages: {}"
        to_do: "Put the second document into a file of its own beside the first: all files of a folder are one \
                manifest."
    }
    KEY_UNKNOWN = "GF105" "key_unknown" Deny "Unknown key" {
        checks: "That every key is one that a manifest knows at its place."
        why: "A mistyped key that is passed over silently is a setting that does not hold."
        example: "images:\n  web:\n    regoin: ap-jakarta"
        to_do: "Correct the key, or remove it. `goldform schema manifest` prints what is known; editors that read \
                it complete keys."
    }
    KEY_DUPLICATE = "GF106" "key_duplicate" Deny "A key stands twice" {
        checks: "That a key stands once in its mapping."
        why: "Readers of YAML disagree on which one counts, so one of the two would be lost."
        example: "images:\n  web: {region: ap-jakarta}\n  web: {region: ap-tokyo}"
        to_do: "Remove or rename one of them."
    }
    KEY_MISSING = "GF107" "key_missing" Deny "A required key is missing" {
        checks: "That what a manifest cannot do without is there."
        why: "There is no default that would be right for everybody."
        example: "version: 1\nimages: {}   # and no account"
        to_do: "Add the key."
    }
    VALUE_MISSING = "GF108" "value_missing" Deny "A key has no value" {
        checks: "That a key that is written has a value."
        why: "A key that is left out and one that is left empty look alike and mean different things: an attribute \
              that is left out is not managed, an empty one is emptied."
        example: "images:\n  web:\n    description:"
        to_do: "Write the value, `\"\"` for an empty text, or leave the key out."
    }
    TYPE_WRONG = "GF109" "type_wrong" Deny "A value has the wrong type" {
        checks: "That text, numbers, switches, lists and mappings stand where they are expected."
        why: "A guess at what was meant would be wrong for somebody."
        example: "images:\n  web:\n    copies: ap-tokyo"
        to_do: "Write the value as the message shows it."
    }
    TEXT_UNQUOTED = "GF110" "text_unquoted" Deny "Text that needs quotes" {
        checks: "That text which YAML reads as a number, a boolean or null stands in quotes."
        why: "`100000000001`, `1.10`, `007`, `NO` and `on` are not text to every reader of YAML: digits get lost, \
              and Norway becomes `false`."
        example: "account: 100000000001"
        to_do: "Put it in quotes."
    }
    TAG_UNSUPPORTED = "GF111" "tag_unsupported" Deny "A YAML tag is not understood here" {
        checks: "That no value has a tag (`!name`)."
        why: "Tags change how a value is read. A manifest has no use for them; quotes make text."
        example: "account: !!str 100000000001"
        to_do: "Remove the tag; put text into quotes."
    }
    ALIAS_INVALID = "GF112" "alias_invalid" Deny "An alias or merge has nothing to stand for" {
        checks: "That an alias `*name` follows its anchor `&name`, and that `<<` merges mappings."
        why: "There is nothing that could stand in its place."
        example: "images:\n  web: *base"
        to_do: "Write the anchor before the alias, or write the value out."
    }
    VERSION_UNSUPPORTED = "GF113" "version_unsupported" Deny "This version of the format is not known" {
        checks: "That `version` is 1."
        why: "A manifest for another version may mean something else by the same words."
        example: "version: 2"
        to_do: "Write `version: 1`, or use a goldform that knows the version."
    }
    VALUE_UNKNOWN = "GF114" "value_unknown" Deny "A value is not one of the choices" {
        checks: "That a key with a few possible values has one of them."
        why: "Nothing could be done with another one."
        example: "images:\n  web:\n    replace: create_first"
        to_do: "Write one of the values that the message lists."
    }
    VALUE_MALFORMED = "GF115" "value_malformed" Deny "A value does not have its shape" {
        checks: "That account ids, URLs, addresses and places of the state look like what they are."
        why: "Such a value cannot name anything."
        example: "state: s3://bucket"
        to_do: "Write the value as the message describes it."
    }
    NAME_MALFORMED = "GF116" "name_malformed" Deny "A name does not have its shape" {
        checks: "That keys of images, lookups, accounts and variables can stand in addresses and on command lines: \
                 1 to 60 letters, digits, `-`, `_` or `.`, the first a letter or digit. A name of an account holds \
                 at least one letter; a name of a variable starts with a letter or `_`."
        why: "Such a name could not be addressed, or would be taken for an id."
        example: "images:\n  web base: {region: ap-jakarta}"
        to_do: "Choose another name."
    }
    NAME_TAKEN = "GF117" "name_taken" Deny "A name is declared in two files" {
        checks: "That of all files of a manifest one declares a name, and that `account`, `cloud` and `state` stand \
                 in one of them."
        why: "Files are joined; which of the two counts would depend on their names."
        example: "# a.yaml\nimages: {web: {region: ap-jakarta}}\n# b.yaml\nimages: {web: {region: ap-tokyo}}"
        to_do: "Remove or rename one of them."
    }
    VARIABLE_UNKNOWN = "GF118" "variable_unknown" Deny "Unknown variable" {
        checks: "That `${name}` names an entry under `variables`."
        why: "There is no value that it could stand for."
        example: "description: built from ${biuld}"
        to_do: "Declare the variable or correct its name. `$${` stands for the text `${`."
    }
    VARIABLE_UNSET = "GF119" "variable_unset" Deny "A variable has no value" {
        checks: "That a variable that is used is given, or has a default."
        why: "There is no value that it could stand for."
        example: "variables: {build: {}}"
        to_do: "Give it by `--var build=VALUE`, `--var-file` or `GOLDFORM_VAR_build`, or write a default."
    }
    VARIABLE_SENSITIVE = "GF120" "variable_sensitive" Deny "A secret would be stored" {
        checks: "That a sensitive variable stands in `import.query` only, and has no default."
        why: "Everything else of a manifest is recorded in state, shown in plans and sent to the service. A default \
              would stand in the manifest for everybody to read."
        example: "variables: {token: {sensitive: true}}\nimages:\n  web:\n    description: ${token}"
        to_do: "Use a variable that is not sensitive, or none. Give the secret from the environment."
    }
    REFERENCE_MALFORMED = "GF121" "reference_malformed" Deny "A reference cannot be read" {
        checks: "That `${` starts `${name}` or, in `source.shared.id`, `${lookup.NAME}`, and is closed."
        why: "Text with half a reference in it is hardly ever what was meant."
        example: "description: costs ${"
        to_do: "Close it with `}`, or write `$${` for the text `${`."
    }
    IMAGE_UNKNOWN = "GF122" "image_unknown" Deny "Unknown image" {
        checks: "That shares, encrypted sources and renames name an entry under `images`."
        why: "There is nothing that they could be about."
        example: "shares: [{image: web-bsae, with: [partner]}]"
        to_do: "Correct the key, or declare the image."
    }
    LOOKUP_UNKNOWN = "GF123" "lookup_unknown" Deny "Unknown lookup" {
        checks: "That `${lookup.NAME}` names an entry under `lookups`."
        why: "There is nothing that could be looked up."
        example: "shared: {id: \"${lookup.ubutnu}\"}"
        to_do: "Correct the name, or declare the lookup."
    }
    RENAME_INVALID = "GF124" "rename_invalid" Deny "A rename cannot be followed" {
        checks: "That a rename leads from the address of an entry that is gone to one that is there, each once."
        why: "The recorded images could not be given to the new entry, and would be deleted."
        example: "renames: [{from: image.web, to: image.web-base}]   # and image.web is still there"
        to_do: "Remove the old entry, or the rename. A rename may go once it was applied."
    }
    SOURCE_CIRCULAR = "GF125" "source_circular" Deny "Images are made from each other" {
        checks: "That no image is, by way of `encrypted`, made from itself."
        why: "Neither could be made first."
        example: "images:\n  a: {source: {encrypted: {image: b}}}\n  b: {source: {encrypted: {image: a}}}"
        to_do: "Give one of them another source."
    }
    KEY_MISPLACED = "GF126" "key_misplaced" Deny "A key has no effect here" {
        checks: "That a key stands only where it counts: `from` of a lookup only with `type: shared`."
        why: "It would be passed over silently."
        example: "lookups:\n  ubuntu: {region: ap-jakarta, type: public, from: partner}"
        to_do: "Remove the key, or change the one that it depends on."
    }
    QUERY_IN_TEXT = "GF127" "query_in_text" Warn "A signature stands in the manifest" {
        checks: "That the query of an import's URL comes from a sensitive variable."
        why: "The signature of a URL is a secret while it is valid, and manifests are kept in version control. What \
              stands in the manifest's text can also stand in a saved plan."
        example: "import: {url: \"https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2?q-signature=1a2b\"}"
        to_do: "Write the URL without its query, and `query: \"${signature}\"` with a sensitive variable."
    }
    PLACEHOLDER_UNKNOWN = "GF128" "placeholder_unknown" Warn "A placeholder is not known" {
        checks: "That braces in an image's name hold `generation`, the one placeholder there is."
        why: "Anything else is taken as it stands: the image would have braces in its name, and every generation \
              the same one."
        example: "name: web-{gen}"
        to_do: "Write `{generation}`."
    }
    VARIABLE_UNUSED = "GF129" "variable_unused" Warn "A variable is not used" {
        checks: "That every entry under `variables` stands in some text."
        why: "It is often the trace of a mistyped reference."
        example: "variables: {build: {default: ins-8f3a1c2d}}   # and no ${build}"
        to_do: "Use it or remove it."
    }
    MANIFEST_EMPTY = "GF130" "manifest_empty" Deny "There is no manifest" {
        checks: "That at least one file is read."
        why: "Nothing that is recorded would be wanted any more."
        example: "# a folder without *.yaml or *.yml files"
        to_do: "Name a file or folder with `-f`; `goldform init` writes a manifest to start from."
    }
    MANIFEST_FOREIGN = "GF131" "manifest_foreign" Deny "This is not a manifest" {
        checks: "That a file which cannot be read as a manifest has at least one line that starts with a key of a \
                 manifest."
        why: "A key file or an environment that is named by mistake holds secrets, and messages end up in logs: nothing \
              of its text is shown. It is not left out either, since what is not in the manifest is deleted."
        example: "registry: example.com\nuser: robot"
        to_do: "Name another file, or move this one out of the folder. A part of a manifest starts a line with one of its \
                keys, such as `images:`."
    }
    RULE_UNKNOWN = "GF199" "rule_unknown" Deny "Unknown rule" {
        checks: "That `rules`, `--allow`, `--warn` and `--deny` name rules, by name or id."
        why: "A mistyped `allow` would leave a rule in force, and a mistyped `deny` would leave it out."
        example: "rules: {share_gpa: deny}"
        to_do: "Correct the name. `goldform explain` lists the rules."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_ordered_and_every_page_has_its_four_sections() {
        for pair in CODES.windows(2) {
            assert!(pair[0].id < pair[1].id, "{}", pair[1].id);
        }
        for code in CODES {
            assert!(code.id.len() == 5 && code.id.starts_with("GF1"), "{}", code.id);
            assert!(code.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", code.name);
            assert_eq!(CODES.iter().filter(|other| other.name == code.name).count(), 1, "{}", code.name);
            assert!(!code.title.is_empty() && !code.title.ends_with('.'), "{}", code.id);
            let sections: Vec<_> =
                code.docs.split("### ").skip(1).filter_map(|part| part.split_once('\n')).collect();
            let names: Vec<_> = sections.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["What it checks", "Why", "Example", "What to do"], "{}", code.id);
            for (name, text) in sections {
                let end = if name == "Example" { "```" } else { "." };
                assert!(text.trim().ends_with(end), "{}: {name}", code.id);
            }
        }
    }
}

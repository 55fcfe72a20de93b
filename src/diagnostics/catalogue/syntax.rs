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
    YAML_INVALID = "GF101" "yaml_invalid" Deny "Invalid YAML" {
        checks: "That the text is YAML: indentation by spaces, closed brackets and quotes, a colon after each key."
        why: "Invalid YAML has no meaning. Only the first error of a file is reported, since the rest would be \
              guesswork. Other files are still read."
        example: "images:\n\tweb: {region: ap-jakarta}"
        to_do: "Correct the reported place. Replace tabs by spaces. Put text into quotes if it contains `: ` or ` \
                #`, or starts with a special character."
    }
    TEXT_INVALID = "GF102" "text_invalid" Deny "Invalid text" {
        checks: "That the file is UTF-8 without control characters."
        why: "Another encoding would change names, and control characters can hide text."
        example: "images: {web: {description: \"caf\u{FFFD}\"}}"
        to_do: "Save the file as UTF-8, and remove the reported character."
    }
    LIMIT_EXCEEDED = "GF103" "limit_exceeded" Deny "The manifest exceeds a limit" {
        checks: "That a file has at most 64 MiB, 64 levels, 10 million keys and values, 50,000 anchors and 500,000 \
                 aliases, and that aliases repeat at most 1 million values. At most 1,000 findings per code are \
                 reported."
        why: "A few lines of aliases can represent more than fits in memory. The limits allow 40,000 images with \
              20 accounts each."
        example: "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"
        to_do: "Split the manifest into several files, and use fewer aliases."
    }
    DOCUMENTS_SEVERAL = "GF104" "documents_several" Deny "Several documents in one file" {
        checks: "That a file is one YAML document."
        why: "The text after a second `---` would be a second manifest, which is easily overlooked."
        example: "version: 1\n---\nimages: {}"
        to_do: "Move the second document into a file of its own in the same folder. All files of a folder are one \
                manifest."
    }
    KEY_UNKNOWN = "GF105" "key_unknown" Deny "Unknown key" {
        checks: "That each key is valid at its place."
        why: "A mistyped key that is ignored is a setting without an effect."
        example: "images:\n  web:\n    regoin: ap-jakarta"
        to_do: "Correct or remove the key. `goldform schema manifest` prints all keys, and editors use the schema \
                to complete them."
    }
    KEY_DUPLICATE = "GF106" "key_duplicate" Deny "Duplicate key" {
        checks: "That each key of a mapping is unique."
        why: "Readers of YAML disagree on which of the two counts, so one of them would be lost."
        example: "images:\n  web: {region: ap-jakarta}\n  web: {region: ap-tokyo}"
        to_do: "Remove or rename one of them."
    }
    KEY_MISSING = "GF107" "key_missing" Deny "Missing key" {
        checks: "That required keys are present."
        why: "They have no default that is right for everybody."
        example: "version: 1\nimages: {}   # and no account"
        to_do: "Add the key."
    }
    VALUE_MISSING = "GF108" "value_missing" Deny "Missing value" {
        checks: "That each key has a value."
        why: "A key without a value looks like a key that is left out, but means something else: an attribute that \
              is left out is not managed, and an empty one is removed."
        example: "images:\n  web:\n    description:"
        to_do: "Write a value, write `\"\"` for an empty text, or remove the key."
    }
    TYPE_WRONG = "GF109" "type_wrong" Deny "Wrong type of a value" {
        checks: "That each value has the type of its key: text, number, switch, list or mapping."
        why: "A guess at the meaning would sometimes be wrong."
        example: "images:\n  web:\n    copies: ap-tokyo"
        to_do: "Write the value as the message shows it."
    }
    TEXT_UNQUOTED = "GF110" "text_unquoted" Deny "Text without quotes" {
        checks: "That text which YAML reads as a number, a boolean or null is in quotes."
        why: "`100000000001`, `1.10`, `007`, `NO` and `on` are not text to every reader of YAML: digits are lost, \
              and `NO` becomes `false`."
        example: "account: 100000000001"
        to_do: "Put the text into quotes."
    }
    TAG_UNSUPPORTED = "GF111" "tag_unsupported" Deny "Unsupported YAML tag" {
        checks: "That no value has a tag (`!name`)."
        why: "Tags change how a value is read. A manifest does not need them: quotes make text."
        example: "account: !!str 100000000001"
        to_do: "Remove the tag. Put text into quotes."
    }
    ALIAS_INVALID = "GF112" "alias_invalid" Deny "Invalid alias or merge" {
        checks: "That the anchor `&name` precedes its alias `*name`, and that `<<` merges mappings."
        why: "An alias without an anchor has no value, and only mappings can be merged."
        example: "images:\n  web: *base"
        to_do: "Write the anchor before the alias, or write out the value."
    }
    VERSION_UNSUPPORTED = "GF113" "version_unsupported" Deny "Unsupported version of the format" {
        checks: "That `version` is 1."
        why: "In another version, the same words may mean something else."
        example: "version: 2"
        to_do: "Write `version: 1`, or use a version of goldform that supports it."
    }
    VALUE_UNKNOWN = "GF114" "value_unknown" Deny "Unknown value" {
        checks: "That a key with a fixed set of values has one of them."
        why: "Another value has no meaning."
        example: "images:\n  web:\n    replace: create_first"
        to_do: "Write one of the values that the message lists."
    }
    VALUE_MALFORMED = "GF115" "value_malformed" Deny "Malformed value" {
        checks: "That account ids, URLs, addresses, revisions under `pin` and locations of the state are well-formed."
        why: "A malformed value cannot refer to anything."
        example: "state: s3://bucket"
        to_do: "Write the value as the message describes it."
    }
    NAME_MALFORMED = "GF116" "name_malformed" Deny "Malformed name" {
        checks: "That keys of images, lookups, accounts and variables can be used in addresses and on command \
                 lines: 1 to 60 letters, digits, `-`, `_` or `.`, the first a letter or digit. The name of an \
                 account has at least one letter. The name of a variable starts with a letter or `_`."
        why: "Such a name could not be addressed, or would be mistaken for an id."
        example: "images:\n  web base: {region: ap-jakarta}"
        to_do: "Choose another name."
    }
    NAME_TAKEN = "GF117" "name_taken" Deny "Name declared in several files" {
        checks: "That each name is declared in only one file of a manifest, and that `account`, `cloud` and \
                 `state` are declared in only one."
        why: "Files are joined. Which of two declarations counts would depend on the names of the files."
        example: "# a.yaml\nimages: {web: {region: ap-jakarta}}\n# b.yaml\nimages: {web: {region: ap-tokyo}}"
        to_do: "Remove or rename one of them."
    }
    VARIABLE_UNKNOWN = "GF118" "variable_unknown" Deny "Unknown variable" {
        checks: "That `${name}` refers to an entry under `variables`."
        why: "An unknown variable has no value."
        example: "description: built from ${biuld}"
        to_do: "Declare the variable, or correct its name. `$${` is an escape for the text `${`."
    }
    VARIABLE_UNSET = "GF119" "variable_unset" Deny "Variable without a value" {
        checks: "That each variable that is used has a value or a default."
        why: "The text that uses it is incomplete without a value."
        example: "variables: {build: {}}"
        to_do: "Set it by `--var build=VALUE`, `--var-file` or `GOLDFORM_VAR_build`, or write a default."
    }
    VARIABLE_SENSITIVE = "GF120" "variable_sensitive" Deny "Secret in a stored text" {
        checks: "That a sensitive variable is used only in `import.query`, and has no default."
        why: "All other texts of a manifest are stored in the state, printed in plans and sent to the service. \
              Everybody who reads the manifest could read a default."
        example: "variables: {token: {sensitive: true}}\nimages:\n  web:\n    description: ${token}"
        to_do: "Use a variable that is not sensitive, or none. Set the secret in the environment."
    }
    REFERENCE_MALFORMED = "GF121" "reference_malformed" Deny "Malformed reference" {
        checks: "That `${` starts `${name}` or, in `source.shared.id`, `${lookup.NAME}`, and that it is closed."
        why: "Text with an incomplete reference is usually a mistake."
        example: "description: costs ${"
        to_do: "Close it with `}`, or write `$${` for the text `${`."
    }
    IMAGE_UNKNOWN = "GF122" "image_unknown" Deny "Unknown image" {
        checks: "That shares, encrypted sources and renames refer to an entry under `images`."
        why: "Without the entry they have no meaning."
        example: "shares: [{image: web-bsae, with: [partner]}]"
        to_do: "Correct the key, or declare the image."
    }
    LOOKUP_UNKNOWN = "GF123" "lookup_unknown" Deny "Unknown lookup" {
        checks: "That `${lookup.NAME}` refers to an entry under `lookups`."
        why: "Without the entry no image can be looked up."
        example: "shared: {id: \"${lookup.ubutnu}\"}"
        to_do: "Correct the name, or declare the lookup."
    }
    RENAME_INVALID = "GF124" "rename_invalid" Deny "Invalid rename" {
        checks: "That a rename leads from the address of an entry that is no longer declared to one that is \
                 declared, each at most once."
        why: "The recorded images could not be assigned to the new entry, and would be deleted."
        example: "renames: [{from: image.web, to: image.web-base}]   # and image.web is still there"
        to_do: "Remove the old entry, or the rename. A rename may be removed once it is applied."
    }
    SOURCE_CIRCULAR = "GF125" "source_circular" Deny "Images made from each other" {
        checks: "That no image is made from itself through `encrypted`."
        why: "None of the images could be made first."
        example: "images:\n  a: {source: {encrypted: {image: b}}}\n  b: {source: {encrypted: {image: a}}}"
        to_do: "Give one of them another source."
    }
    KEY_MISPLACED = "GF126" "key_misplaced" Deny "Key without an effect" {
        checks: "That a key is used only where it has an effect: `from` of a lookup only with `type: shared`."
        why: "It would be ignored."
        example: "lookups:\n  ubuntu: {region: ap-jakarta, type: public, from: partner}"
        to_do: "Remove the key, or change the key that it depends on."
    }
    QUERY_IN_TEXT = "GF127" "query_in_text" Warn "Signature in the manifest" {
        checks: "That the query of an import's URL comes from a sensitive variable."
        why: "The signature of a URL is a secret while it is valid, and manifests are kept in version control. A \
              saved plan can also contain the text of the manifest."
        example: "import: {url: \"https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2?q-signature=1a2b\"}"
        to_do: "Write the URL without its query, and `query: \"${signature}\"` with a sensitive variable."
    }
    PLACEHOLDER_UNKNOWN = "GF128" "placeholder_unknown" Warn "Unknown placeholder" {
        checks: "That braces in the name of an image contain `generation`, the only placeholder."
        why: "Other braces become part of the name, which would be the same for every generation."
        example: "name: web-{gen}"
        to_do: "Write `{generation}`."
    }
    VARIABLE_UNUSED = "GF129" "variable_unused" Warn "Unused variable" {
        checks: "That each entry under `variables` is used."
        why: "An unused variable is often the result of a mistyped reference."
        example: "variables: {build: {default: ins-8f3a1c2d}}   # and no ${build}"
        to_do: "Use it, or remove it."
    }
    MANIFEST_EMPTY = "GF130" "manifest_empty" Deny "No manifest" {
        checks: "That at least one file is read."
        why: "An empty manifest would delete everything that is recorded."
        example: "# a folder without *.yaml or *.yml files"
        to_do: "Name a file or folder with `-f`. `goldform init` writes a first manifest."
    }
    MANIFEST_FOREIGN = "GF131" "manifest_foreign" Deny "Not a manifest" {
        checks: "That a file which cannot be read as a manifest has at least one line that starts with a key of a \
                 manifest."
        why: "A key file or an environment that is named by mistake contains secrets, and messages appear in logs. \
              For this reason none of its text is printed. A file that is found in a directory and has no key of a \
              manifest, nor a similar one, is of another program: it is not read, and a warning names it. A file that is \
              named is never ignored, since what is missing in the manifest is deleted."
        example: "registry: example.com\nuser: robot"
        to_do: "Name another file, or move this one out of the folder. In a part of a manifest, a line starts with \
                one of its keys, such as `images:`."
    }
    VARIABLE_UNDECLARED = "GF132" "variable_undeclared" Warn "A value for an undeclared variable" {
        checks: "That variable files and the environment (`GOLDFORM_VAR_NAME`) set variables that the manifest declares. \
                 On the command line, an undeclared name is an error."
        why: "The value of a mistyped name has no effect, and the default is used instead. One file may serve several \
              manifests, so this is a warning."
        example: "biuld: ins-8f3a1c2d   # in a variable file, and `variables: {build: {}}` in the manifest"
        to_do: "Correct the name, remove the value, or declare the variable under `variables`."
    }
    ENVIRONMENT_UNREAD = "GF133" "environment_unread" Warn "An environment variable that is not read" {
        checks: "That each environment variable whose name starts with `GOLDFORM_` is one that goldform reads, or that \
                 `goldform output --format env` prints."
        why: "A mistyped name has no effect, for example on which endpoint may be used."
        example: "GOLDFORM_ENDPIONT=provider   # in the environment"
        to_do: "Correct the name, or unset the variable."
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

//! The table of actions in `examples/sandbox/README.md` is the one that this code has.

use std::fmt::Write as _;
use std::path::Path;

use crate::cloud::sim::actions::{self, Action};
use crate::cloud::sim::schema::{Field, Kind};

const BEGIN: &str = "<!-- actions: made from the code; INSTA_UPDATE=always cargo test readme -->\n";
const END: &str = "<!-- end of actions -->\n";

fn parameters(fields: &[Field]) -> String {
    let mut all: Vec<&Field> = fields.iter().collect();
    all.sort_by_key(|field| !field.required);
    let texts: Vec<String> = all
        .iter()
        .map(|field| {
            let name = if field.required { format!("**{}**", field.name) } else { field.name.to_owned() };
            match field.kind {
                Kind::Objects(inner) => format!("{name} [{}]", parameters(inner)),
                Kind::Texts => format!("{name} \\[]"),
                Kind::Text | Kind::Integer | Kind::Flag => name,
            }
        })
        .collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn table() -> String {
    let mut table = String::from(
        "| service | action | region | calls a second | parameters (**required**) | refusals of its own |\n\
         |---|---|---|---|---|---|\n",
    );
    for Action { service, name, regional, rate, fields, codes, run: _ } in actions::all() {
        let codes: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
        writeln!(
            table,
            "| {} {} | {name} | {} | {rate} | {} | {} |",
            service.host_label(),
            service.version(),
            if *regional { "yes" } else { "no" },
            parameters(fields),
            if codes.is_empty() { "none".to_owned() } else { codes.join(", ") },
        )
        .unwrap();
    }
    table
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a file of the repository is read, and written where that is asked for"
)]
fn the_readmes_table_of_actions_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sandbox/README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark where the table begins");
    let (shown, after) = rest.split_once(END).expect("the mark where the table ends");
    if std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
    } else {
        assert!(shown == table(), "the table differs: INSTA_UPDATE=always cargo test readme");
    }
}

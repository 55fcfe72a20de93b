//! `render`: the manifest as goldform understands it.

use serde_json::{Value, json};

use crate::cli::args::{Format, RenderArgs};
use crate::cli::inputs::{Manifests, check_declared, read_manifests, variables};
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;
use crate::manifest::render::{image_paths, render, values};
use crate::manifest::{self, Variables};
use crate::report::table::{Align, table};

/// Prints the manifest with everything resolved, or where the values of images are written.
///
/// # Errors
/// If the manifest cannot be read or has errors.
pub fn run(args: &RenderArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let Manifests { inputs, .. } = read_manifests(&args.manifest.files)?;
    let loaded = manifest::load(inputs, &Variables::new(variables(&args.manifest)?.values));
    check_declared(&args.manifest, &loaded)?;
    let (Some(desired), true) = (&loaded.desired, loaded.complete) else {
        let locator = Box::new(loaded.locator);
        return Err(CommandError::ManifestUnusable { diagnostics: loaded.diagnostics, locator });
    };
    printer.diagnostics(&loaded.diagnostics, &loaded.locator);
    if !args.origins {
        match printer.format {
            Format::Json => printer.json(&Value::Object(values(desired))),
            Format::Text => printer.data(&render(desired)),
        }
        return Ok(ExitStatus::Done);
    }
    let mut origins = Vec::new();
    for (name, path) in image_paths(desired) {
        // What is written nowhere is a default of goldform.
        let span = loaded.locator.written(&path);
        let place = span.and_then(|span| {
            let source = loaded.locator.sources().get(span.file)?;
            let line = source.text.get(..span.start)?.matches('\n').count().saturating_add(1);
            Some((source.name.clone(), line))
        });
        origins.push((name, place));
    }
    match printer.format {
        Format::Json => {
            let listed = origins.into_iter().map(|(path, place)| match place {
                Some((file, line)) => json!({ "path": path, "file": file, "line": line }),
                None => json!({ "path": path }),
            });
            printer.document(json!({ "origins": listed.collect::<Vec<_>>() }));
        }
        Format::Text => {
            let rows = origins.into_iter().map(|(path, place)| {
                let place = place.map(|(file, line)| format!("{}:{line}", sanitize::escape_truncated(&file)));
                vec![path, place.unwrap_or_else(|| "default".to_owned())]
            });
            printer.text(&table("", &[Align::Left; 2], &rows.collect::<Vec<_>>()));
        }
    }
    Ok(ExitStatus::Done)
}

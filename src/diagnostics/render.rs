//! (being written)
use super::*;
/// x
pub struct RenderOptions { /// x
 pub color: bool, /// x
 pub width: usize, /// x
 pub ascii: bool, /// x
 pub max: usize }
/// x
pub fn render(diagnostics: &[Diagnostic], _: &dyn Fn(&Place)->Option<Span>, _: &Sources, _: RenderOptions) -> String {
    diagnostics.iter().map(|d| format!("{}: {} {}\n{:?}\n", d.code, d.summary, d.detail, d.help)).collect()
}

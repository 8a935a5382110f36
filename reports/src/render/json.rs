//! `report.json`, as [`crate::report_schema`] describes it.

use crate::model::Report;

/// The report as pretty-printed JSON, with a newline at the end.
pub fn render(report: &Report) -> String {
    let mut text =
        serde_json::to_string_pretty(report).expect("a report has only string keys and finite numbers");
    text.push('\n');
    text
}

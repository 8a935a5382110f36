//! The JSON Schema of `report.json`, which is published beside the code as `schema/report.v1.schema.json`.

use crate::model::Report;

/// The schema of [`Report`], pretty-printed, with a newline at the end.
pub fn report_schema() -> String {
    let schema = schemars::schema_for!(Report);
    let mut text =
        serde_json::to_string_pretty(&schema).expect("a schema has only string keys and finite numbers");
    text.push('\n');
    text
}

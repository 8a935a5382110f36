//! The JSON Schemas of `report.json`, of `plan.json`, of a diff and of a certificate, which are published beside the code in `schema/`.

use schemars::Schema;

use crate::certificate::Envelope;
use crate::diff::Diff;
use crate::model::Report;
use crate::plan::Plan;

/// The schema of [`Report`], pretty-printed, with a newline at the end.
pub fn report_schema() -> String {
    pretty(&schemars::schema_for!(Report))
}

/// As [`report_schema`], of [`Diff`].
pub fn diff_schema() -> String {
    pretty(&schemars::schema_for!(Diff))
}

/// As [`report_schema`], of [`Plan`].
pub fn plan_schema() -> String {
    pretty(&schemars::schema_for!(Plan))
}

/// As [`report_schema`], of the file of a certificate.
pub fn certificate_schema() -> String {
    pretty(&schemars::schema_for!(Envelope))
}

fn pretty(schema: &Schema) -> String {
    let mut text =
        serde_json::to_string_pretty(schema).expect("a schema has only string keys and finite numbers");
    text.push('\n');
    text
}

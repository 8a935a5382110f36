//! `report.json`, as [`crate::report_schema`] describes it.

use std::io::{self, Write};

use crate::model::Report;

/// The report as pretty-printed JSON, with a newline at the end.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}

/// As [`write()`], in one text.
pub fn render(report: &Report) -> String {
    super::in_one_text(|out| write(report, out))
}

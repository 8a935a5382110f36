//! How a pattern is started over what its slots are bound to.

use super::{Upstream, process::Place};
use crate::config::{PatternConfig, SlotConfig};
use std::{fmt::Write as _, sync::Arc, time::Duration};

/// The program, where no other is named.
const PROGRAM: &str = "prism-pattern";
/// How long what is in its slots may take to answer; less than a process has to come to life, so that the pattern can
/// say which slot it is.
const SLOTS_WITHIN: Duration = Duration::from_secs(15);
/// How much longer than its drain a pattern takes at most.
const LONGER: Duration = Duration::from_secs(7);

/// The program and what comes before the pattern's name.
pub(super) fn command(pattern: &PatternConfig) -> Vec<String> {
    if !pattern.command.is_empty() {
        return pattern.command.clone();
    }
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name(PROGRAM));
    let beside = beside.filter(|program| program.is_file());
    vec![beside.map_or_else(|| PROGRAM.to_owned(), |program| program.display().to_string())]
}

/// How long it has to end when it is asked to.
pub(super) fn ends_within(pattern: &PatternConfig) -> Duration {
    pattern.shutdown_timeout + LONGER
}

/// Writes its configuration, and gives back what follows the command.
pub(super) fn arguments(
    pattern: &PatternConfig,
    under: &[(String, Arc<Upstream>)],
    place: &Place,
) -> Result<Vec<String>, String> {
    let mut text = format!(
        "listen: {}\nstart: false\nstart_timeout: {}ms\nshutdown_timeout: {}ms\nslots:\n",
        quoted(&place.told),
        SLOTS_WITHIN.as_millis(),
        pattern.shutdown_timeout.as_millis()
    );
    for (slot, bound) in &pattern.slots {
        let uri = match bound {
            SlotConfig::Endpoint(uri) => uri.clone(),
            SlotConfig::Upstream(name) => under
                .iter()
                .find(|(other, _)| other == slot)
                .map(|(_, upstream)| upstream.uri())
                .ok_or_else(|| format!("the upstream `{name}` is not there"))?,
        };
        let _ = writeln!(text, "  {slot}: {{ endpoint: {} }}", quoted(&uri));
    }
    let file = place.folder.path().join("pattern.yaml");
    std::fs::write(&file, text).map_err(|error| format!("no configuration for the pattern: {error}"))?;
    Ok(vec![pattern.name.clone(), "--config".to_owned(), file.display().to_string()])
}

/// As a text of YAML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

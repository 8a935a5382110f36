//! `validate`: everything that is wrong with the registry.

use crate::{
    cli::ValidateArgs,
    command::{Trouble, print, registry},
};
use std::{fmt::Write as _, process::ExitCode};

/// Checks and says what is there.
pub fn validate(args: &ValidateArgs) -> Result<ExitCode, Trouble> {
    let registry = registry(&args.registry)?;
    let mut text = String::new();
    for backend in registry.backends() {
        let setups: Vec<&str> = backend.setups.iter().map(|setup| setup.name.as_str()).collect();
        let _ = writeln!(
            text,
            "{}: {} interfaces, set-ups {} ({})",
            backend.name,
            backend.declaration.interfaces.len(),
            setups.join(", "),
            backend.origin
        );
    }
    for pattern in registry.patterns() {
        let slots: Vec<&str> = pattern.slots.iter().map(|slot| slot.name.as_str()).collect();
        let (path, line) = &pattern.place;
        let _ = writeln!(text, "{}: pattern, slots {} ({path}:{line})", pattern.name, slots.join(", "));
    }
    let (backends, patterns) = (registry.backends().len(), registry.patterns().len());
    let _ = writeln!(text, "{backends} backends, {patterns} patterns, no mistakes");
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

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
    let _ = writeln!(text, "{} backends, no mistakes", registry.backends().len());
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

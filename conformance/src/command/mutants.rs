//! `mutants`: the kill matrix.

use crate::{
    cli::{MatrixFormat, MutantsArgs, RegistryArgs},
    command::{Trouble, pattern_command, print, registry, say},
    kill_matrix::{self, KillMatrix, MatrixOptions},
};
use prism_reports::exit;
use std::{fmt::Write as _, process::ExitCode};

/// How many mutants are tried at once for each processor: most of the time is spent waiting for messages that a mutant
/// has lost.
const JOBS_PER_PROCESSOR: usize = 4;

/// Runs the matrix. Exit code 1 where a mutant survives, a case kills nothing or does not pass on the reference driver.
pub fn mutants(args: &MutantsArgs) -> Result<ExitCode, Trouble> {
    let registry = registry(&RegistryArgs { registry: Vec::new() })?;
    let options = MatrixOptions {
        mutants: args.mutant.clone(),
        cases: args.case.clone(),
        seed: args.seed,
        pattern_command: pattern_command(),
        effort: args.effort.into(),
        jobs: args.jobs.map_or_else(
            || JOBS_PER_PROCESSOR * std::thread::available_parallelism().map_or(2, usize::from),
            usize::from,
        ),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Trouble::incomplete(error.to_string()))?;
    let matrix = runtime
        .block_on(kill_matrix::run(&registry, &options, |row| {
            say(&format!("{:>3} kills  {}", row.killed_by.len(), row.id));
        }))
        .map_err(Trouble::incomplete)?;
    if matrix.mutants.is_empty() {
        return Err(Trouble::nothing("no mutant is selected"));
    }
    print(&match args.format {
        MatrixFormat::Text => text(&matrix),
        MatrixFormat::Markdown => markdown(&matrix),
        MatrixFormat::Json => format!("{:#}\n", serde_json::to_value(&matrix).unwrap_or_default()),
    })?;
    let whole = args.mutant.is_empty() && args.case.is_empty();
    let sound = matrix.survivors().next().is_none() && matrix.broken.is_empty();
    let sound = sound && (!whole || matrix.idle().all(|case| kill_matrix::exemption(&case.id).is_some()));
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(exit::NON_CONFORMANT) })
}

fn summary(matrix: &KillMatrix) -> String {
    let (killed, mutants) = (matrix.mutants.len() - matrix.survivors().count(), matrix.mutants.len());
    let (useful, cases) = (matrix.cases.len() - matrix.idle().count(), matrix.cases.len());
    format!(
        "{killed} of {mutants} mutants killed, {useful} of {cases} cases kill at least one (seed {})",
        matrix.seed
    )
}

fn text(matrix: &KillMatrix) -> String {
    let mut text = String::from("Mutants\n");
    for mutant in &matrix.mutants {
        let killers: Vec<&str> = mutant.killed_by.iter().map(String::as_str).collect();
        let shown = match killers.as_slice() {
            [] => "SURVIVES".to_owned(),
            [first, rest @ ..] => {
                format!("killed by {:2}: {first}{}", killers.len(), if rest.is_empty() { "" } else { ", …" })
            }
        };
        let _ = writeln!(text, "  {}\n      {}\n      {shown}", mutant.id, mutant.sentence);
        for (case, outcome) in &mutant.disturbed {
            let _ = writeln!(text, "      {outcome}: {case}");
        }
    }
    for case in matrix.idle() {
        let why = kill_matrix::exemption(&case.id)
            .map_or("KILLS NOTHING".to_owned(), |why| format!("exempt: {why}"));
        let _ = writeln!(text, "{}: {why} (tried on {} mutants)", case.id, case.tried);
    }
    for (case, why) in &matrix.broken {
        let _ = writeln!(text, "{case}: NOT GREEN ON THE REFERENCE DRIVER: {why}");
    }
    let _ = writeln!(text, "\n{}", summary(matrix));
    text
}

fn markdown(matrix: &KillMatrix) -> String {
    let mut page = format!(
        "# Kill matrix\n\n{}\n\n| mutant | what it does wrong | killed by |\n|---|---|---|\n",
        summary(matrix)
    );
    for mutant in &matrix.mutants {
        let killers: Vec<String> = mutant.killed_by.iter().map(|case| format!("`{case}`")).collect();
        let killers = if killers.is_empty() { "**survives**".to_owned() } else { killers.join("<br>") };
        let _ = writeln!(page, "| `{}` | {} | {killers} |", mutant.id, mutant.sentence);
    }
    page
}

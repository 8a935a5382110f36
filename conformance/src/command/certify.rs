//! `certify`: runs what a certificate needs, and writes it.

use crate::{
    cli::{CertifyArgs, ReportFormat, RunArgs, SelectionArgs, TIMEOUT_SECONDS},
    command::{Trouble, planned, registry, run, say},
};
use prism_reports::{
    certificate::{self, Certificate, SigningKey},
    exit, exit_code,
};
use prism_runner::{Selection, registry::DriverSpec};
use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Shown by `certify --help`.
pub const EXAMPLES: &str = "\
Every case of every declared interface is run, in every default set-up of the backend, or over every binding of the
pattern or the one that is named, and what is not conformant gets no certificate. Known failures can be excused (--expect); the certificate says which, and its levels are lower for it.

Examples:
  prism-conformance certify --new-key signing-key.pem
  prism-conformance certify --backend redis --output redis.certificate.json --key signing-key.pem
  prism-conformance certify --pattern 'keyvalue[store=redis]' --output keyvalue.certificate.json --key signing-key.pem
  prism-conformance verify redis.certificate.json --public-key signing-key.pem.pub

Exit codes:
  0  conformant, and the certificate is written
  1  non-conformant: no certificate
  2  bad usage, a mistake in a file, or a key that is none
  3  incomplete, or a server of the backend or beneath the pattern is not there: no certificate
  4  nothing was measured: no certificate";

/// Makes a key, or runs a backend or a pattern and certifies it.
pub fn certify(args: &CertifyArgs) -> Result<ExitCode, Trouble> {
    if let Some(path) = &args.new_key {
        return new_key(path);
    }
    let Some(output) = &args.output else {
        return Err(Trouble::usage("certify needs --output with --backend or --pattern, or --new-key alone"));
    };
    let key = args.key.as_deref().map(read_key).transpose()?;
    // Found out before anything runs.
    if output.is_dir() || !folder_of(output).is_dir() {
        return Err(Trouble::usage(format!(
            "{} cannot be written; name another file with --output",
            output.display()
        )));
    }
    let required = required(args)?;
    let report = run::carry_out(&RunArgs {
        registry: args.registry.clone(),
        selection: SelectionArgs {
            backend: args.backend.iter().cloned().collect(),
            pattern: args.pattern.iter().cloned().collect(),
            interface: Vec::new(),
            case: Vec::new(),
        },
        require: required,
        provision: args.provision,
        seed: args.seed,
        effort: None,
        jobs: None,
        case_timeout: TIMEOUT_SECONDS,
        start_timeout: TIMEOUT_SECONDS,
        via_proxy: None,
        proxy_program: None,
        expect: args.expect.clone(),
        keep: false,
        fail_fast: false,
        plan: None,
        group: None,
        output: args.report.clone(),
        format: ReportFormat::Terminal,
        baseline: None,
    })?;
    let asked = args.backend.as_ref().or(args.pattern.as_ref()).map_or("", String::as_str);
    let name = asked.split(['@', '[']).next().unwrap_or(asked);
    let issued_at = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string();
    match Certificate::of(&report, name, &issued_at) {
        Ok(certificate) => {
            std::fs::write(output, certificate::write(&certificate, key.as_ref())).map_err(|error| {
                Trouble::usage(format!("{} cannot be written: {error}", output.display()))
            })?;
            let signed = if key.is_some() { "signed" } else { "not signed: anyone could have written it" };
            say(&format!("the certificate is {}, {signed}", output.display()));
            Ok(exit_code(&report).into())
        }
        Err(why) => {
            let mut trouble = Trouble::incomplete(format!("no certificate: {why}"));
            let code = exit_code(&report).code();
            // A run that is conformant and weakened is incomplete as a certificate.
            if code != exit::CONFORMANT {
                trouble.code = code;
            }
            Err(trouble)
        }
    }
}

/// The backends without which the run is incomplete: the one that is certified, or every one beneath the pattern.
fn required(args: &CertifyArgs) -> Result<Vec<String>, Trouble> {
    let Some(pattern) = &args.pattern else { return Ok(args.backend.iter().cloned().collect()) };
    // What is certified has a name, and not whatever a star matches today.
    if pattern.contains('*') {
        return Err(Trouble::usage(format!(
            "--pattern {pattern}: a certificate is of a pattern (`keyvalue`) or of one binding (`keyvalue[store=redis]`)"
        )));
    }
    let selection = Selection { patterns: vec![pattern.clone()], ..Selection::default() };
    let targets = planned(&registry(&args.registry)?, &selection)?;
    let names: BTreeSet<String> = targets
        .iter()
        .filter_map(|target| match &target.backend.driver {
            DriverSpec::Pattern(composition) => Some(composition),
            _ => None,
        })
        // With the set-up, because a backend by itself means every default one.
        .flat_map(|composition| {
            composition.slots.iter().map(|bound| format!("{}@{}", bound.backend.name, bound.setup.name))
        })
        .collect();
    Ok(names.into_iter().collect())
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn read_key(path: &Path) -> Result<SigningKey, Trouble> {
    let unusable = |why: String| Trouble::usage(format!("the key {} cannot be used: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    SigningKey::from_pem(&text).map_err(|error| unusable(error.to_string()))
}

/// Writes a key for its owner alone, and beside it the public half. A file that is there is left alone.
fn new_key(path: &Path) -> Result<ExitCode, Trouble> {
    let mut public_path = path.as_os_str().to_owned();
    public_path.push(".pub");
    let public_path = PathBuf::from(public_path);
    let pem = SigningKey::new_pem().map_err(|error| Trouble::incomplete(error.to_string()))?;
    let key = SigningKey::from_pem(&pem).map_err(|error| Trouble::incomplete(error.to_string()))?;
    if public_path.exists() {
        return Err(Trouble::usage(format!("{} is there already; name another file", public_path.display())));
    }
    write_new(path, &pem, true)?;
    write_new(&public_path, &key.public_key().pem(), false)?;
    say(&format!("the key is {}; what `verify` needs is {}", path.display(), public_path.display()));
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str, secret: bool) -> Result<(), Trouble> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Trouble::usage(format!("{} cannot be written: {error}", path.display())))
}

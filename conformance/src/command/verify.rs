//! `verify`: checks a certificate, and says what has become of what it certifies.

use crate::{
    cli::VerifyArgs,
    command::{Trouble, planned, print, registry},
    patterns::ReferencePatterns,
};
use prism_interfaces::catalogue;
use prism_reports::{
    certificate::{self, Certificate, Kind, Now, PublicKey, SignedBy, Verified},
    escape,
    event::TargetPlanned,
    exit,
};
use prism_runner::{
    Selection, digests, record_of,
    registry::{DriverSpec, Registry},
};
use std::{collections::BTreeMap, fmt::Write as _, path::Path, process::ExitCode};

/// Shown by `verify --help`.
pub const EXAMPLES: &str = "\
Nothing is asked of a network. What the certificate says is held against the suite and the contract of this program, and
against what is registered here.

Examples:
  prism-conformance verify redis.certificate.json --public-key signing-key.pem.pub
  prism-conformance verify mine.certificate.json --registry ./my-backends --max-age 90

Exit codes:
  0  valid, and current
  1  not valid: changed, cut off, not signed by the given key, from the future, or contradicting itself
  2  bad usage, or a file that cannot be read or is of a newer format
  3  valid, and stale: it proves another contract or suite, or the driver or what it declares has changed, or it is too old";

/// No certificate is larger.
const MOST_BYTES: u64 = 64 << 20;

/// Checks; the exit code says what it came to.
pub fn verify(args: &VerifyArgs) -> Result<ExitCode, Trouble> {
    let key = args.public_key.as_deref().map(read_key).transpose()?;
    let path = args.file.display();
    let unreadable = |why: String| Trouble::usage(format!("{path} cannot be read: {why}"));
    let size = std::fs::metadata(&args.file).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(unreadable(format!(
            "it has {size} bytes, and no certificate has more than {MOST_BYTES}"
        )));
    }
    let bytes = std::fs::read(&args.file).map_err(|error| unreadable(error.to_string()))?;
    // A byte that was changed may have left something that is no text.
    let text = String::from_utf8_lossy(&bytes);
    let at = jiff::Timestamp::now();
    let verified = match certificate::read(&text, key.as_ref(), at) {
        Ok(verified) => verified,
        Err(certificate::BadCertificate::Format(found)) => {
            return Err(unreadable(format!(
                "its format is `{found}`; this program reads {}",
                certificate::FORMAT
            )));
        }
        Err(why) => {
            print(&format!("NOT VALID: {}\n", escape::line(&why.to_string())))?;
            return Ok(ExitCode::from(exit::NON_CONFORMANT));
        }
    };
    let registry = registry(&args.registry)?;
    let certified = &verified.certificate;
    let now = Now {
        at,
        max_age_days: args.max_age,
        contract_revision: catalogue::REVISION.to_owned(),
        digests: digests(&ReferencePatterns),
        declared: declared(&registry, certified),
        driver_version: driver_version(&registry, certified),
    };
    let stale = certificate::stale(certified, &now);
    print(&told(&verified, &now, &stale))?;
    Ok(ExitCode::from(if stale.is_empty() { exit::CONFORMANT } else { exit::INCOMPLETE }))
}

fn read_key(path: &Path) -> Result<PublicKey, Trouble> {
    let unusable = |why: String| Trouble::usage(format!("the key {} cannot be used: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    PublicKey::from_pem(&text).map_err(|error| unusable(error.to_string()))
}

/// What the backend declares today, by set-up, or the pattern, by binding; nothing where it is not registered.
fn declared(registry: &Registry, certified: &Certificate) -> BTreeMap<String, TargetPlanned> {
    let name = &certified.backend;
    let selection = match certified.kind {
        Kind::Backend => {
            let Some(known) = registry.find(name) else { return BTreeMap::new() };
            let backends = known.setups.iter().map(|setup| format!("{name}@{}", setup.name)).collect();
            Selection { backends, ..Selection::default() }
        }
        Kind::Pattern if is_pattern(registry, name) => {
            Selection { patterns: vec![name.clone()], ..Selection::default() }
        }
        Kind::Pattern => return BTreeMap::new(),
    };
    let targets = planned(registry, &selection).unwrap_or_default();
    targets.iter().map(|target| (target.setup.name.clone(), record_of(target))).collect()
}

fn is_pattern(registry: &Registry, name: &str) -> bool {
    registry.patterns().iter().any(|pattern| pattern.name == name)
}

/// A built-in driver has the version of the program that it is a part of, and so has a pattern; of others nothing is known
/// without a call.
fn driver_version(registry: &Registry, certified: &Certificate) -> Option<String> {
    let name = &certified.backend;
    let builtin = match certified.kind {
        Kind::Backend => matches!(registry.find(name)?.driver, DriverSpec::Builtin(_)),
        Kind::Pattern => is_pattern(registry, name),
    };
    builtin.then(|| env!("CARGO_PKG_VERSION").to_owned())
}

fn told(verified: &Verified, now: &Now, stale: &[String]) -> String {
    let certified = &verified.certificate;
    let word = if stale.is_empty() { "VALID" } else { "VALID, AND STALE" };
    let pattern = if certified.kind == Kind::Pattern { "pattern " } else { "" };
    let mut lines = vec![format!("{word}: {pattern}{}", certified.backend)];
    lines.extend(stale.iter().map(|what| format!("  - {what}")));
    let days = certified.age_days(now.at).unwrap_or_default();
    lines.push(format!("issued    {}, {days} days ago", certified.issued_at));
    lines.push(match verified.signed_by {
        SignedBy::Nobody => "signed    by nobody: anyone could have written it".to_owned(),
        SignedBy::Itself(key) => {
            format!("signed    by {}; whose key that is, nobody has said (--public-key)", key.base64())
        }
        SignedBy::Given(key) => format!("signed    by {}, as was asked for", key.base64()),
    });
    lines.push(format!(
        "contract  {}, seed {}, tool {}",
        certified.contract_revision, certified.run.seed, certified.run.tool_version
    ));
    for target in &certified.targets {
        let level = target.level.map_or("no level", |level| level.word());
        let server = target.server_version.as_deref().map(|version| format!(", server {version}"));
        let images = target.images.iter().map(|image| format!(", {} {}", image.name, image.digest));
        let cases = target.cases.iter().filter(|case| case.outcome.proves()).count();
        let slots = target.composed.iter().flat_map(|composed| &composed.slots);
        let slots = slots.map(|slot| format!(", over {} ({}) as {}", slot.backend, slot.setup, slot.slot));
        lines.push(format!(
            "target    {}: {level}, {cases} of {} cases held{}{}{}",
            target.target,
            target.cases.len(),
            slots.collect::<String>(),
            server.unwrap_or_default(),
            images.collect::<String>()
        ));
    }
    lines.extend(
        certified
            .expectations
            .iter()
            .map(|entry| format!("excused   {}: {}", entry.cases.join(", "), entry.excuse())),
    );
    if now.declared.is_empty() {
        lines.push(not_registered(certified));
    }
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", escape::line(line));
        text
    })
}

fn not_registered(certified: &Certificate) -> String {
    format!(
        "note      {} is not registered here: what it declares could not be compared (--registry)",
        certified.backend
    )
}

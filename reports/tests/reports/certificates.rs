//! Certificates: what they say, what they refuse, and that no change to one goes unseen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prism_reports::certificate::{
    self, BadCertificate, Certificate, Kind, NotCertifiable, Now, PublicKey, SignedBy, SigningKey, canonical,
};
use prism_reports::event::{Composed, DeclaredInterface, Digests, EventKind, FilledSlot, TargetPlanned};
use prism_reports::{Event, Outcome, Report, Verdict, certificate_schema};

use crate::fixture;

const ISSUED: &str = "2025-01-02T03:05:00Z";

fn digests() -> Digests {
    Digests { contract: "sha256:c0".into(), suite: "sha256:50".into() }
}

/// A conformant run of memstore that says what it is of.
fn good(change: impl FnOnce(&mut Vec<Event>)) -> Report {
    let mut events = fixture::good_run();
    if let EventKind::RunStarted(run) = &mut events[0].kind {
        run.digests = Some(digests());
        run.plan = None;
    }
    change(&mut events);
    Report::from_events(&events)
}

fn certificate() -> Certificate {
    Certificate::of(&good(|_| {}), "memstore", ISSUED).unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_pem(&SigningKey::new_pem().unwrap()).unwrap()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn read(text: &str, key: Option<&PublicKey>) -> Result<certificate::Verified, BadCertificate> {
    certificate::read(text, key, at("2025-01-05T00:00:00Z"))
}

#[test]
fn what_is_written_is_read_and_says_what_the_run_proved() {
    let (certificate, key) = (certificate(), key());
    let text = certificate::write(&certificate, Some(&key));
    assert_eq!((text.lines().count(), text.ends_with("}\n")), (1, true));
    let verified = read(&text, Some(&key.public_key())).unwrap();
    assert_eq!(
        (&verified.certificate, verified.signed_by),
        (&certificate, SignedBy::Given(key.public_key()))
    );
    assert_eq!(read(&text, None).unwrap().signed_by, SignedBy::Itself(key.public_key()));
    let unsigned = certificate::write(&certificate, None);
    assert_eq!(read(&unsigned, None).unwrap().signed_by, SignedBy::Nobody);
    assert_eq!(read(&unsigned, Some(&key.public_key())).unwrap_err(), BadCertificate::Unsigned);

    let schema = serde_json::from_str(&certificate_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for text in [&text, &unsigned] {
        let value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }

    let target = &certificate.targets[0];
    let outcomes: Vec<_> = target.cases.iter().map(|case| case.outcome).collect();
    assert_eq!(outcomes, [Outcome::Pass, Outcome::Refused]);
    assert_eq!(target.level, Some(prism_reports::Level::Full));
    assert_eq!(certificate.run.seed, (u64::MAX - 1).to_string());
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("certificate", unsigned);
    });
}

/// Every byte, in every way that matters: changed, left out, doubled, and the file cut off there.
#[test]
fn no_change_goes_unseen() {
    let key = key();
    let text = certificate::write(&certificate(), Some(&key));
    let public = key.public_key();
    for place in 0..text.len() {
        let (before, after) = text.split_at(place);
        let byte = after.chars().next().unwrap();
        let rest = &after[byte.len_utf8()..];
        let other = if byte == '0' { '1' } else { '0' };
        for changed in [
            format!("{before}{other}{rest}"),
            format!("{before}{rest}"),
            format!("{before}{byte}{after}"),
            format!("{before} {after}"),
            before.to_owned(),
        ] {
            // Without the given key as well: what the file says of itself no longer fits.
            assert!(read(&changed, Some(&public)).is_err(), "{changed}");
            assert!(read(&changed, None).is_err(), "{changed}");
        }
    }
}

#[test]
fn a_certificate_of_somebody_else_is_not_of_the_given_key() {
    let (key, other) = (key(), key());
    let text = certificate::write(&certificate(), Some(&other));
    let wrong = read(&text, Some(&key.public_key())).unwrap_err();
    assert!(matches!(wrong, BadCertificate::OtherKey { .. }), "{wrong}");
    // The public key in the file replaced: the signature does not fit.
    let forged = text.replace(&other.public_key().base64(), &key.public_key().base64());
    assert_eq!(read(&forged, Some(&key.public_key())).unwrap_err(), BadCertificate::Signature);
    // The content replaced with its digest, and the signature left.
    let changed = Certificate { backend: "redis".into(), ..certificate() };
    let mut value: serde_json::Value = serde_json::from_str(&certificate::write(&changed, None)).unwrap();
    let signed: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["signature"] = signed["signature"].clone();
    let forged = canonical::of_value(&value).unwrap() + "\n";
    assert_eq!(read(&forged, None).unwrap_err(), BadCertificate::Signature);
}

#[test]
fn what_is_from_the_future_is_refused() {
    let text = certificate::write(&certificate(), None);
    let early = certificate::read(&text, None, at("2025-01-02T02:00:00Z")).unwrap_err();
    assert!(matches!(early, BadCertificate::FromTheFuture { .. }), "{early}");
    // Two clocks are never quite the same.
    assert!(certificate::read(&text, None, at("2025-01-02T03:04:00Z")).is_ok());
    let newer = text.replace("prism-certificate/1", "prism-certificate/2");
    assert_eq!(read(&newer, None).unwrap_err(), BadCertificate::Format("prism-certificate/2".into()));
    for not_one in ["", "{}", "[]", "null\n", "{\"certificate\":{}}\n"] {
        assert!(read(not_one, None).is_err(), "{not_one}");
    }
}

#[test]
fn what_contradicts_itself_is_refused_even_when_it_is_signed() {
    let key = key();
    let mut failed = certificate();
    failed.targets[0].cases[0].outcome = Outcome::Fail;
    let mut nothing = certificate();
    nothing.targets[0].cases.clear();
    let mut excused = certificate();
    excused.targets[0].cases[0].outcome = Outcome::ExpectedFail;
    for wrong in [failed, nothing, excused, Certificate { targets: Vec::new(), ..certificate() }] {
        let found = read(&certificate::write(&wrong, Some(&key)), Some(&key.public_key())).unwrap_err();
        assert!(matches!(found, BadCertificate::Contradiction(_)), "{found}");
    }
}

#[test]
fn what_proves_less_gets_no_certificate() {
    let of = |change: fn(&mut Vec<Event>)| Certificate::of(&good(change), "memstore", ISSUED).unwrap_err();
    let filtered = of(|events| {
        if let EventKind::RunStarted(run) = &mut events[0].kind {
            run.case_filter = vec!["keyvalue_basic/*".into()];
        }
    });
    assert!(matches!(filtered, NotCertifiable::Weakened(_)), "{filtered}");
    let narrow = of(|events| {
        if let EventKind::RunStarted(run) = &mut events[0].kind {
            run.interface_filter = vec!["keyvalue_basic".into()];
        }
    });
    assert!(matches!(narrow, NotCertifiable::Weakened(_)), "{narrow}");
    let quick = of(|events| {
        if let EventKind::RunStarted(run) = &mut events[0].kind {
            run.effort = Some("quick".into());
        }
    });
    assert!(matches!(quick, NotCertifiable::Weakened(_)), "{quick}");
    let old = of(|events| {
        if let EventKind::RunStarted(run) = &mut events[0].kind {
            run.digests = None;
        }
    });
    assert!(matches!(old, NotCertifiable::Unknown(_)), "{old}");
    let failed = of(|events| {
        if let EventKind::CaseFinished(case) = &mut events[3].kind {
            case.outcome = Outcome::Fail;
        }
    });
    assert!(matches!(failed, NotCertifiable::Verdict { verdict: Verdict::NonConformant, .. }), "{failed}");
    let cut = of(|events| events.truncate(4));
    assert!(matches!(cut, NotCertifiable::Verdict { verdict: Verdict::Incomplete, .. }), "{cut}");
    let other = Certificate::of(&good(|_| {}), "redis", ISSUED).unwrap_err();
    assert!(matches!(other, NotCertifiable::Weakened(_)), "{other}");
}

#[test]
fn what_has_changed_since_is_stale() {
    let certificate = certificate();
    let declared = TargetPlanned {
        target: "memstore".into(),
        backend: "memstore".into(),
        setup: "embedded".into(),
        ..fixture::planned("memstore", "embedded", &["keyvalue_basic"], Vec::new())
    };
    let now = || Now {
        at: at("2025-01-12T04:00:00Z"),
        max_age_days: Some(10),
        contract_revision: "2025-01".into(),
        digests: digests(),
        declared: BTreeMap::from([("embedded".to_owned(), declared.clone())]),
        driver_version: Some("0.1.0".into()),
    };
    assert_eq!(certificate::stale(&certificate, &now()), Vec::<String>::new());
    let with = |change: &dyn Fn(&mut Now)| {
        let mut now = now();
        change(&mut now);
        certificate::stale(&certificate, &now).join("; ")
    };
    assert_eq!(with(&|now| now.digests.suite = "x".into()), "the suite has other cases now");
    assert_eq!(with(&|now| now.digests.contract = "x".into()), "the contract reads differently now");
    assert_eq!(
        with(&|now| now.contract_revision = "2025-07".into()),
        "it proves contract 2025-01, and the contract is at 2025-07"
    );
    assert_eq!(
        with(&|now| now.driver_version = Some("0.2.0".into())),
        "memstore was driven by version 0.1.0, and the driver is at 0.2.0"
    );
    assert_eq!(with(&|now| now.max_age_days = Some(9)), "it is 10 days old, and 9 are allowed");
    let change =
        |change: &dyn Fn(&mut TargetPlanned)| with(&|now| change(now.declared.get_mut("embedded").unwrap()));
    assert_eq!(
        change(&|target| target.declared.clear()),
        "memstore does not declare keyvalue_basic any more"
    );
    assert_eq!(
        change(&|target| target.declared[0].traits.clear()),
        "memstore declares other traits of keyvalue_basic now"
    );
    assert_eq!(change(&|target| target.guarantees.clear()), "memstore declares other guarantees now");
    let more = DeclaredInterface { interface: "keyvalue_ttl".into(), traits: BTreeMap::new() };
    assert_eq!(
        change(&|target| target.declared.push(more.clone())),
        "memstore declares keyvalue_ttl as well now"
    );
    let elsewhere = with(&|now| {
        let target = now.declared.remove("embedded").unwrap();
        now.declared.insert("other".into(), target);
    });
    assert_eq!(elsewhere, "memstore has no set-up embedded any more");
    // Where it is not registered, nothing is said of it.
    assert_eq!(with(&|now| now.declared.clear()), "");
}

#[test]
fn keys_are_those_of_other_tools() {
    // RFC 8410, section 10: the private key of the first example, and the public key that belongs to it.
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let key = SigningKey::from_pem(private).unwrap();
    assert_eq!(key.public_key().pem(), public);
    assert_eq!(PublicKey::from_pem(public).unwrap(), key.public_key());
    let secret = "1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEI";
    assert!(!format!("{key:?}").contains(&secret[..8]), "a private key never shows");
    for bad in ["", public, "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----", &private[..60]] {
        assert!(SigningKey::from_pem(bad).is_err(), "{bad}");
    }
    assert!(PublicKey::from_pem(private).is_err());
}

/// A conformant run of a pattern over memstore.
fn of_pattern(change: impl FnOnce(&mut Vec<Event>)) -> Report {
    good(|events| {
        for event in events.iter_mut() {
            match &mut event.kind {
                EventKind::TargetPlanned(plan) => {
                    let (declared, guarantees) = (plan.declared.clone(), plan.guarantees.clone());
                    (plan.target, plan.backend, plan.setup) =
                        ("prefix[store=memstore]".into(), "prefix".into(), "store=memstore".into());
                    let (slot, backend, setup) = ("store".into(), "memstore".into(), "embedded".into());
                    plan.composed = Some(Composed {
                        parameters: BTreeMap::from([("key_prefix".into(), "p/".into())]),
                        slots: vec![FilledSlot { slot, backend, setup, declared, guarantees }],
                    });
                }
                EventKind::TargetReady(ready) => ready.target = "prefix[store=memstore]".into(),
                EventKind::CaseFinished(case) => case.target = "prefix[store=memstore]".into(),
                _ => {}
            }
        }
        change(events);
    })
}

#[test]
fn a_pattern_is_certified_with_what_is_in_its_slots() {
    let certificate = Certificate::of(&of_pattern(|_| {}), "prefix", ISSUED).unwrap();
    assert_eq!((certificate.kind, certificate.backend.as_str()), (Kind::Pattern, "prefix"));
    let composed = certificate.targets[0].composed.clone().unwrap();
    assert_eq!(composed.slots[0].backend, "memstore");
    let text = certificate::write(&certificate, Some(&key()));
    assert_eq!(read(&text, None).unwrap().certificate, certificate);
    let schema = serde_json::from_str(&certificate_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(&text).unwrap()), "{text}");

    // What it is of is in what is signed, and has to be there.
    for wrong in [
        Certificate { kind: Kind::Backend, ..certificate.clone() },
        {
            let mut empty = certificate.clone();
            empty.targets[0].composed = Some(Composed::default());
            empty
        },
        Certificate { kind: Kind::Pattern, ..self::certificate() },
    ] {
        let refused = read(&certificate::write(&wrong, Some(&key())), None).unwrap_err();
        assert!(matches!(refused, BadCertificate::Contradiction(_)), "{refused}");
    }
    let narrowed = of_pattern(|events| {
        if let EventKind::RunStarted(run) = &mut events[0].kind {
            run.narrowed = BTreeMap::from([("prefix[store=redis]".into(), Vec::new())]);
        }
    });
    let refused = Certificate::of(&narrowed, "prefix", ISSUED).unwrap_err();
    assert!(matches!(refused, NotCertifiable::Weakened(_)), "{refused}");

    let today = |change: &dyn Fn(&mut TargetPlanned)| {
        let mut planned =
            fixture::planned("prefix[store=memstore]", "store=memstore", &["keyvalue_basic"], Vec::new());
        planned.declared.clone_from(&certificate.targets[0].declared);
        planned.composed = Some(composed.clone());
        change(&mut planned);
        let now = Now {
            at: at("2025-01-12T04:00:00Z"),
            max_age_days: None,
            contract_revision: "2025-01".into(),
            digests: digests(),
            declared: BTreeMap::from([(planned.setup.clone(), planned)]),
            driver_version: None,
        };
        certificate::stale(&certificate, &now).join("; ")
    };
    let slot = |change: &dyn Fn(&mut FilledSlot)| {
        today(&|planned| change(&mut planned.composed.as_mut().unwrap().slots[0]))
    };
    assert_eq!(today(&|_| {}), "");
    let of = "prefix[store=memstore]";
    assert_eq!(
        today(&|planned| planned.setup = "store=x".into()),
        "prefix is not run over store=memstore any more"
    );
    assert_eq!(
        today(&|planned| planned.composed.as_mut().unwrap().parameters.clear()),
        format!("{of} is run with other parameters now")
    );
    let proven = format!("{of} was proven over memstore in its slot store");
    assert_eq!(
        slot(&|slot| slot.declared.clear()),
        format!("{proven}, which does not declare keyvalue_basic any more")
    );
    assert_eq!(
        slot(&|slot| slot.guarantees.clear()),
        format!("{proven}, which declares other guarantees now")
    );
    assert_eq!(
        slot(&|slot| slot.setup = "file".into()),
        format!("{proven}, of which the set-up is file now, and was embedded")
    );
}

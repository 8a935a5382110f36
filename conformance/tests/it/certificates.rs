//! Certificates, from the command line: made, checked, and refused.

use crate::tool::{Ran, Tool};

/// A small backend that claims keys of this length; its driver serves more interfaces than it declares, which has to be
/// excused.
fn mine(tool: &Tool, keys: &str) {
    tool.file(
        "mine/backend.yaml",
        &format!(
            "backend: mine\n\
             description: Declares a part of what it serves\n\
             driver: {{ builtin: memstore }}\n\
             servers:\n  one: {{ embedded: {{ clock: virtual, store: \"{{workdir}}\" }} }}\n\
             interfaces:\n  keyvalue_basic: {{ max_key_bytes: {keys}, max_value_bytes: 4MiB }}\n\
             guarantees: {{ consistency: linearizable, durability: driver_restart }}\n"
        ),
    );
}

fn certify(tool: &Tool, more: &[&str]) -> Ran {
    let arguments =
        ["certify", "--registry", "mine", "--backend", "mine", "--output", "mine.json", "--seed", "1"];
    tool.run(&[&arguments, more].concat())
}

fn verify(tool: &Tool, more: &[&str]) -> Ran {
    tool.run(&[&["verify", "mine.json", "--registry", "mine"], more].concat())
}

#[test]
fn a_certificate_is_made_checked_and_grows_stale() {
    let tool = Tool::new();
    mine(&tool, "4KiB");
    tool.run(&["certify", "--new-key", "key.pem"]).exits(0).complains("key.pem.pub");
    tool.run(&["certify", "--new-key", "key.pem"]).exits(2).complains("key.pem");
    #[cfg(unix)]
    {
        let mode = |name: &str| {
            let metadata = std::fs::metadata(tool.path().join(name)).expect("a file");
            std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
        };
        assert_eq!(mode("key.pem"), 0o600);
    }
    certify(&tool, &[]).exits(1).complains("no certificate: the run is non-conformant");
    assert!(!tool.path().join("mine.json").exists());
    let excuse =
        ["--add", "--because", "a part", "--issue", "https://example.com/1", "--expires", "2999-12-31"];
    let update = ["expect", "update", "known.yaml", "--from", "prism-report", "--registry", "mine"];
    tool.run(&[&update[..], &excuse].concat()).exits(0);
    certify(&tool, &["--key", "key.pem", "--expect", "known.yaml"])
        .exits(0)
        .says("CONFORMANT")
        .complains("the certificate is mine.json, signed");
    verify(&tool, &["--public-key", "key.pem.pub"])
        .exits(0)
        .says("VALID: mine")
        .says("excused")
        .says("no level")
        .says("as was asked for")
        .says("seed 1");
    tool.run(&["verify", "mine.json"]).exits(0).says("mine is not registered here");

    tool.run(&["certify", "--new-key", "other.pem"]).exits(0);
    verify(&tool, &["--public-key", "other.pem.pub"]).exits(1).says("NOT VALID: it is signed by the key");
    let text = tool.read("mine.json");
    tool.file("mine.json", &text.replacen("\"seed\":\"1\"", "\"seed\":\"2\"", 1));
    verify(&tool, &[]).exits(1).says("NOT VALID: it was changed");
    tool.file("mine.json", &text[..text.len() / 2]);
    verify(&tool, &[]).exits(1).says("only a part of one");
    tool.file("mine.json", &text.replace("prism-certificate/1", "prism-certificate/9"));
    verify(&tool, &[]).exits(2).complains("its format is `prism-certificate/9`");
    tool.file("mine.json", &text);

    mine(&tool, "2KiB");
    verify(&tool, &[])
        .exits(3)
        .says("VALID, AND STALE: mine")
        .says("declares other traits of keyvalue_basic now");
}

#[test]
fn a_pattern_is_certified_over_a_binding() {
    let tool = Tool::new();
    let certify = |pattern: &str| {
        tool.run(&["certify", "--pattern", pattern, "--output", "pattern.json", "--seed", "1"])
    };
    certify("keyvalue[store=memstore]").exits(0).complains("the certificate is pattern.json, not signed");
    let verified = tool.run(&["verify", "pattern.json"]).exits(0).says("VALID: pattern keyvalue");
    let verified = verified.says("target    keyvalue[store=memstore]: ");
    verified.says("cases held, over memstore (virtual-clock) as store");
    let text = tool.read("pattern.json");
    assert!(
        text.contains("\"kind\":\"pattern\"") && text.contains("\"composed\":{\"parameters\":"),
        "{text}"
    );
    assert!(text.contains("\"id\":\"pattern_keyvalue/"), "its own cases are in it: {text}");
    tool.file("pattern.json", &text.replacen("\"kind\":\"pattern\",", "", 1));
    tool.run(&["verify", "pattern.json"]).exits(1).says("NOT VALID");

    // Whatever is in a slot has to be there, and a star is no name.
    certify("keyvalue[store=redis]").exits(3).complains("no certificate");
    std::fs::remove_dir_all(tool.path().join("prism-report")).expect("the report");
    for pattern in ["keyvalue[*]", "*", "keyvalue[store=*]"] {
        certify(pattern).exits(2).complains("a certificate is of a pattern");
    }
    certify("keyvalue[store=rediss]").exits(2).complains("did you mean `keyvalue[store=redis]`?");
    certify("keyvalu").exits(2).complains("did you mean `keyvalue`?");
    let both = ["certify", "--pattern", "keyvalue", "--backend", "memstore", "--output", "both.json"];
    tool.run(&both).exits(2).complains("cannot be used with");
    tool.run(&["certify", "--pattern", "keyvalue"]).exits(2).complains("--output");
    assert!(!tool.path().join("prism-report").exists(), "nothing was run, so nothing is written");
}

#[test]
fn nothing_weakens_a_certificate() {
    let tool = Tool::new();
    mine(&tool, "4KiB");
    for option in ["--case", "--interface", "--effort", "--plan", "--case-timeout"] {
        certify(&tool, &[option, "quick"]).exits(2).complains("unexpected argument");
    }
    certify(&tool, &["--fail-fast"]).exits(2);
    tool.run(&["certify", "--backend", "mine"]).exits(2).complains("--output");
    tool.file("key.pem", "no key");
    certify(&tool, &["--key", "key.pem"]).exits(2).complains("cannot be used");
    certify(&tool, &["--key", "missing.pem"]).exits(2).complains("missing.pem");
    tool.run(&["certify", "--backend", "memstore", "--output", "no/such/folder.json"])
        .exits(2)
        .complains("--output");
    assert!(!tool.path().join("prism-report").exists(), "nothing was run, so nothing is written");
    tool.run(&["certify", "--backend", "redis", "--output", "redis.json"])
        .exits(3)
        .complains("no certificate");
    tool.run(&["verify", "missing.json"]).exits(2).complains("missing.json");
    tool.file("mine.json", "not json");
    verify(&tool, &[]).exits(1).says("NOT VALID");
}

//! What `init` writes: the commands that it prints are typed as they stand, and what they lead to conforms; with one
//! line of it broken, the clause that this breaks is named.

#[path = "../shared/python.rs"]
mod python;
#[path = "../shared/tool.rs"]
mod tool;

use crate::{
    python::left_out,
    tool::{Ran, Tool},
};
use prism_reports::{Outcome, Report};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs a command line in a shell, in the folder of the tool.
fn shell(tool: &Tool, line: &str) -> Ran {
    Ran::from(
        Command::new("/bin/sh")
            .args(["-c", line])
            .current_dir(tool.path())
            .env("CARGO_TARGET_DIR", target_folder())
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .expect("a shell runs"),
    )
}

/// The commands under `Next:`.
fn next_commands(ran: &Ran) -> Vec<String> {
    let (_, next) = ran.stdout.split_once("\nNext:\n").expect("what to do next");
    next.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn report(tool: &Tool) -> Report {
    serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json")
}

/// The clauses that the report says are broken.
fn broken(report: &Report) -> BTreeSet<&str> {
    let failed = report.cases().filter(|(_, case)| case.outcome == Outcome::Fail);
    failed
        .filter_map(|(_, case)| case.failure.as_ref())
        .filter_map(|failure| failure.clause.as_deref())
        .collect()
}

/// Puts another line in place of one that is there once.
fn break_line(tool: &Tool, file: &str, line: &str, other: &str) {
    let text = tool.read(file);
    assert_eq!(text.matches(line).count(), 1, "`{line}` in {file}");
    tool.file(file, &text.replace(line, other));
}

#[test]
fn a_skeleton_in_python_conforms_until_a_line_is_broken() {
    let tool = Tool::new();
    let written = tool.run(&["init", "my-backend", "--language", "python"]).exits(0);
    let commands = next_commands(&written);
    let [make, install, certify] = &commands[..] else { panic!("{commands:?}") };
    for line in [make, install] {
        let ran = shell(&tool, line);
        if ran.code != 0 {
            return left_out(
                "the skeleton in Python",
                &format!("`{line}` failed\n{}{}", ran.stdout, ran.stderr),
            );
        }
    }
    shell(&tool, certify).exits(0).says("CONFORMANT").says("keyvalue_basic");
    let whole = report(&tool);
    assert!(
        whole.cases().all(|(_, case)| case.outcome.proves()),
        "what is written by init is measured in full"
    );

    break_line(&tool, "my-backend/store.py", "return count > 0", "return True");
    let ran =
        shell(&tool, &format!("{certify} --case 'keyvalue_basic/delete_*'")).exits(1).says("NON-CONFORMANT");
    assert_eq!(broken(&report(&tool)), BTreeSet::from(["KVB-09"]), "{}", ran.stdout);
    ran.says("Delete of a key that is not there is no error and answers `existed = false`");
}

/// The folder that skeletons are built in. It lasts, and is not the workspace's own: the two need different features of
/// the same crates, and each would build anew what the other has built.
fn target_folder() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_prism-conformance"));
    program.ancestors().nth(2).expect("a target folder").join("skeleton")
}

/// For cargo in the folder of the tool: the versions of the workspace, which are on this machine already.
fn build_with_what_is_there(tool: &Tool) {
    tool.file(".cargo/config.toml", "net.offline = true\nprofile.dev.debug = false\n");
    tool.file("my-backend/Cargo.lock", include_str!("../../../Cargo.lock"));
    // backend.yaml looks for the program here; cargo is told the folder itself, because the paths that it builds in are
    // a part of what it compares.
    std::fs::create_dir_all(target_folder()).expect("a folder");
    std::os::unix::fs::symlink(target_folder(), tool.path().join("my-backend/target")).expect("a link");
}

#[test]
fn a_skeleton_in_rust_conforms_until_a_line_is_broken_and_its_cases_are_tests() {
    let tool = Tool::new();
    let written = tool.run(&["init", "my-backend", "--language", "rust"]).exits(0);
    build_with_what_is_there(&tool);
    let commands = next_commands(&written);
    let [build, certify, test] = &commands[..] else { panic!("{commands:?}") };
    let built = shell(&tool, build).exits(0);
    assert!(!built.stderr.contains("warning: unused"), "{}", built.stderr);
    shell(&tool, "cargo fmt --manifest-path my-backend/Cargo.toml --check").exits(0);
    shell(&tool, certify).exits(0).says("CONFORMANT").says("keyvalue_basic");
    let outcomes: BTreeSet<Outcome> = report(&tool).cases().map(|(_, case)| case.outcome).collect();
    // What two processes would have to agree on lives in one.
    assert_eq!(outcomes, BTreeSet::from([Outcome::Pass, Outcome::Refused, Outcome::NotMeasured]));

    shell(&tool, test)
        .exits(0)
        .says("test keyvalue_basic/second_instance_agrees")
        .says("0 failed; 0 ignored");
    let harness = format!("{test} --test conformance -- ");
    // The two questions that nextest asks.
    let list = shell(&tool, &format!("{harness} --list --format terse")).exits(0);
    assert!(list.stdout.lines().any(|line| line == "keyvalue_basic/delete_missing: test"), "{}", list.stdout);
    assert!(list.stdout.lines().all(|line| line.ends_with(": test")), "{}", list.stdout);
    shell(&tool, &format!("{harness} --exact lifecycle/model --nocapture")).exits(0).says("1 passed");
    if shell(&tool, "cargo nextest --version").code == 0 {
        let nextest = "cargo nextest run --manifest-path my-backend/Cargo.toml";
        shell(&tool, &format!("{nextest} keyvalue_basic/")).exits(0).complains("keyvalue_basic/linearizable");
    }

    let line = "let existed = self.store.delete(&namespace, &key).await?;";
    break_line(&tool, "my-backend/src/keyvalue_basic.rs", line, &line.replace(';', " || true;"));
    let failed = shell(&tool, &format!("{harness} keyvalue_basic/delete_missing")).exits(101);
    let reproduce =
        failed.stdout.lines().find_map(|line| line.trim().strip_prefix("reproduce")).map(str::trim);
    let reproduce = reproduce.expect("a command that shows it again").to_owned();
    let failed =
        failed.says("[KVB-09] MUST Delete of a key that is not there is no error").says("expected   false");
    failed.says("got        true");
    assert!(reproduce.starts_with("PRISM_SEED="), "{reproduce}");
    shell(&tool, &format!("cd my-backend && {reproduce}")).exits(101).says("KVB-09");
    shell(&tool, build).exits(0);
    shell(&tool, &format!("{certify} --case 'keyvalue_basic/delete_*'")).exits(1);
    assert_eq!(broken(&report(&tool)), BTreeSet::from(["KVB-09"]));
}

#[test]
fn init_refuses_what_it_cannot_write_and_says_what_to_do() {
    let tool = Tool::new();
    tool.file("file", "");
    tool.file("full/file", "");
    for (name, complaint) in [
        (
            "My_Backend",
            "`My_Backend` is not a name for a backend; use lower-case letters, digits and hyphens, starting with a letter or digit, such as `my-backend`",
        ),
        ("-", "`-` is not a name for a backend"),
        ("memstore", "`memstore` is the name of a built-in backend; choose another, such as `my-memstore`"),
        (
            "full",
            "full is there already and not empty; nothing was written: remove it first, or choose another name",
        ),
        ("file", "file is a file, or in one"),
        ("file/mine", "file/mine is a file, or in one"),
    ] {
        tool.run(&["init", name, "--language", "python"]).exits(2).complains(complaint);
    }
    tool.run(&["init", "0", "--language", "rust"]).exits(2).complains("`0` cannot be the name of a crate");
    tool.run(&["init", "mine"]).exits(2).complains("--language");
    tool.run(&["init", "mine", "--language", "python", "--prism", "nowhere"])
        .exits(2)
        .complains("`--prism nowhere` is not a checkout of Prism Conformance");
    assert!(!tool.path().join("mine").exists(), "nothing is left of what was refused");
}

#[test]
fn whatever_a_backend_can_be_called_is_a_name_for_a_skeleton() {
    let tool = Tool::new();
    for name in ["0", "null", "true", "1e3", "a-", "class"] {
        tool.run(&["init", &format!("some/{name}"), "--language", "python"]).exits(0);
    }
    tool.run(&["validate", "--registry", "some"])
        .exits(0)
        .says("1e3: 1 interfaces")
        .says("null: 1 interfaces");
}

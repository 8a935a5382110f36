//! As much of a GitHub runner as our workflows use: expressions, environment files, artifacts, and steps one after another.

use prism_yaml::{File, Node, Value as Yaml, node};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The folder of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// A YAML file as JSON, in which every scalar is a text.
pub(crate) fn read(path: &Path) -> Value {
    let file = File::read(path).unwrap_or_else(|problem| panic!("{problem:?}"));
    let tree = node::parse(&file, "a document").unwrap_or_else(|problems| panic!("{problems:?}"));
    convert(&tree)
}

fn convert(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Text(text) => json!(text),
        Yaml::List(items) => Value::Array(items.iter().map(convert).collect()),
        Yaml::Mapping(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                let Yaml::Text(key) = &key.value else { panic!("a key that is no text") };
                assert!(map.insert(key.clone(), convert(value)).is_none(), "`{key}` is there twice");
            }
            Value::Object(map)
        }
    }
}

/// The machine that jobs run on, with the repository of the caller and the artifacts of the run.
pub(crate) struct Runner {
    folder: TempDir,
}

impl Runner {
    pub(crate) fn new() -> Self {
        let runner = Self { folder: TempDir::new().expect("a temporary folder") };
        std::fs::create_dir_all(runner.workspace()).expect("a folder");
        let tool = env!("CARGO_BIN_EXE_prism-conformance");
        // Compiling was done when this test was built; what it would have made is put where it would have put it.
        runner.program("cargo", &format!(
            "#!/bin/sh\nset -e\ntest \"$1 $2 $3\" = 'build --release --locked'\ntest \"$4\" = --manifest-path\n\
             test -f \"$5\"\nmkdir -p \"$RUNNER_TEMP/target/release\"\ncp '{tool}' \"$RUNNER_TEMP/target/release/\"\n"
        ));
        runner.program("prism-conformance", &format!("#!/bin/sh\nexec '{tool}' \"$@\"\n"));
        runner
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.folder.path().join("bin").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, script).expect("a program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }

    /// The repository of the caller.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.workspace().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    pub(crate) fn artifact(&self, name: &str) -> PathBuf {
        self.folder.path().join("artifacts").join(name)
    }
}

/// One job, or the steps of an action in a job of its caller.
pub(crate) struct Job<'a> {
    runner: &'a Runner,
    steps: Vec<Value>,
    /// What expressions see, by its dotted name.
    values: BTreeMap<String, String>,
    folder: TempDir,
    workspace: PathBuf,
    summaries: BTreeMap<String, String>,
    log: String,
}

impl<'a> Job<'a> {
    /// The steps of an action: the workspace is a checkout of the caller's repository.
    pub(crate) fn of_action(runner: &'a Runner, action: &Value, inputs: &[(&str, &str)]) -> Self {
        Self::new(runner, &action["runs"]["steps"], &action["inputs"], inputs, runner.workspace())
    }

    /// A job of a workflow that was called: its workspace is empty.
    pub(crate) fn of_workflow(
        runner: &'a Runner,
        workflow: &Value,
        id: &str,
        inputs: &[(&str, &str)],
    ) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let declared = &workflow["on"]["workflow_call"]["inputs"];
        let mut job = Self::new(runner, &workflow["jobs"][id]["steps"], declared, inputs, PathBuf::new());
        job.workspace = folder.path().join("workspace");
        std::fs::create_dir_all(&job.workspace).expect("a workspace");
        job.folder = folder;
        job
    }

    fn new(
        runner: &'a Runner,
        steps: &Value,
        declared: &Value,
        inputs: &[(&str, &str)],
        workspace: PathBuf,
    ) -> Self {
        let declared = declared.as_object().expect("inputs");
        let defaults =
            declared.iter().map(|(name, input)| (name.as_str(), input["default"].as_str().unwrap_or("")));
        let mut values: BTreeMap<String, String> =
            defaults.map(|(name, value)| (format!("inputs.{name}"), value.to_owned())).collect();
        for (name, value) in inputs {
            let known = values.insert(format!("inputs.{name}"), (*value).to_owned());
            assert!(known.is_some(), "`{name}` is no input");
        }
        Self {
            runner,
            steps: steps.as_array().expect("steps").clone(),
            values,
            folder: TempDir::new().expect("a temporary folder"),
            workspace,
            summaries: BTreeMap::new(),
            log: String::new(),
        }
    }

    /// Says what an expression is to see, such as `matrix.group`.
    pub(crate) fn given(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Everything that the steps printed.
    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    /// What a step wrote as its summary.
    pub(crate) fn summary(&self, step: &str) -> &str {
        self.summaries.get(step).unwrap_or_else(|| panic!("no step `{step}` has run:\n{}", self.log))
    }

    /// Runs the steps until one fails; its exit code, or 0.
    pub(crate) fn run(&mut self) -> i32 {
        for step in self.steps.clone() {
            let name = step["name"].as_str().unwrap_or("a step").to_owned();
            if step["if"].as_str().is_some_and(|condition| self.text(condition) != "true") {
                continue;
            }
            let _ = writeln!(self.log, "== {name}");
            let code = match step["uses"].as_str() {
                Some(uses) => self.action(uses, &step["with"]),
                None => self.script(&name, &step),
            };
            if code != 0 {
                return code;
            }
        }
        0
    }

    /// The actions that our workflows use, as far as they use them.
    fn action(&mut self, uses: &str, with: &Value) -> i32 {
        let with = |name: &str| self.text(with[name].as_str().unwrap_or(""));
        match uses.split('@').next().expect("a name") {
            "actions/checkout" => {
                let from = if with("repository").is_empty() { self.runner.workspace() } else { root() };
                std::os::unix::fs::symlink(from, self.workspace.join(with("path"))).expect("a checkout");
            }
            "actions/upload-artifact" => {
                let (from, to) = (self.workspace.join(with("path")), self.runner.artifact(&with("name")));
                if !from.exists() {
                    assert_eq!(with("if-no-files-found"), "warn", "{} is not there", from.display());
                    return 0;
                }
                assert!(
                    !to.exists(),
                    "GitHub refuses a second artifact of a run with the name `{}`",
                    with("name")
                );
                std::fs::create_dir_all(&to).expect("a folder");
                if from.is_dir() {
                    copy(&from, &to);
                } else {
                    std::fs::copy(&from, to.join(from.file_name().expect("a name"))).expect("a copy");
                }
            }
            "actions/download-artifact" if !with("pattern").is_empty() => {
                let pattern = with("pattern");
                let prefix = pattern.strip_suffix('*').expect("a pattern that ends in a star");
                for entry in std::fs::read_dir(self.runner.artifact("")).expect("artifacts") {
                    let from = entry.expect("an entry").path();
                    let name = from.file_name().expect("a name").to_string_lossy().into_owned();
                    if name.starts_with(prefix) {
                        copy(&from, &self.workspace.join(with("path")).join(name));
                    }
                }
            }
            "actions/download-artifact" => {
                let from = self.runner.artifact(&with("name"));
                assert!(from.is_dir(), "no artifact `{}`", with("name"));
                copy(&from, &self.workspace.join(with("path")));
            }
            other => panic!("no runner for {other}"),
        }
        0
    }

    fn script(&mut self, name: &str, step: &Value) -> i32 {
        assert_eq!(step["shell"], "bash", "{name}: the shell is not said");
        let temporary = self.folder.path().join("temporary");
        std::fs::create_dir_all(&temporary).expect("a folder");
        let file = |kind: &str| {
            let path = temporary.join(kind);
            std::fs::write(&path, "").expect("a file");
            path
        };
        let [output, summary, path, environment, state] =
            ["output", "summary", "path", "env", "state"].map(file);
        let script = temporary.join("script.sh");
        std::fs::write(&script, step["run"].as_str().expect("a script")).expect("a script");
        let programs = format!(
            "{}:{}",
            self.runner.folder.path().join("bin").display(),
            std::env::var("PATH").expect("a PATH")
        );
        let mut command = Command::new("bash");
        // As GitHub runs it where `shell: bash` is said.
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(&script)
            .current_dir(&self.workspace)
            .env("PATH", programs)
            .env("DOCKER_HOST", format!("unix://{}/no-docker.sock", temporary.display()))
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ACTION_PATH", root())
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_PATH", path)
            .env("GITHUB_ENV", environment)
            .env("GITHUB_STATE", state)
            .env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
            .env("RUNNER_TEMP", &temporary)
            .env_remove("PRISM_REDIS_URL")
            .stdin(Stdio::null());
        for (key, value) in step["env"].as_object().into_iter().flatten() {
            command.env(key, self.text(value.as_str().expect("a text")));
        }
        let ran = command.output().expect("bash runs");
        self.log.push_str(&String::from_utf8_lossy(&ran.stdout));
        self.log.push_str(&String::from_utf8_lossy(&ran.stderr));
        self.summaries.insert(name.to_owned(), std::fs::read_to_string(summary).expect("the summary"));
        if let Some(id) = step["id"].as_str() {
            for line in std::fs::read_to_string(output).expect("the outputs").lines() {
                let (key, value) = line.split_once('=').expect("an output");
                self.values.insert(format!("steps.{id}.outputs.{key}"), value.to_owned());
            }
        }
        ran.status.code().unwrap_or(-1)
    }

    /// A text with its expressions replaced.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").expect("an expression ends");
            out.push_str(before);
            out.push_str(&self.expression(expression.trim()));
            rest = after;
        }
        out + rest
    }

    /// `||`, `&&`, `==`, `!=`, literals and names, which is all that our workflows use.
    pub(crate) fn expression(&self, text: &str) -> String {
        let is_true = |value: &str| !value.is_empty() && value != "false";
        if let Some((one, other)) = text.split_once(" || ") {
            let one = self.expression(one);
            return if is_true(&one) { one } else { self.expression(other) };
        }
        if let Some((one, other)) = text.split_once(" && ") {
            let one = self.expression(one);
            return if is_true(&one) { self.expression(other) } else { one };
        }
        for (operator, wanted) in [(" == ", true), (" != ", false)] {
            if let Some((one, other)) = text.split_once(operator) {
                return ((self.expression(one) == self.expression(other)) == wanted).to_string();
            }
        }
        let text = text.trim();
        match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            Some(literal) => literal.to_owned(),
            None => self.values.get(text).unwrap_or_else(|| panic!("`{text}` is not known")).clone(),
        }
    }
}

/// Copies a folder as an artifact does: without the permission to execute.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).expect("permissions");
        }
    }
}

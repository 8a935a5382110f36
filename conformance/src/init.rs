//! Skeletons of backends, made of the files in `conformance/templates`.
//!
//! A template is a backend that works: its name is `my-backend`, which becomes the name that is asked for. What depends
//! on where Prism Conformance comes from is written `__LIKE_THIS__`.

mod prism;

pub use prism::Prism;

use prism_interfaces::catalogue;

/// The language of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// With grpcio, from its package index.
    Python,
    /// With the driver kit and tonic; every case is a test of `cargo test` and nextest as well.
    Rust,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Skeleton {
    /// The name of the backend, as [`prism_runner::registry::is_name`] allows it.
    pub name: String,
    /// The language of its driver.
    pub language: Language,
    /// Where Prism Conformance comes from.
    pub prism: Prism,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Relative to the folder of the backend.
    pub path: String,
    /// What it is, for people; empty where it is one of many.
    pub what: &'static str,
    /// Its text.
    pub text: String,
}

/// The name of the backend in a template.
const NAME: &str = "my-backend";

macro_rules! template {
    ($language:literal, $path:literal, $what:literal) => {
        ($path, $what, include_str!(concat!("../templates/", $language, "/", $path)))
    };
}

/// Path, meaning and text of each file.
type Template = &'static [(&'static str, &'static str, &'static str)];

const PYTHON: Template = &[
    template!("python", "README.md", "what to do with all this, on a page"),
    template!("python", "backend.yaml", "what the backend claims, and how its driver is started"),
    template!("python", "requirements.txt", "the packages that the driver needs"),
    template!("python", "driver.py", "the process of the driver"),
    template!("python", "lifecycle.py", "the service that every driver has"),
    template!("python", "keyvalue_basic.py", "the interface that it serves"),
    template!("python", "store.py", "the server behind it, here SQLite: the file to replace"),
    template!("python", "calls.py", "namespaces and draining, around every call"),
    template!("python", "errors.py", "errors as the contract wants them"),
    template!("python", "stubs.py", "makes Python code of the protos"),
    template!("python", ".github/workflows/conformance.yml", "the same run for GitHub Actions"),
    template!("python", ".gitignore", ""),
];

const RUST: Template = &[
    template!("rust", "README.md", "what to do with all this, on a page"),
    template!("rust", "backend.yaml", "what the backend claims, and how its driver is started"),
    template!("rust", "Cargo.toml", "the crate of the driver"),
    template!("rust", "src/lib.rs", "its contents"),
    template!("rust", "src/driver.rs", "what it says of itself, how it starts and stops"),
    template!("rust", "src/keyvalue_basic.rs", "the interface that it serves"),
    template!("rust", "src/store.rs", "the server behind it, here a map: the file to replace"),
    template!("rust", "src/main.rs", "the process of the driver"),
    template!("rust", "tests/conformance.rs", "every case as a test"),
    template!("rust", ".github/workflows/conformance.yml", "the same run for GitHub Actions"),
    template!("rust", ".gitignore", ""),
];

impl Skeleton {
    /// Every file, the one to read first at the top.
    pub fn files(&self) -> Vec<NewFile> {
        let template = match self.language {
            Language::Python => PYTHON,
            Language::Rust => RUST,
        };
        let own = template.iter().map(|(path, what, text)| NewFile {
            path: (*path).to_owned(),
            what,
            text: self.prism.fill(&self.named(text)),
        });
        let protos = catalogue::PROTOS.iter().map(|(path, text)| NewFile {
            path: format!("proto/{path}"),
            what: "",
            text: (*text).to_owned(),
        });
        match self.language {
            Language::Python => own.chain(protos).collect(),
            // The kit brings them.
            Language::Rust => own.collect(),
        }
    }

    /// With the name of the backend in place of the template's, also where it is a part of a name in Rust.
    fn named(&self, text: &str) -> String {
        text.replace(NAME, &self.name).replace(&NAME.replace('-', "_"), &self.name.replace('-', "_"))
    }

    /// What to type next, in the folder that holds the folder of the backend. `program` is how this program is called
    /// there, `folder` the folder of the backend, both as a shell takes them.
    pub fn next_commands(&self, program: &str, folder: &str) -> Vec<String> {
        let Self { name, .. } = self;
        let certify = format!("{program} run --registry {folder} --backend {name}");
        match self.language {
            Language::Python => vec![
                format!("python3 -m venv {folder}/.venv"),
                format!("{folder}/.venv/bin/pip install --requirement {folder}/requirements.txt"),
                certify,
            ],
            Language::Rust => vec![
                format!("cargo build --manifest-path {folder}/Cargo.toml"),
                certify,
                format!("cargo test --manifest-path {folder}/Cargo.toml"),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;
    use std::{collections::BTreeSet, fs, path::Path};

    const TEMPLATES: &[(&str, Template)] = &[("python", PYTHON), ("rust", RUST)];

    fn skeleton(language: Language) -> Skeleton {
        Skeleton {
            name: "my-store".to_owned(),
            language,
            prism: Prism::Git("https://prism.example/prism.git".to_owned()),
        }
    }

    fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_of_a_template_is_written() {
        for (folder, template) in TEMPLATES {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(folder);
            let mut there = BTreeSet::new();
            walk(&root, &root, &mut there);
            let listed: BTreeSet<String> = template.iter().map(|(path, ..)| (*path).to_owned()).collect();
            assert_eq!(listed, there, "{folder}");
        }
    }

    /// One version of each dependency, so that whoever has compiled this has compiled most of that.
    #[test]
    fn the_skeleton_in_rust_depends_on_what_the_workspace_does() {
        let workspace = include_str!("../../Cargo.toml");
        let template = include_str!("../templates/rust/Cargo.toml");
        let version = |line: &str| {
            let (_, rest) = line.split_once("version = \"")?;
            rest.split_once('"').map(|(version, _)| version.to_owned())
        };
        let mut compared = 0;
        for line in template.lines().filter(|line| line.contains("{ version")) {
            let name = line.split(' ').next().unwrap();
            let here = workspace.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
            assert_eq!(version(line), version(here), "{name}");
            compared += 1;
        }
        assert!(compared > 0);
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for language in Language::value_variants() {
            for file in skeleton(*language).files() {
                for left in [NAME, "my_backend", "__PRISM", "../../.."] {
                    assert!(!file.text.contains(left), "{}: {left}", file.path);
                }
            }
        }
    }
}

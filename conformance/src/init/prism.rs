//! Where a skeleton gets Prism Conformance from.

use std::path::{Component, Path, PathBuf};

/// A folder of a checkout that a skeleton needs, by which a checkout is recognised.
const KIT: &str = "backends/kit";

/// How a template names a crate of this repository.
const UP: &str = "path = \"../../../";

/// Where Prism Conformance comes from. It is in no package index, so that a skeleton has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prism {
    /// A git URL.
    Git(String),
    /// A checkout; relative to the folder of the backend where the two have a folder in common.
    Folder(PathBuf),
    /// Nobody has said.
    Unknown,
}

impl Prism {
    /// What `--prism` says, or the checkout that this program was built from. `home` is the folder that the folder of
    /// the backend will be in.
    ///
    /// The error says what is wrong with it.
    pub fn find(said: Option<&str>, home: &Path) -> Result<Self, String> {
        let folder = match said {
            Some(url) if url.contains("://") => return Ok(Self::Git(url.to_owned())),
            Some(text) => {
                let folder = PathBuf::from(text);
                if !is_checkout(&folder) {
                    return Err(format!(
                        "`--prism {text}` is not a checkout of Prism Conformance ({} is missing); give its folder, or a \
                         git URL such as https://… or ssh://git@…",
                        folder.join(KIT).join("Cargo.toml").display()
                    ));
                }
                folder
            }
            None => {
                let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
                if !is_checkout(&built_from) {
                    return Ok(Self::Unknown);
                }
                built_from
            }
        };
        let absolute = |path: &Path| {
            path.canonicalize().map_err(|error| format!("{} cannot be read: {error}", path.display()))
        };
        // One step further down: the folder of the backend itself, which may not be there yet.
        let from = absolute(home)?.join("backend");
        Ok(Self::Folder(relative(&from, &absolute(&folder)?)))
    }

    /// Fills in a text of a template.
    pub(super) fn fill(&self, text: &str) -> String {
        let text = match self {
            Self::Git(url) => dependencies(text, |_| format!("git = \"{url}\"")),
            Self::Folder(folder) => {
                dependencies(text, |inside| format!("path = \"{}/{inside}\"", folder.display()))
            }
            Self::Unknown => text.to_owned(),
        };
        let (git, install) = match self {
            Self::Git(url) => (url.clone(), format!("cargo install --locked --git {url} prism-conformance")),
            Self::Folder(folder) => (
                "${{ vars.PRISM_GIT }}".to_owned(),
                format!("cargo install --locked --path {}/conformance", folder.display()),
            ),
            Self::Unknown => (
                "${{ vars.PRISM_GIT }}".to_owned(),
                "cargo install --locked --git \"$PRISM_GIT\" prism-conformance".to_owned(),
            ),
        };
        text.replace("__PRISM_GIT__", &git).replace("__PRISM_INSTALL__", &install)
    }
}

/// Puts something else in place of the paths by which a template depends on crates of this repository.
fn dependencies(text: &str, source: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(UP);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str(&source(inside));
        out.push_str(rest);
    }
    out
}

fn is_checkout(folder: &Path) -> bool {
    folder.join(KIT).join("Cargo.toml").is_file()
}

/// The way from a folder to another, both absolute; the other as it is where they have nothing in common.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(from, to)| from == to).count();
    let named = |component: &Component<'_>| matches!(component, Component::Normal(_));
    if !to.components().take(common).any(|component| named(&component)) {
        return to.to_owned();
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_checkout_is_relative_where_it_can_be() {
        for (from, to, expected) in [
            ("/home/me/my-backend", "/home/me/prism", "../prism"),
            ("/home/me/prism/my-backend", "/home/me/prism", ".."),
            ("/home/me/backends/mine", "/home/me/code/prism", "../../code/prism"),
            ("/tmp/mine", "/home/me/prism", "/home/me/prism"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(expected), "{from} {to}");
        }
    }

    #[test]
    fn urls_are_taken_and_folders_are_looked_at() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let url = "ssh://git@prism.example/prism";
        assert_eq!(Prism::find(Some(url), home), Ok(Prism::Git(url.to_owned())));
        assert_eq!(Prism::find(None, home), Ok(Prism::Folder(PathBuf::from("../.."))));
        for nothing in ["git@prism.example:prism", "/nowhere"] {
            let error = Prism::find(Some(nothing), home).unwrap_err();
            assert!(error.contains("is not a checkout of Prism Conformance"), "{error}");
        }
    }
}

//! What Initialize may say.

use prism_driver_kit::{SettingSpec, Settings};
use prism_interfaces::Fault;
use std::path::{Path, PathBuf};

/// The settings that the driver knows.
pub(crate) const SETTINGS: &[SettingSpec] = &[
    SettingSpec {
        name: "path",
        meaning: "the file; without it, one in a temporary folder that goes with the driver",
        required: false,
    },
    SettingSpec { name: "clock", meaning: "`system` (the default) or `virtual`, for tests", required: false },
];

/// Which clock tells when keys expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockKind {
    /// The time of this machine.
    System,
    /// A clock that tests set.
    Virtual,
}

/// The settings, checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// The file by its full name, in a folder that exists; `None` for a temporary one.
    pub(crate) file: Option<PathBuf>,
    /// The clock.
    pub(crate) clock: ClockKind,
}

impl Parsed {
    /// Reads the settings and looks at the file system, but creates nothing.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Fault> {
        let clock = match settings.get("clock") {
            None | Some("system") => ClockKind::System,
            Some("virtual") => ClockKind::Virtual,
            Some(_) => return Err(Settings::invalid("clock", "must be `system` or `virtual`")),
        };
        Ok(Self { file: settings.get("path").map(file).transpose()?, clock })
    }
}

/// The full name of a file, so that two instances that name it differently know that it is the same.
fn file(path: &str) -> Result<PathBuf, Fault> {
    let invalid = |problem: &str| Settings::invalid("path", problem);
    // SQLite takes these names for something else than files.
    if path == ":memory:" || path.starts_with("file:") {
        return Err(invalid("must be the name of a file: neither `:memory:` nor a URI"));
    }
    if path.contains('\0') {
        return Err(invalid("contains a zero byte"));
    }
    let path = Path::new(path);
    let name = path.file_name().ok_or_else(|| invalid("does not end in the name of a file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|_| invalid("is in a folder that is not there"))?;
    let file = folder.join(name);
    if file.is_dir() {
        return Err(invalid("is a folder; it must be a file"));
    }
    // The file may be a link to one that another instance names directly.
    Ok(file.canonicalize().unwrap_or(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tonic::{Code, Status};

    fn parse(values: &[(&str, &str)]) -> Result<Parsed, Fault> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Parsed::new(&Settings::new(SETTINGS, values)?)
    }

    #[test]
    fn nothing_is_required() {
        assert_eq!(parse(&[]).unwrap(), Parsed { file: None, clock: ClockKind::System });
        assert_eq!(parse(&[("clock", "virtual")]).unwrap().clock, ClockKind::Virtual);
    }

    #[test]
    fn one_file_has_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let direct = parse(&[("path", &format!("{root}/a.sqlite"))]).unwrap().file.unwrap();
        let detour = parse(&[("path", &format!("{root}/./a.sqlite"))]).unwrap().file.unwrap();
        assert_eq!(direct, detour);
        assert!(direct.is_absolute() && !direct.exists());
        assert!(parse(&[("path", "here.sqlite")]).unwrap().file.unwrap().is_absolute());
    }

    #[test]
    fn values_that_cannot_be_used_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        for (name, value) in [
            ("clock", "sundial".to_owned()),
            ("clock", String::new()),
            ("path", String::new()),
            ("path", ":memory:".to_owned()),
            ("path", format!("file:{root}/a.sqlite")),
            ("path", format!("{root}/a\0.sqlite")),
            ("path", format!("{root}/..")),
            ("path", format!("{root}/missing/a.sqlite")),
            ("path", format!("{root}/folder")),
        ] {
            let status = Status::from(parse(&[(name, &value)]).unwrap_err());
            assert_eq!(status.code(), Code::InvalidArgument, "{value:?}");
            assert!(status.message().contains(&format!("`{name}`")), "{status}");
        }
    }
}

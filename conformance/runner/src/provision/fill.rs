//! Putting what is known of a running server into settings, commands and variables.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::registry::placeholder::{self, ADDRESS, HOST, PORT, SOCKET, WORKDIR};

/// Where a server is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) workdir: Option<PathBuf>,
}

impl Place {
    /// A server that listens on a port.
    pub(crate) fn at(host: &str, port: u16) -> Self {
        Self { host: Some(host.to_owned()), port: Some(port), ..Self::default() }
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub(crate) fn address(&self) -> Option<String> {
        match (self.host.as_deref()?, self.port?) {
            (host, port) if host.contains(':') => Some(format!("[{host}]:{port}")),
            (host, port) => Some(format!("{host}:{port}")),
        }
    }

    /// Fills in one text. The error says which name it needs that this server does not have.
    pub(crate) fn fill(&self, what: &str, text: &str) -> Result<String, String> {
        placeholder::fill(text, |name| match name {
            ADDRESS => self.address(),
            HOST => self.host.clone(),
            PORT => self.port.map(|port| port.to_string()),
            SOCKET => self.socket.as_deref().map(display),
            WORKDIR => self.workdir.as_deref().map(display),
            _ => None,
        })
        .map_err(|name| format!("{what} uses `{{{name}}}`, which this way of getting a server does not have"))
    }

    /// Fills in all values of a map.
    pub(crate) fn fill_map(
        &self,
        what: &str,
        map: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        map.iter()
            .map(|(name, text)| Ok((name.clone(), self.fill(&format!("`{name}` of {what}"), text)?)))
            .collect()
    }
}

/// A fresh folder, if any of the texts asks for one.
pub(crate) fn workdir_for<'t>(mut texts: impl Iterator<Item = &'t String>) -> io::Result<Option<TempDir>> {
    texts.any(|text| placeholder::uses(text, WORKDIR)).then(workdir).transpose()
}

/// A fresh folder.
pub(crate) fn workdir() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("prism-").tempdir()
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_what_is_not_known_is_named() {
        let place = Place::at("127.0.0.1", 6379);
        assert_eq!(
            place.fill("x", "redis://{address}/{host}/{port}").unwrap(),
            "redis://127.0.0.1:6379/127.0.0.1/6379"
        );
        assert_eq!(Place::at("::1", 80).address().unwrap(), "[::1]:80");
        let error =
            place.fill_map("`settings`", &BTreeMap::from([("path".into(), "{socket}".into())])).unwrap_err();
        assert!(error.contains("`path` of `settings` uses `{socket}`"), "{error}");
    }
}

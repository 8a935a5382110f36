//! Servers that run already.

use std::future::pending;

use tokio::time::Instant;

use super::{
    Context, Refusal, Server,
    fill::{self, Place},
    ready::{NotReady, Probe, wait},
    server::{ProvisionKind, Running},
};
use crate::registry::{
    External, Setup,
    placeholder::{self, ADDRESS},
};

/// Reads the variable and makes sure that the server accepts connections.
///
/// The value may hold a password, so no message repeats it.
pub(super) async fn find(external: &External, setup: &Setup, context: &Context) -> Result<Server, Refusal> {
    let variable = &external.env;
    let Some(value) = context.variable(variable) else {
        return Err(Refusal::Unavailable {
            why: format!("{variable} is not set"),
            remedy: format!("set {variable} to where a server runs"),
        });
    };
    let (host, port) = parse(&value).ok_or_else(|| {
        Refusal::Failed(format!(
            "{variable} is set to something that is neither `host:port` nor a URL with both"
        ))
    })?;
    let workdir = fill::workdir_for(setup.settings.values())
        .map_err(|error| Refusal::Failed(format!("no temporary folder can be made: {error}")))?;
    let mut place = Place::at(&host, port);
    place.workdir = workdir.as_ref().map(|folder| folder.path().to_owned());
    let address = place.address();
    let mut settings = setup.settings.clone();
    if value.contains("://") {
        // A whole URL says more than an address: user, password, database. It stands for the URL of the settings.
        settings.retain(|_, template| !is_url_of_address(template));
    }
    let mut filled = place.fill_map("`settings`", &settings).map_err(Refusal::Failed)?;
    for (name, template) in &setup.settings {
        if !settings.contains_key(name) && is_url_of_address(template) {
            filled.insert(name.clone(), value.clone());
        }
    }
    let deadline = Instant::now() + context.ready_within().min(EXTERNAL_READY_WITHIN);
    let shown = address.clone().unwrap_or_default();
    match wait(Probe::Port(&shown), deadline, pending()).await {
        Ok(()) => Ok(Server {
            image: None,
            address,
            kind: ProvisionKind::External,
            settings: filled,
            description: format!("{variable} at {shown}"),
            workdir,
            running: Running::Elsewhere,
        }),
        Err(NotReady::Died(error) | NotReady::Refused(error)) => Err(Refusal::Failed(format!(
            "{variable} points at {shown}, which does not accept connections ({error})"
        ))),
    }
}

/// Somebody who sets the variable says that the server runs, so it is not waited for as long as one that was started.
const EXTERNAL_READY_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

fn is_url_of_address(template: &str) -> bool {
    template.contains("://") && placeholder::uses(template, ADDRESS)
}

/// Host and port of `host:port` or of a URL, whose user and path do not matter here.
fn parse(value: &str) -> Option<(String, u16)> {
    let authority = match value.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            authority.rsplit_once('@').map_or(authority, |(_, address)| address)
        }
        None => value,
    };
    let (host, port) = authority.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(bare) => bare,
        None if host.contains([':', '@', '/']) => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_urls_and_pairs() {
        for (value, host, port) in [
            ("127.0.0.1:6379", "127.0.0.1", 6379),
            ("redis://cache.example:6380", "cache.example", 6380),
            ("redis://user:p@ss:w@10.0.0.1:6380/2?x=1", "10.0.0.1", 6380),
            ("[::1]:80", "::1", 80),
            ("postgres://u@[fe80::1]:5432/db", "fe80::1", 5432),
        ] {
            assert_eq!(parse(value), Some((host.to_owned(), port)), "{value}");
        }
        for value in ["", "redis", "redis://host", "host:0", "host:99999", ":6379", "a:b@c:1", "::1:80"] {
            assert_eq!(parse(value), None, "{value}");
        }
    }
}

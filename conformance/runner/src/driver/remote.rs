//! Drivers that somebody else serves.

use super::{channel, metadata::Metadata};
use crate::{
    registry::{MetadataValue, Remote, Tls},
    secrets::Secrets,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use prism_interfaces::Endpoint;
use std::path::Path;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Makes the endpoint, with TLS and metadata; nothing is sent yet. Files are relative to `folder`, and what the
/// variables hold is added to `secrets`.
///
/// The error says what is missing: a variable, a file, a certificate in it. It repeats no value.
pub(crate) fn connect(
    remote: &Remote,
    folder: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
    secrets: &mut Secrets,
) -> Result<Endpoint, String> {
    let uri = &remote.uri;
    let mut builder =
        tonic::transport::Endpoint::from_shared(uri.clone()).map_err(|error| format!("{uri}: {error}"))?;
    if uri.starts_with("https://") {
        let config = tls_config(remote.tls.as_ref(), folder)?;
        builder = builder.tls_config(config).map_err(|error| format!("TLS: {}", chain(&error)))?;
    }
    let headers = headers(remote, variable, secrets)?;
    Ok(channel(builder).layer(Metadata(headers)))
}

fn headers(
    remote: &Remote,
    variable: impl Fn(&str) -> Option<String>,
    secrets: &mut Secrets,
) -> Result<HeaderMap<HeaderValue>, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &remote.metadata {
        let (text, secret) = match value {
            MetadataValue::Text(text) => (text.clone(), false),
            MetadataValue::Env(env) => {
                let text = variable(env)
                    .ok_or_else(|| format!("{env} is not set, and the metadata `{name}` is taken from it"))?;
                secrets.add(env, &text);
                (text, true)
            }
        };
        let parsed = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(text).ok());
        let (header, mut value) =
            parsed.ok_or_else(|| format!("the metadata `{name}` cannot be sent in a header"))?;
        value.set_sensitive(secret);
        headers.insert(header, value);
    }
    Ok(headers)
}

fn tls_config(tls: Option<&Tls>, folder: Option<&Path>) -> Result<ClientTlsConfig, String> {
    let mut config = ClientTlsConfig::new();
    let Some(tls) = tls else { return Ok(config.with_enabled_roots()) };
    config = match &tls.ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(pem(ca, folder, "CERTIFICATE")?)),
        None => config.with_enabled_roots(),
    };
    if let Some(identity) = &tls.identity {
        let cert = pem(&identity.cert, folder, "CERTIFICATE")?;
        config = config.identity(Identity::from_pem(cert, pem(&identity.key, folder, "PRIVATE KEY")?));
    }
    if let Some(domain) = &tls.domain {
        config = config.domain_name(domain);
    }
    Ok(config)
}

/// Reads a PEM file that holds at least one such part; a trust store of nothing would only fail later, and less
/// clearly.
fn pem(name: &str, folder: Option<&Path>, part: &str) -> Result<String, String> {
    let path = folder.map_or_else(|| name.into(), |folder| folder.join(name));
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("TLS: {} cannot be read: {error}", path.display()))?;
    let has_part = text.lines().any(|line| line.starts_with("-----BEGIN") && line.contains(part));
    if has_part { Ok(text) } else { Err(format!("TLS: {} holds no {part} in PEM", path.display())) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn remote(uri: &str) -> Remote {
        Remote { uri: uri.to_owned(), ..Remote::default() }
    }

    #[test]
    fn variables_that_are_missing_are_named_and_their_values_never() {
        let metadata = BTreeMap::from([("authorization".to_owned(), MetadataValue::Env("TOKEN".to_owned()))]);
        let remote = Remote { metadata, ..remote("http://127.0.0.1:1") };
        let mut secrets = Secrets::default();
        let error = headers(&remote, |_| None, &mut secrets).unwrap_err();
        assert_eq!(error, "TOKEN is not set, and the metadata `authorization` is taken from it");
        let error = headers(&remote, |_| Some("two\nlines".to_owned()), &mut secrets).unwrap_err();
        assert_eq!(error, "the metadata `authorization` cannot be sent in a header");
        let headers = headers(&remote, |_| Some("Bearer abcdef".to_owned()), &mut secrets).unwrap();
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(secrets.redact("it said Bearer abcdef"), "it said [value of TOKEN]");
    }

    #[test]
    fn files_that_are_missing_or_something_else_are_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), "no certificate\n").unwrap();
        for (ca, expected) in
            [("none.pem", "none.pem cannot be read"), ("ca.pem", "ca.pem holds no CERTIFICATE")]
        {
            let tls = Tls { ca: Some(ca.to_owned()), ..Tls::default() };
            let remote = Remote { tls: Some(tls), ..remote("https://127.0.0.1:1") };
            let error = connect(&remote, Some(folder.path()), |_| None, &mut Secrets::default()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}

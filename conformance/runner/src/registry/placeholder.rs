//! `{address}` and its like: parts of a text that are known only when a server runs.

/// The host and port of the server, as `host:port`.
pub(crate) const ADDRESS: &str = "address";
/// The host alone.
pub(crate) const HOST: &str = "host";
/// The port alone.
pub(crate) const PORT: &str = "port";
/// A path for a Unix socket in the folder of the server.
pub(crate) const SOCKET: &str = "socket";
/// A fresh folder that is removed with the server.
pub(crate) const WORKDIR: &str = "workdir";

/// The names between braces, in order: `{port}` in `--port={port}`. Braces around anything else are text.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        is_name(name).then_some(name)
    })
}

/// Whether the text has `{name}` in it.
pub(crate) fn uses(text: &str, name: &str) -> bool {
    names(text).any(|used| used == name)
}

/// Puts values in place of the names; the error is the first name that has none.
pub(crate) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if is_name(name) => {
                filled.push_str(&value(name).ok_or_else(|| name.to_owned())?);
                rest = behind;
            }
            _ => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_other_braces_are_text() {
        let value = |name: &str| (name == PORT).then(|| "7".to_owned());
        assert_eq!(fill("--port={port}", value).unwrap(), "--port=7");
        assert_eq!(fill("{port}{port}", value).unwrap(), "77");
        assert_eq!(fill("{\"a\": {}} {", value).unwrap(), "{\"a\": {}} {");
        assert_eq!(fill("{{port}}", value).unwrap(), "{7}");
        assert_eq!(fill("{host}:{port}", value).unwrap_err(), "host");
        assert_eq!(names("{host}:{port} {} {A}").collect::<Vec<_>>(), ["host", "port"]);
        assert!(uses("x{workdir}", WORKDIR) && !uses("workdir", WORKDIR));
    }
}

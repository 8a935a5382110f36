//! What Initialize takes.

use prism_driver_kit::{SettingSpec, Settings};
use prism_interfaces::Fault;
use redis::{
    ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use std::time::Duration;

/// The one setting.
pub(crate) const SPECS: &[SettingSpec] = &[SettingSpec {
    name: "url",
    meaning: "where Redis is: redis://[user]:[password]@host:port/database, or unix:///path",
    required: true,
}];

/// Where Redis is, from the settings. Errors never repeat the value, which may hold a password.
pub(crate) fn connection(settings: &Settings) -> Result<ConnectionInfo, Fault> {
    let url = settings.get("url").unwrap_or_default();
    match url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
        Some("redis" | "unix") => {}
        Some("rediss") => {
            let problem = "asks for TLS (`rediss`), which this driver is built without; it does not connect in the clear instead";
            return Err(Settings::invalid("url", problem));
        }
        _ => return Err(Settings::invalid("url", "must start with `redis://` or `unix://`")),
    }
    let info = url.into_connection_info().map_err(|_| {
        Settings::invalid("url", "cannot be read; write redis://[user]:[password]@host:port/database")
    })?;
    // RESP3 reports the loss of an idle connection, so that the next command is not sent into the void. Keep-alive
    // finds out about a peer that has gone without a word, which a subscriber would otherwise never notice.
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    Ok(info.set_redis_settings(redis).set_tcp_settings(tcp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::fault::reason;
    use redis::ConnectionAddr;
    use tonic::{Code, Status};

    fn read(url: &str) -> Result<ConnectionInfo, Status> {
        let settings = Settings::new(SPECS, [("url".to_owned(), url.to_owned())])?;
        Ok(connection(&settings)?)
    }

    #[test]
    fn an_address_is_read_with_its_credentials_and_database() {
        let info = read("redis://me:secret@example.org:7000/3").unwrap();
        assert_eq!(*info.addr(), ConnectionAddr::Tcp("example.org".into(), 7000));
        let redis = info.redis_settings();
        assert_eq!((redis.username(), redis.password(), redis.db()), (Some("me"), Some("secret"), 3));
        assert_eq!(redis.protocol(), ProtocolVersion::RESP3);
        assert_eq!(*read("redis://h").unwrap().addr(), ConnectionAddr::Tcp("h".into(), 6379));
        assert_eq!(
            *read("unix:///run/redis.sock").unwrap().addr(),
            ConnectionAddr::Unix("/run/redis.sock".into())
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_being_repeated() {
        for (url, part) in [
            ("", "redis://"),
            ("localhost:6379", "redis://"),
            ("http://secret@host", "redis://"),
            ("rediss://:secret@host", "TLS"),
            ("REDISS://:secret@host", "TLS"),
            ("redis://:secret@host:port", "cannot be read"),
            ("redis://:secret@host/database", "cannot be read"),
            ("redis://", "cannot be read"),
        ] {
            let status = read(url).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{url}");
            assert_eq!(reason(&status).as_deref(), Some("SETTING_INVALID"), "{url}");
            assert!(status.message().contains("`url`") && status.message().contains(part), "{status}");
            assert!(!status.message().contains("secret"), "{status}");
        }
    }
}

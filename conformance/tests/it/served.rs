//! Servers that the tool runs as a process.

use crate::tool::Tool;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

/// A driver or a proxy, served as a process; ended when dropped.
pub(crate) struct Served {
    child: Child,
    address: String,
    uri: String,
}

impl Served {
    /// Runs the tool with arguments that make it a server, and waits until it says where it listens.
    pub(crate) fn start(tool: &Tool, arguments: &[&str]) -> Self {
        let mut child = tool
            .command(arguments)
            .env("PRISM_PROXY_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tool runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        // `memstore serves on http://ADDRESS`, `listen=ADDRESS admin=ADDRESS`.
        let place = line.split_whitespace().find_map(|word| {
            word.strip_prefix("http://").or_else(|| word.strip_prefix("listen=")).map(str::to_owned)
        });
        let address = place.unwrap_or_else(|| panic!("no address in `{line}`"));
        Self { child, uri: format!("http://{address}"), address }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Kills it, as an accident would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

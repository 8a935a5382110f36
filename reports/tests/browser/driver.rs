//! As much of the WebDriver protocol as a page needs that is opened, read, clicked and typed into.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A browser without a window, which ends with this value.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    runtime: tokio::runtime::Runtime,
}

/// A program on PATH.
fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

impl Browser {
    /// The browser, or why there is none.
    pub(crate) fn start() -> Result<Self, String> {
        let driver = on_path(&["chromedriver"]).ok_or("chromedriver is not on PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let browser = on_path(&names).ok_or("neither Chromium nor Chrome is on PATH")?;
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("chromedriver does not start: {error}"))?;
        let lines = BufReader::new(driver.stdout.take().expect("its output is piped"));
        let port = lines.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let Some(port) = port else {
            let _ = driver.kill();
            return Err("chromedriver does not say where it listens".to_owned());
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut started = Self { driver, port, session: String::new(), runtime };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let options = json!({ "binary": browser, "args": arguments });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" } });
        let made = started.call("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }))?;
        let session = made["sessionId"].as_str().ok_or("a session without an id")?;
        session.clone_into(&mut started.session);
        Ok(started)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let text = |error: &dyn std::fmt::Display| format!("{method} {path}: {error}");
        self.runtime.block_on(async {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(|error| text(&error))?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| text(&error))?;
            tokio::spawn(connection);
            let body = if method == "GET" || method == "DELETE" { String::new() } else { body.to_string() };
            let request = hyper::Request::builder()
                .method(method)
                .uri(path)
                .header("host", format!("127.0.0.1:{}", self.port))
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(body)))
                .map_err(|error| text(&error))?;
            let response = sender.send_request(request).await.map_err(|error| text(&error))?;
            let status = response.status();
            let bytes = response.into_body().collect().await.map_err(|error| text(&error))?.to_bytes();
            let answer: Value = serde_json::from_slice(&bytes).map_err(|error| text(&error))?;
            if status.is_success() {
                Ok(answer["value"].clone())
            } else {
                Err(text(&answer["value"]["message"]))
            }
        })
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.call(method, &path, body).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        self.command("POST", "/window/rect", &json!({ "width": width, "height": height }));
    }

    /// What the body of a function gives back.
    pub(crate) fn script(&self, body: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Types keys, one after the other, wherever the focus is.
    pub(crate) fn keys(&self, keys: &str) {
        let presses = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }))
        });
        let presses: Vec<Value> = presses.collect();
        let source = json!({ "type": "key", "id": "keyboard", "actions": presses });
        self.command("POST", "/actions", &json!({ "actions": [source] }));
    }

    /// Clicks the first element of a selector, as a mouse would.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.command("POST", "/element", &json!({ "using": "css selector", "value": selector }));
        let element = found.as_object().and_then(|found| found.values().next()).expect("an element");
        let path = format!("/element/{}/click", element.as_str().expect("an id"));
        self.command("POST", &path, &json!({}));
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) {
        self.command("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// What the browser complained about since it was last asked.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        log.as_array().into_iter().flatten().map(|entry| entry["message"].to_string()).collect()
    }

    pub(crate) fn screenshot(&self) -> Vec<u8> {
        binary(&self.command("GET", "/screenshot", &Value::Null))
    }

    /// The page as it would be printed, as PDF.
    pub(crate) fn print(&self) -> Vec<u8> {
        binary(&self.command("POST", "/print", &json!({ "background": true })))
    }
}

fn binary(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("text in Base64");
    base64::engine::general_purpose::STANDARD.decode(text).expect("Base64")
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.call("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

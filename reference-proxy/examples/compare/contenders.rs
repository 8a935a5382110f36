//! The ways to the upstream: nothing in between, our proxy, nginx, HAProxy.

use rustix::process::Pid;
use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{net::TcpStream, time::Instant};

/// What clock ticks of `/proc` are in a second, on every Linux there is.
const TICKS: u64 = 100;

/// One way to the upstream; its processes are ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    process: Option<Child>,
}

impl Contender {
    /// What its processes have used so far; `None` where there are none.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let ticks: u64 = self.processes()?.iter().filter_map(|id| cpu_ticks(*id)).sum();
        Some(Duration::from_millis(ticks * 1000 / TICKS))
    }

    /// The memory that its processes hold, in KiB; what they share counts for each.
    pub(crate) fn rss_kib(&self) -> Option<u64> {
        Some(self.processes()?.iter().filter_map(|id| rss_kib(*id)).sum())
    }

    /// It and its children.
    fn processes(&self) -> Option<Vec<u32>> {
        let leader = self.process.as_ref()?.id();
        let children =
            fs::read_to_string(format!("/proc/{leader}/task/{leader}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        Some(std::iter::once(leader).chain(children).collect())
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let Some(process) = &mut self.process else { return };
        // nginx ends its workers only where it is asked to.
        if let Some(id) = Pid::from_raw(process.id() as i32) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = process.wait();
    }
}

fn cpu_ticks(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name is in brackets and may hold spaces; utime and stime are the 12th and 13th fields after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn rss_kib(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// A name, the program, its configuration for an address, an upstream and a folder, and what stands before the file
/// with that.
type Program = (&'static str, PathBuf, fn(SocketAddr, SocketAddr, &Path) -> String, &'static [&'static str]);

/// Starts all of them, and says which could not be found.
pub(crate) async fn start(
    folder: &Path,
    upstream: SocketAddr,
    proxy: Option<PathBuf>,
) -> io::Result<(Vec<Contender>, Vec<String>)> {
    let mut contenders = vec![Contender { name: "direct", address: upstream, process: None }];
    let mut missing = Vec::new();
    let proxy = match proxy {
        Some(proxy) => proxy,
        // target/release/examples/compare, target/release/prism-proxy.
        None => {
            std::env::current_exe()?.parent().and_then(Path::parent).unwrap_or(folder).join("prism-proxy")
        }
    };
    let programs: [Program; 3] = [
        ("prism-proxy", proxy, prism, &["--log", "warn", "--config"]),
        ("nginx", "nginx".into(), nginx, &["-e", "stderr", "-c"]),
        ("haproxy", "haproxy".into(), haproxy, &["-f"]),
    ];
    for (name, program, configuration, arguments) in programs {
        let address = free_address()?;
        let file = folder.join(format!("{name}.conf"));
        fs::write(&file, configuration(address, upstream, folder))?;
        let child = Command::new(&program)
            .args(arguments)
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        match child {
            Ok(child) => {
                contenders.push(Contender { name, address, process: Some(child) });
                reachable(address).await?;
            }
            Err(error) => missing.push(format!("{name}: {} cannot be started: {error}", program.display())),
        }
    }
    Ok((contenders, missing))
}

/// An address that was free a moment ago; this is no test, so that a collision is only a nuisance.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

async fn reachable(address: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(error) = TcpStream::connect(address).await {
        if Instant::now() > deadline {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn prism(address: SocketAddr, upstream: SocketAddr, _: &Path) -> String {
    format!(
        "listen: {address}\nadmin: 127.0.0.1:0\nupstreams: {{ bench: {{ endpoint: \"http://{upstream}\" }} }}\n\
         namespaces: [{{ prefix: \"*\", upstream: bench }}]\n"
    )
}

fn nginx(address: SocketAddr, upstream: SocketAddr, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nworker_processes 2;\npid {folder}/nginx.pid;\nerror_log stderr;\n\n\
         events {{ worker_connections 9500; }}\n\
         http {{\n\
         \x20 access_log off;\n\
         \x20 client_body_temp_path {folder};\n  proxy_temp_path {folder};\n  fastcgi_temp_path {folder};\n\
         \x20 uwsgi_temp_path {folder};\n  scgi_temp_path {folder};\n\
         \x20 upstream bench {{ server {upstream}; keepalive 256; keepalive_requests 100000000; }}\n\
         \x20 server {{\n\
         \x20   listen {address} http2 backlog=4096;\n\
         \x20   http2_max_concurrent_streams 1000;\n\
         \x20   keepalive_requests 100000000;\n\
         \x20   location / {{ grpc_pass grpc://bench; grpc_read_timeout 1h; grpc_send_timeout 1h; }}\n\
         \x20 }}\n\
         }}\n"
    )
}

fn haproxy(address: SocketAddr, upstream: SocketAddr, _: &Path) -> String {
    format!(
        "global\n  maxconn 9500\n  nbthread 2\n  tune.h2.max-concurrent-streams 1000\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n\
         frontend front\n  bind {address} proto h2\n  default_backend bench\n\
         backend bench\n  server upstream {upstream} proto h2\n"
    )
}

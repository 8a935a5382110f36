use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use prism_interfaces::traits::Declaration;
use tokio::time::timeout;

use super::*;
use crate::registry::{Container, External, Origin, Process, Remote};

/// Where the tiny server listens when this test binary is started as one.
const TINY_SERVER: &str = "PRISM_TINY_SERVER";
const GREETING: &[u8] = b"hello";

fn serve(listener: &TcpListener) {
    for connection in listener.incoming() {
        // A client that only looks whether the port is open may be gone already.
        drop(connection.and_then(|mut connection| connection.write_all(GREETING)));
    }
}

fn greeting(address: &str) -> Vec<u8> {
    let mut got = Vec::new();
    TcpStream::connect(address).unwrap().read_to_end(&mut got).unwrap();
    got
}

/// The server of the tests below: this test binary again, told by a variable where to listen.
#[test]
fn a_tiny_server_greets() {
    if let Ok(address) = std::env::var(TINY_SERVER) {
        serve(&TcpListener::bind(address).unwrap());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || serve(&listener));
    assert_eq!(greeting(&address), GREETING);
}

fn tiny_server() -> Process {
    let program = std::env::current_exe().unwrap().display().to_string();
    let arguments = ["--exact", "provision::tests::a_tiny_server_greets", "--nocapture"];
    Process {
        command: std::iter::once(program).chain(arguments.map(str::to_owned)).collect(),
        env: BTreeMap::from([(TINY_SERVER.to_owned(), "{address}".to_owned())]),
    }
}

fn shell(script: &str) -> Process {
    Process {
        command: ["sh", "-c", script, "sh", "{port}"].map(str::to_owned).to_vec(),
        env: BTreeMap::new(),
    }
}

fn backend(setup: Setup) -> Backend {
    Backend {
        name: "tiny".to_owned(),
        description: String::new(),
        driver: DriverSpec::Builtin("tiny".to_owned()),
        concurrency: 1,
        setups: vec![setup],
        declaration: Declaration::default(),
        origin: Origin { path: "backend.yaml".to_owned(), line: 1, folder: None },
    }
}

fn setup() -> Setup {
    Setup { name: "tiny-1".to_owned(), default: true, ..Setup::default() }
}

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn context() -> Context {
    // Unique for each test, because leftovers are found by it.
    Context::new(&format!("test-{:016x}", rand::random::<u64>()))
}

async fn get(setup: Setup, mode: Mode, context: &Context) -> Result<Server, NotProvisioned> {
    let backend = backend(setup);
    provision(&backend, &backend.setups[0], mode, context).await
}

async fn eventually(condition: impl AsyncFn() -> bool) {
    let looks = async {
        let mut pause = tokio::time::interval(Duration::from_millis(5));
        while !condition().await {
            pause.tick().await;
        }
    };
    timeout(Duration::from_secs(10), looks).await.unwrap();
}

fn failure(result: Result<Server, NotProvisioned>) -> String {
    match result {
        Err(NotProvisioned::Failed { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn not_measured(result: Result<Server, NotProvisioned>) -> (String, String) {
    match result {
        Err(NotProvisioned::NotMeasured { reason, remedy }) => (reason, remedy),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_embedded_set_up_has_its_settings_and_a_folder_if_it_asks_for_one() {
    let plain = Setup { embedded: Some(settings(&[("clock", "virtual")])), ..setup() };
    let server = get(plain, Mode::Only(Way::Container), &context()).await.unwrap();
    assert_eq!((server.kind, &server.address, server.workdir()), (ProvisionKind::Embedded, &None, None));
    assert_eq!(server.settings, settings(&[("clock", "virtual")]));
    assert!(server.alive().await);

    let file = Setup { embedded: Some(settings(&[("path", "{workdir}/store")])), ..setup() };
    let server = get(file, Mode::Any, &context()).await.unwrap();
    let folder = server.workdir().unwrap().to_owned();
    assert_eq!(server.settings["path"], format!("{}/store", folder.display()));
    fs::write(&server.settings["path"], "x").unwrap();
    server.stop().await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test]
async fn the_settings_of_an_endpoint_come_with_those_of_the_set_up() {
    let driver = DriverSpec::Endpoint(Remote {
        uri: "http://127.0.0.1:1".to_owned(),
        settings: settings(&[("a", "driver"), ("b", "driver")]),
        ..Remote::default()
    });
    let setup = Setup { settings: settings(&[("b", "set-up")]), ..setup() };
    let backend = Backend { driver, ..backend(setup) };
    let server = provision(&backend, &backend.setups[0], Mode::Any, &context()).await.unwrap();
    assert_eq!(server.settings, settings(&[("a", "driver"), ("b", "set-up")]));
}

#[tokio::test]
async fn a_process_is_started_and_ends_with_its_folder() {
    let setup = Setup {
        process: Some(tiny_server()),
        settings: settings(&[
            ("url", "tiny://{address}"),
            ("file", "{workdir}/f"),
            ("port", "{host} {port}"),
        ]),
        ..setup()
    };
    let server = get(setup, Mode::Any, &context()).await.unwrap();
    assert_eq!(server.kind, ProvisionKind::Process);
    let address = server.address.clone().unwrap();
    assert_eq!(greeting(&address), GREETING);
    let folder = server.workdir().unwrap().to_owned();
    assert_eq!(server.settings["url"], format!("tiny://{address}"));
    assert_eq!(server.settings["port"], address.replace(':', " "));
    assert_eq!(server.settings["file"], format!("{}/f", folder.display()));
    assert!(server.alive().await);
    // The server writes this when it starts, but this test may look sooner than it has read it.
    eventually(async || server.logs().await.contains(&"running 1 test".to_owned())).await;

    server.stop().await.unwrap();
    assert!(!folder.exists());
    assert!(TcpStream::connect(&address).is_err(), "the server is gone");
}

#[tokio::test]
async fn a_server_that_dies_later_says_how() {
    let server = get(Setup { process: Some(tiny_server()), ..setup() }, Mode::Any, &context()).await.unwrap();
    let server::Running::Process(process) = &server.running else { panic!("{server:?}") };
    process.kill();
    process.ended().await;
    assert!(!server.alive().await);
    assert_eq!(server.exit_status().await.unwrap(), "was killed by signal 9");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_dropped_is_killed_with_its_children() {
    let mut process = tiny_server();
    // The shell stays and the server is its child.
    process.command.splice(0..0, ["sh", "-c", "\"$@\"; true", "sh"].map(str::to_owned));
    let server = get(Setup { process: Some(process), ..setup() }, Mode::Any, &context()).await.unwrap();
    let server::Running::Process(process) = &server.running else { panic!("{server:?}") };
    let ended = process.ended();
    let address = server.address.clone().unwrap();
    drop(server);
    assert_eq!(timeout(Duration::from_secs(10), ended).await.unwrap(), "was killed by signal 9");
    assert!(TcpStream::connect(&address).is_err(), "the child is gone too");
}

#[tokio::test]
async fn a_server_that_does_not_end_when_asked_is_killed() {
    let mut process = tiny_server();
    // A signal that is ignored stays ignored in the program that takes the shell's place.
    process.command.splice(0..0, ["sh", "-c", "trap '' TERM; exec \"$@\"", "sh"].map(str::to_owned));
    let server = get(Setup { process: Some(process), ..setup() }, Mode::Any, &context()).await.unwrap();
    let server::Running::Process(process) = &server.running else { panic!("{server:?}") };
    let ended = process.ended();
    server.stop().await.unwrap();
    assert_eq!(ended.await, "was killed by signal 9");
}

#[tokio::test]
async fn a_process_that_ends_early_fails_with_its_last_words() {
    let process = shell("echo 'no such option' >&2; exit 3");
    let reason = failure(get(Setup { process: Some(process), ..setup() }, Mode::Any, &context()).await);
    assert_eq!(reason, "tiny-1: sh exited with code 3 before it accepted connections\n  | no such option");
}

#[tokio::test]
async fn a_process_that_never_listens_fails_in_time() {
    let process = shell("echo waiting; exec sleep 1000");
    let context = context().with_ready_within(Duration::from_millis(300));
    let reason = failure(get(Setup { process: Some(process), ..setup() }, Mode::Any, &context).await);
    assert!(reason.starts_with("tiny-1: sh did not accept connections within 300ms ("), "{reason}");
    assert!(reason.ends_with("\n  | waiting"), "{reason}");
}

#[tokio::test]
async fn a_process_can_listen_on_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("server");
    // What a test can count on everywhere is `sh`, which cannot listen; the listener is this process.
    fs::write(&script, "#!/bin/sh\nln -s \"$1\" \"$2\"; exec sleep 1000\n").unwrap();
    let mut permissions = fs::metadata(&script).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&script, permissions).unwrap();
    let socket = folder.path().join("real.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let process = Process {
        command: vec!["./server".to_owned(), socket.display().to_string(), "{socket}".to_owned()],
        env: BTreeMap::new(),
    };
    let setup = Setup { process: Some(process), settings: settings(&[("path", "{socket}")]), ..setup() };
    let origin = Origin { path: String::new(), line: 1, folder: Some(folder.path().to_owned()) };
    let backend = Backend { origin, ..backend(setup) };
    let server = provision(&backend, &backend.setups[0], Mode::Any, &context()).await.unwrap();
    assert_eq!(server.address, None);
    assert_eq!(fs::read_link(&server.settings["path"]).unwrap(), socket);
    listener.accept().unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_not_available_is_not_measured_and_the_remedy_is_told() {
    let setup = Setup {
        external: Some(External { env: "PRISM_TINY_URL".to_owned() }),
        container: Some(Container {
            image: "tiny:1".to_owned(),
            port: 1,
            command: Vec::new(),
            env: BTreeMap::new(),
        }),
        process: Some(Process {
            command: vec!["tiny-server".to_owned(), "{port}".to_owned()],
            env: BTreeMap::new(),
        }),
        ..setup()
    };
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix://{}/docker.sock", folder.path().display());
    let path = folder.path().display().to_string();
    // A file of that name that cannot be executed is not the program.
    fs::write(folder.path().join("tiny-server"), "").unwrap();
    let (host, variable) = (socket.clone(), "PRISM_TINY_URL");
    let context = context().with_environment(move |name| match name {
        "DOCKER_HOST" => Some(host.clone()),
        "PATH" => Some(path.clone()),
        name if name == variable => Some(String::new()),
        _ => None,
    });
    let (reason, remedy) = not_measured(get(setup.clone(), Mode::Any, &context).await);
    assert_eq!(
        reason,
        format!(
            "external: PRISM_TINY_URL is not set; container: no container engine answers at {socket} \
             (No such file or directory (os error 2)); process: tiny-server is not on PATH"
        )
    );
    assert_eq!(
        remedy,
        "set PRISM_TINY_URL to where a server runs, or start Docker, or set DOCKER_HOST to where it answers, \
         or install tiny-server"
    );
    let (reason, _) = not_measured(get(setup.clone(), Mode::Only(Way::Process), &context).await);
    assert_eq!(reason, "process: tiny-server is not on PATH");
    let (reason, remedy) =
        not_measured(get(Setup { process: None, ..setup }, Mode::Only(Way::Process), &context).await);
    assert_eq!(reason, "process: set-up `tiny-1` has none");
    assert_eq!(remedy, "allow another way than `process`");
}

#[tokio::test]
async fn an_external_server_is_taken_first_and_its_url_stands_for_the_setting() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || serve(&listener));
    let setup = Setup {
        external: Some(External { env: "PRISM_TINY_URL".to_owned() }),
        process: Some(shell("exit 1")),
        settings: settings(&[("url", "tiny://{address}"), ("host", "{host}"), ("mode", "x")]),
        ..setup()
    };
    for (value, url) in [
        (address.clone(), format!("tiny://{address}")),
        (format!("tinys://me:secret@{address}/2"), format!("tinys://me:secret@{address}/2")),
    ] {
        let context = context().with_environment(move |_| Some(value.clone()));
        let server = get(setup.clone(), Mode::Any, &context).await.unwrap();
        assert_eq!(server.kind, ProvisionKind::External);
        assert_eq!(server.address.as_ref(), Some(&address));
        assert_eq!(server.settings, settings(&[("url", url.as_str()), ("host", "127.0.0.1"), ("mode", "x")]));
        assert_eq!(server.description, format!("PRISM_TINY_URL at {address}"));
        assert!(!format!("{server:?}").contains("secret"));
        assert!(server.alive().await);
        server.stop().await.unwrap();
    }
    assert_eq!(greeting(&address), GREETING, "what was not started here is not ended here");
}

#[tokio::test]
async fn an_external_server_that_is_not_there_is_a_failure_that_keeps_its_secret() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let setup = Setup { external: Some(External { env: "PRISM_TINY_URL".to_owned() }), ..setup() };
    for (value, expected) in [
        (
            format!("tiny://me:secret@127.0.0.1:{port}"),
            format!("PRISM_TINY_URL points at 127.0.0.1:{port}, which"),
        ),
        ("tiny://me:secret@host".to_owned(), "PRISM_TINY_URL is set to something that is neither".to_owned()),
    ] {
        let context = context()
            .with_ready_within(Duration::from_millis(200))
            .with_environment(move |_| Some(value.clone()));
        let reason = failure(get(setup.clone(), Mode::Any, &context).await);
        assert!(reason.starts_with(&format!("tiny-1: {expected}")) && !reason.contains("secret"), "{reason}");
    }
}

fn redis(command: &[&str]) -> Setup {
    let container = Container {
        image: "redis:7.0".to_owned(),
        port: 6379,
        command: command.iter().map(|&argument| argument.to_owned()).collect(),
        env: BTreeMap::new(),
    };
    Setup { container: Some(container), settings: settings(&[("url", "redis://{address}")]), ..setup() }
}

#[tokio::test]
async fn an_engine_that_is_dead_is_told_within_seconds() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let rude = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let rude_address = rude.local_addr().unwrap();
    thread::spawn(move || serve(&rude));
    for (host, expected) in [
        (format!("tcp://{}", silent.local_addr().unwrap()), "did not answer within 3 s"),
        (format!("tcp://{rude_address}"), "no container engine answers at"),
        ("https://127.0.0.1:1".to_owned(), "TLS is not"),
    ] {
        let context = context().with_environment(move |name| (name == "DOCKER_HOST").then(|| host.clone()));
        let (reason, _) = not_measured(
            timeout(Duration::from_secs(10), get(redis(&[]), Mode::Any, &context)).await.unwrap(),
        );
        assert!(reason.starts_with("container: ") && reason.contains(expected), "{reason}");
    }
}

/// Whether containers can be started here; if not, that provisioning says so is what is tested.
async fn has_engine(context: &Context) -> bool {
    match context.engine().await {
        Ok(_) => true,
        Err(why) => {
            let (reason, remedy) = not_measured(get(redis(&[]), Mode::Any, context).await);
            assert_eq!(reason, format!("container: {why}"));
            assert!(remedy.starts_with("start Docker"), "{remedy}");
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_started_on_loopback_and_removed() {
    let context = context();
    if !has_engine(&context).await {
        return;
    }
    let server = get(redis(&[]), Mode::Any, &context).await.unwrap();
    assert_eq!(server.kind, ProvisionKind::Container);
    assert!(server.description.starts_with("redis:7.0"), "{}", server.description);
    let address = server.address.clone().unwrap();
    assert_eq!(server.settings["url"], format!("redis://{address}"));
    let mut client = TcpStream::connect(&address).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    assert!(server.alive().await);
    let logs = server.logs().await;
    assert!(logs.iter().any(|line| line.contains("Ready to accept connections")), "{logs:?}");
    server.stop().await.unwrap();
    assert_eq!(remove_leftovers(&context).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_was_removed_is_dead_and_stops_without_complaint() {
    let context = context();
    if !has_engine(&context).await {
        return;
    }
    let server = get(redis(&[]), Mode::Any, &context).await.unwrap();
    assert_eq!(remove_leftovers(&context).await.len(), 1);
    assert!(!server.alive().await);
    assert_eq!(server.exit_status().await.unwrap(), "was removed");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_container_that_is_dropped_is_removed() {
    let context = context();
    if !has_engine(&context).await {
        return;
    }
    let server = get(redis(&[]), Mode::Any, &context).await.unwrap();
    let address = server.address.clone().unwrap();
    drop(server);
    assert!(TcpStream::connect(&address).is_err());
    assert_eq!(remove_leftovers(&context).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_container_whose_start_was_cancelled_leaves_nothing() {
    let context = context();
    if !has_engine(&context).await {
        return;
    }
    // Wherever in the start the cancellation falls, from before the first request to behind the last.
    for millis in [0, 5, 20, 50, 100, 200, 400, 5000] {
        drop(timeout(Duration::from_millis(millis), get(redis(&[]), Mode::Any, &context)).await);
        remove_leftovers(&context).await;
        assert_eq!(remove_leftovers(&context).await, Vec::<String>::new(), "cancelled after {millis} ms");
    }
}

#[tokio::test]
async fn a_container_that_ends_early_fails_with_its_last_words_and_is_removed() {
    let context = context();
    if !has_engine(&context).await {
        return;
    }
    let setup = redis(&["sh", "-c", "echo out of luck; exit 4"]);
    let reason = failure(get(setup, Mode::Any, &context).await);
    assert!(reason.starts_with("tiny-1: the container of redis:7.0 exited with code 4"), "{reason}");
    assert!(reason.ends_with("\n  | out of luck"), "{reason}");
    assert_eq!(remove_leftovers(&context).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_cannot_be_started_is_removed() {
    let context = context();
    if !has_engine(&context).await {
        return;
    }
    let reason = failure(get(redis(&["no-such-program"]), Mode::Any, &context).await);
    assert!(reason.starts_with("tiny-1: "), "{reason}");
    assert_eq!(remove_leftovers(&context).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_never_listens_fails_in_time_and_is_removed() {
    let context = context().with_ready_within(Duration::from_secs(1));
    if !has_engine(&context).await {
        return;
    }
    let reason = failure(get(redis(&["sh", "-c", "sleep 1000"]), Mode::Any, &context).await);
    assert!(reason.contains("did not accept connections at port 6379 within 1s ("), "{reason}");
    assert_eq!(remove_leftovers(&context).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_not_measured() {
    let context = context();
    if !has_engine(&context).await {
        return;
    }
    let mut setup = redis(&[]);
    // Nothing listens there, so no engine can pull from it.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let image = format!("127.0.0.1:{port}/none:1");
    setup.container.as_mut().unwrap().image.clone_from(&image);
    let (reason, remedy) = not_measured(get(setup, Mode::Any, &context).await);
    assert!(reason.starts_with(&format!("container: {image} cannot be pulled (")), "{reason}");
    assert_eq!(remedy, format!("make `docker pull {image}` work"));
}

#[test]
fn ways_are_written_as_they_are_read() {
    for way in Mode::Any.ways() {
        assert_eq!(way.to_string().parse(), Ok(*way));
    }
    assert!("docker".parse::<Way>().is_err());
}

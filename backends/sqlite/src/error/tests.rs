//! The map of errors, with the errors that SQLite really gives.

use super::*;
use prism_interfaces::fault::{WriteOutcome, reason, write_outcome};
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use std::{fs, path::Path};
use tonic_types::StatusExt;

async fn open(file: &Path) -> SqliteConnection {
    let options = options(file).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).busy_timeout(Duration::ZERO)
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}

/// Brings about one error of each kind.
async fn provoke(folder: &Path) -> Vec<(&'static str, sqlx::Error)> {
    let file = folder.join("a.sqlite");
    let mut first = open(&file).await;
    run(&mut first, "PRAGMA page_size = 1024; CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES ('secret')")
        .await
        .unwrap();

    let mut errors = Vec::new();
    let mut second = open(&file).await;
    run(&mut second, "BEGIN IMMEDIATE").await.unwrap();
    errors.push(("busy", run(&mut first, "BEGIN IMMEDIATE").await.unwrap_err()));
    run(&mut second, "ROLLBACK").await.unwrap();

    run(&mut second, "PRAGMA max_page_count = 1").await.unwrap();
    let fill = "INSERT INTO t SELECT randomblob(5000)";
    errors.push(("full", run(&mut second, fill).await.unwrap_err()));

    errors.push(("unique", run(&mut first, "INSERT INTO t VALUES ('secret')").await.unwrap_err()));
    errors.push(("syntax", run(&mut first, "SELEKT 'secret'").await.unwrap_err()));

    let mut reader = SqliteConnection::connect_with(&options(&file).read_only(true)).await.unwrap();
    errors.push(("readonly", run(&mut reader, "DELETE FROM t").await.unwrap_err()));

    let missing = options(&folder.join("secret/a.sqlite"));
    errors.push(("cantopen", SqliteConnection::connect_with(&missing).await.unwrap_err()));

    let garbage = folder.join("garbage");
    fs::write(&garbage, [7; 4096]).unwrap();
    let mut connection = open(&garbage).await;
    errors.push(("notadb", run(&mut connection, "SELECT * FROM t").await.unwrap_err()));

    let damaged = folder.join("damaged.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    bytes[1024..].fill(0xAA);
    fs::write(&damaged, bytes).unwrap();
    let mut connection = open(&damaged).await;
    errors.push(("corrupt", run(&mut connection, "SELECT * FROM t").await.unwrap_err()));

    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options(&file)).await.unwrap();
    let taken = pool.acquire().await.unwrap();
    // Nothing else goes on, so a clock that is paused jumps to the timeout.
    tokio::time::pause();
    errors.push(("pool timed out", pool.acquire().await.unwrap_err()));
    tokio::time::resume();
    drop(taken);
    pool.close().await;
    errors.push(("pool closed", pool.acquire().await.unwrap_err()));

    let number: Result<i64, _> = sqlx::query_scalar("SELECT x FROM t").fetch_one(&mut first).await;
    errors.push(("decode", number.unwrap_err()));
    errors.push(("worker", sqlx::Error::WorkerCrashed));
    errors.push(("io", sqlx::Error::Io(std::io::Error::other("secret"))));
    errors
}

#[tokio::test]
async fn every_error_has_its_status() {
    use Reason::{BackendDenied, BackendExhausted, BackendFailed, BackendUnavailable};
    use WriteOutcome::{NotApplied, Unknown};
    let table = [
        ("busy", Code::Unavailable, BackendUnavailable, NotApplied),
        ("full", Code::ResourceExhausted, BackendExhausted, NotApplied),
        ("unique", Code::Internal, BackendFailed, NotApplied),
        ("syntax", Code::Internal, BackendFailed, NotApplied),
        ("readonly", Code::FailedPrecondition, BackendDenied, NotApplied),
        ("cantopen", Code::Unavailable, BackendUnavailable, NotApplied),
        ("notadb", Code::DataLoss, BackendFailed, NotApplied),
        ("corrupt", Code::DataLoss, BackendFailed, Unknown),
        ("pool timed out", Code::Unavailable, BackendUnavailable, NotApplied),
        ("pool closed", Code::Unavailable, BackendUnavailable, NotApplied),
        ("decode", Code::Internal, BackendFailed, Unknown),
        ("worker", Code::Unavailable, BackendUnavailable, Unknown),
        ("io", Code::Unavailable, BackendUnavailable, Unknown),
    ];
    let folder = tempfile::tempdir().unwrap();
    let errors = provoke(folder.path()).await;
    assert_eq!(errors.len(), table.len());
    for ((name, error), (expected, code, why, outcome)) in errors.into_iter().zip(table) {
        assert_eq!(name, expected);
        assert_eq!(is_busy(&error), name == "busy", "{name}");
        let failure = Failure::from(error);
        assert_eq!(failure.is_not_applied(), outcome == NotApplied, "{name}");
        let status = Status::from(failure);
        assert_eq!(status.code(), code, "{name}: {status}");
        assert_eq!(reason(&status).as_deref(), Some(why.as_str_name()), "{name}");
        assert_eq!(write_outcome(&status), Some(outcome), "{name}");
        assert_eq!(status.get_details_retry_info().is_some(), code == Code::Unavailable, "{name}");
        assert!(!status.message().contains("secret"), "{name}: {status}");
    }
}

#[test]
fn what_the_driver_refuses_is_passed_on() {
    let failure = Failure::from(Fault::aborted(Reason::TransactionConflict, "lost"));
    assert!(failure.is_not_applied());
    let status = Status::from(failure);
    assert_eq!((status.code(), status.message()), (Code::Aborted, "lost"));
}

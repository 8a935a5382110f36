//! The connections and the table.

use crate::error::Failure;
use prism_interfaces::Namespace;
use sqlx::{
    ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool, Transaction,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, time::Duration};
use tokio::time::Instant;

/// How many calls can read at once.
const READERS: u32 = 4;

/// How long a writer waits for one of another instance, and a call for a connection of its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rows that a connection reads ahead of who asked for them; each can hold a value of the largest size.
const ROWS_AHEAD: usize = 8;

/// The table and its indices.
///
/// - `version` is the rowid. AUTOINCREMENT never gives out a number twice, and REPLACE, by which everything is
///   written, takes a new one: a value that was written again is told from the one before, even if they are equal.
///   The counter is in the file and so is the same for every instance.
/// - It is a rowid table because values are large: in a WITHOUT ROWID table the start of each would be in the nodes of
///   the tree that is searched for keys, of which fewer would fit into a page.
/// - `value` is last, so that reading the other columns does not follow its overflow pages.
const SCHEMA: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS prism_keyvalue (
        version INTEGER PRIMARY KEY AUTOINCREMENT,
        namespace TEXT NOT NULL,
        key BLOB NOT NULL,
        expires_at_ms INTEGER,
        value BLOB NOT NULL
    )",
    "CREATE UNIQUE INDEX IF NOT EXISTS prism_keyvalue_keys ON prism_keyvalue (namespace, key)",
    "CREATE INDEX IF NOT EXISTS prism_keyvalue_expiries ON prism_keyvalue (namespace, expires_at_ms)
        WHERE expires_at_ms IS NOT NULL",
];

/// Stores a value: namespace, key, instant of expiry or NULL, value.
pub(crate) const REPLACE: &str =
    "REPLACE INTO prism_keyvalue (namespace, key, expires_at_ms, value) VALUES (?1, ?2, ?3, ?4)";

/// Connections to one file: several that read, and one that writes, because SQLite has one writer at a time and a queue
/// in front of it is cheaper and fairer than its retries. Writers of other instances are waited for by retries.
///
/// A future that is dropped leaves nothing behind: a statement that has been sent to a connection's thread runs to its end
/// before the next one does, and a [`Transaction`] that is dropped is rolled back before the connection is used again,
/// whether or not BEGIN or COMMIT had been answered.
#[derive(Debug)]
pub(crate) struct Client {
    readers: SqlitePool,
    writer: SqlitePool,
    version: String,
}

impl Client {
    /// Opens the file; creates it and the table where they are missing.
    pub(crate) async fn open(file: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            // Readers and the writer do not wait for each other.
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged survives a crash of the process; fsync is called at checkpoints only.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(PATIENCE)
            // A large batch leaves a large log behind, which is cut down to this at the next checkpoint.
            .pragma("journal_size_limit", "16777216")
            .row_buffer_size(ROWS_AHEAD)
            .disable_statement_logging();
        let version = prepare(&options).await?;
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_with(options.clone())
        };
        Ok(Self { writer: pool(1).await?, readers: pool(READERS).await?, version })
    }

    /// The version of SQLite.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// A connection for a statement that only reads, which sees everything that was committed before.
    pub(crate) async fn reader(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.readers.acquire().await
    }

    /// The connection for a single statement that writes. No other call of this instance writes while it is held.
    pub(crate) async fn writer(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.writer.acquire().await
    }

    /// A transaction that writes. Nobody else writes to the file until it ends.
    pub(crate) async fn transaction(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Whether the file can be read.
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let mut reader = self.reader().await?;
        sqlx::query("SELECT 1 FROM prism_keyvalue LIMIT 1").fetch_optional(&mut *reader).await?;
        Ok(())
    }

    /// Removes every key of a namespace.
    pub(crate) async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Failure> {
        let mut writer = self.writer().await?;
        sqlx::query("DELETE FROM prism_keyvalue WHERE namespace = ?1")
            .bind(namespace.as_str())
            .execute(&mut *writer)
            .await?;
        Ok(())
    }

    /// Closes every connection, once calls have given them back; those of a call that does not are closed when it does.
    pub(crate) async fn close(&self) {
        let close = async {
            self.readers.close().await;
            self.writer.close().await;
        };
        // A call that nobody polls any more must not hold up Stop for ever.
        let _ = tokio::time::timeout(PATIENCE, close).await;
    }
}

/// Creates what is missing and returns the version of SQLite.
///
/// Two instances can do this at the same moment. Going over to the write-ahead log needs the file for oneself, for which
/// SQLite does not wait by itself.
async fn prepare(options: &SqliteConnectOptions) -> Result<String, sqlx::Error> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match try_prepare(options).await {
            Err(error) if crate::error::is_busy(&error) && Instant::now() < give_up => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

async fn try_prepare(options: &SqliteConnectOptions) -> Result<String, sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for statement in SCHEMA {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    let version = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(version)
}

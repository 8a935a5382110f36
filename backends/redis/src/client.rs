//! The connections to Redis: one that all ordinary commands share, and others that are made for a purpose.
//!
//! A shared connection that was lost is made anew by the next command. Nothing that writes is ever sent twice: whoever
//! sent it over a connection that was lost is told that the outcome is unknown.

use crate::{
    error::{Effect, Error},
    names::Names,
    scripts::Script,
};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, PushInfo, PushKind,
    RedisError, RedisResult, ServerErrorKind, ToRedisArgs,
    aio::{MultiplexedConnection, PubSub},
};
use std::{
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer may take, the largest value over a slow network included.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections of transactions that have ended are kept for others.
const MAX_IDLE: usize = 16;

/// A way to one Redis.
#[derive(Debug)]
pub(crate) struct Client {
    redis: redis::Client,
    database: i64,
    shared: tokio::sync::Mutex<Shared>,
    idle: Mutex<Vec<Connection>>,
}

/// The shared connection, and when and why there is none.
#[derive(Debug, Default)]
struct Shared {
    connection: Option<Connection>,
    failed: Option<(Instant, RedisError)>,
}

/// A connection that knows whether it was lost.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    inner: MultiplexedConnection,
    alive: Arc<AtomicBool>,
}

impl Client {
    /// Does not connect yet.
    pub(crate) fn new(info: ConnectionInfo) -> Result<Self, Error> {
        let database = info.redis_settings().db();
        let redis = redis::Client::open(info).map_err(Error::Connect)?;
        Ok(Self { redis, database, shared: tokio::sync::Mutex::default(), idle: Mutex::default() })
    }

    /// The number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.database
    }

    /// The shared connection, made anew where it was lost. Those who wait for an attempt share its failure, so that a
    /// queue in front of a dead server does not wait for one attempt after the other.
    async fn shared(&self) -> Result<Connection, Error> {
        let asked = Instant::now();
        let mut shared = self.shared.lock().await;
        if let Some(connection) = shared.connection.as_ref().filter(|connection| connection.is_alive()) {
            return Ok(connection.clone());
        }
        match &shared.failed {
            Some((when, error)) if *when >= asked => return Err(Error::Connect(error.clone())),
            _ => {}
        }
        shared.connection = None;
        match self.connect().await {
            Ok(connection) => Ok(shared.connection.insert(connection).clone()),
            Err(error) => {
                shared.failed = Some((Instant::now(), error.clone()));
                Err(Error::Connect(error))
            }
        }
    }

    async fn connect(&self) -> RedisResult<Connection> {
        let alive = Arc::new(AtomicBool::new(true));
        let on_push = {
            let alive = Arc::clone(&alive);
            move |push: PushInfo| -> Result<(), Infallible> {
                if push.kind == PushKind::Disconnection {
                    alive.store(false, Ordering::Release);
                }
                Ok(())
            }
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_push_sender(on_push);
        let inner = self.redis.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Connection { inner, alive })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that nobody else uses, and that watches nothing.
    pub(crate) async fn dedicated(&self) -> Result<Connection, Error> {
        // In a statement of its own, so that the lock is given back before there is anything to wait for.
        let kept = {
            let mut idle = self.idle();
            idle.retain(Connection::is_alive);
            idle.pop()
        };
        match kept {
            Some(connection) => Ok(connection),
            None => self.connect().await.map_err(Error::Connect),
        }
    }

    /// Keeps a connection for later, which again watches nothing.
    pub(crate) fn give_back(&self, connection: Connection) {
        let mut idle = self.idle();
        if connection.is_alive() && idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    /// A connection for one subscription.
    pub(crate) async fn pubsub(&self) -> Result<PubSub, Error> {
        match timeout(CONNECT_TIMEOUT, self.redis.get_async_pubsub()).await {
            Ok(connected) => connected.map_err(Error::Connect),
            Err(_) => Err(Error::Connect(io::Error::from(io::ErrorKind::TimedOut).into())),
        }
    }

    /// Sends a command that only reads; where the connection is lost, once more over a new one.
    pub(crate) async fn read<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        match self.shared().await?.send(command).await {
            Err(error) if error.is_connection_dropped() => self.shared().await?.send(command).await,
            result => result,
        }
        .map_err(|error| Error::Command(error, Effect::None))
    }

    /// Sends a command that changes something.
    pub(crate) async fn write<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let result = self.shared().await?.send(command).await;
        result.map_err(|error| Error::Command(error, Effect::Possible))
    }

    /// Sends commands as one MULTI that changes something.
    pub(crate) async fn write_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Error> {
        let result = self.shared().await?.send_all(commands).await;
        result.map_err(|error| Error::Command(error, Effect::Possible))
    }

    /// Runs a script; Redis is given its text where it does not have it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        names: &Names,
        keys: &[String],
        arguments: &[impl ToRedisArgs],
    ) -> Result<T, Error> {
        let command = evaluate("EVALSHA", &script.hash, names, keys, arguments);
        let run =
            || async { if script.writes { self.write(&command).await } else { self.read(&command).await } };
        match run().await {
            Err(Error::Command(error, _)) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.read::<()>(redis::cmd("SCRIPT").arg("LOAD").arg(&script.text)).await?;
                run().await
            }
            result => result,
        }
    }

    /// Lets go of the connections that nobody is using.
    pub(crate) async fn close(&self) {
        self.idle().clear();
        *self.shared.lock().await = Shared::default();
    }
}

impl Connection {
    /// Whether it was not lost, as far as is known.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Sends a command.
    pub(crate) async fn send<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        self.note(command.query_async(&mut self.inner.clone()).await)
    }

    /// Sends commands in one go.
    pub(crate) async fn send_all<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        self.note(commands.query_async(&mut self.inner.clone()).await)
    }

    fn note<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        if result.as_ref().is_err_and(Error::lost_connection) {
            self.alive.store(false, Ordering::Release);
        }
        result
    }
}

/// EVAL or EVALSHA with the index and the expiries in front of the keys, as every script wants them.
pub(crate) fn evaluate(
    command: &str,
    script: &str,
    names: &Names,
    keys: &[String],
    arguments: &[impl ToRedisArgs],
) -> Cmd {
    let mut cmd = redis::cmd(command);
    cmd.arg(script).arg(keys.len() + 2).arg(names.index()).arg(names.expiries()).arg(keys);
    for argument in arguments {
        cmd.arg(argument);
    }
    cmd
}

//! When a driver process is ready: when it answers gRPC.

use super::bring_up::explain;
use prism_interfaces::Endpoint;
use prism_suites::{Seam, client::Lifecycle};
use std::{error::Error, future::Future, io::ErrorKind, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long one question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long something that accepts connections may go on answering in another protocol.
const GARBLED_WITHIN: Duration = Duration::from_secs(2);

/// What tonic says of an HTTP answer that is not gRPC.
const NOT_GRPC: &str = "grpc-status header missing";

/// Why a process does not speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Silent {
    /// It ended; the text says how.
    Died(String),
    /// It does not answer, or with something else; the text goes on from the program's name.
    Mute(String),
}

/// What came of one question.
enum Answer {
    /// It speaks.
    Spoken,
    /// Not yet, as far as can be told.
    NotYet(String),
    /// Something answered, but not in gRPC; it might be somebody who is about to leave.
    Garbled(String),
    /// It speaks, and says that it is not what is looked for.
    Never(String),
}

/// Waits until grpc.health.v1 answers, whatever it says, or, where that is UNIMPLEMENTED, `Lifecycle.HealthCheck`.
/// `place` is where it should listen, `died` says how it ended.
pub(super) async fn speaks(
    endpoint: &Endpoint,
    place: &str,
    within: Duration,
    died: impl Future<Output = String>,
) -> Result<(), Silent> {
    let deadline = Instant::now() + within;
    let questions = async {
        let mut pause = FIRST_PAUSE;
        let mut garbled_since = None;
        loop {
            let last = match ask(endpoint).await {
                Answer::Spoken => return Ok(()),
                Answer::Never(why) => return Err(Silent::Mute(why)),
                Answer::NotYet(why) => why,
                Answer::Garbled(why) => {
                    let since = *garbled_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= GARBLED_WITHIN {
                        let sentence =
                            format!("accepts connections at {place} but does not speak gRPC: {why}");
                        return Err(Silent::Mute(sentence));
                    }
                    why
                }
            };
            if Instant::now() + pause >= deadline {
                return Err(Silent::Mute(format!(
                    "did not answer at {place} within {} s ({last})",
                    within.as_secs_f64()
                )));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    tokio::select! {
        // A process that ended does not speak, even if somebody else does on its port.
        biased;
        how = died => Err(Silent::Died(how)),
        result = questions => result,
    }
}

/// Whether somebody answers at all, or at least takes the question: one that hangs is there.
pub(super) async fn is_there(endpoint: &Endpoint) -> bool {
    let mut health = HealthClient::new(endpoint.layer(Seam::bare()));
    let question = health.check(HealthCheckRequest { service: String::new() });
    match timeout(ANSWER_WITHIN, question).await {
        Err(_) | Ok(Ok(_)) => true,
        Ok(Err(status)) => transport(&status).is_none(),
    }
}

async fn ask(endpoint: &Endpoint) -> Answer {
    let mut health = HealthClient::new(endpoint.layer(Seam::bare()));
    let question = health.check(HealthCheckRequest { service: String::new() });
    match timeout(ANSWER_WITHIN, question).await {
        Err(_) => Answer::NotYet("it accepts the connection and says nothing".to_owned()),
        Ok(Ok(_)) => Answer::Spoken,
        Ok(Err(status)) if status.code() == Code::Unimplemented => ask_lifecycle(endpoint).await,
        Ok(Err(status)) => judge(&status),
    }
}

async fn ask_lifecycle(endpoint: &Endpoint) -> Answer {
    let lifecycle = Lifecycle::new(endpoint.layer(Seam::bare()));
    match timeout(ANSWER_WITHIN, lifecycle.health()).await {
        Err(_) => Answer::NotYet("HealthCheck does not answer".to_owned()),
        Ok(Ok(_)) => Answer::Spoken,
        Ok(Err(status)) if status.code() == Code::Unimplemented => Answer::Never(format!(
            "serves neither grpc.health.v1.Health nor prism.lifecycle.v1.Lifecycle ({})",
            explain(&status)
        )),
        Ok(Err(status)) => judge(&status),
    }
}

fn judge(status: &Status) -> Answer {
    let why = explain(status);
    if status.message().contains(NOT_GRPC) {
        return Answer::Never(format!("answers in HTTP/2, but not in gRPC ({why})"));
    }
    match transport(status) {
        Some(Transport::NotReached) => Answer::NotYet(why),
        Some(Transport::Broken) => Answer::Garbled(why),
        None if matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) => Answer::NotYet(why),
        // Somebody refuses in gRPC; whether rightly, the suites will find out.
        None => Answer::Spoken,
    }
}

enum Transport {
    /// No connection came about.
    NotReached,
    /// A connection came about, and nothing understandable through it.
    Broken,
}

/// `None` where the status is the driver's own.
fn transport(status: &Status) -> Option<Transport> {
    let mut source = status.source();
    let mut found = None;
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            let nobody = matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound);
            return Some(if nobody { Transport::NotReached } else { Transport::Broken });
        }
        if error.is::<tonic::ConnectError>() {
            found = Some(Transport::NotReached);
        } else if error.is::<tonic::transport::Error>() && found.is_none() {
            found = Some(Transport::Broken);
        }
        source = error.source();
    }
    found
}

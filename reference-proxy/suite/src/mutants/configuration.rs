use super::{Mutant, body, mutant, status};
use crate::{
    Faults, Signal,
    faults::{Reaction, Relay, pass},
};
use futures::StreamExt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tonic::Code;

const START: &str = "configuration/bad_start_is_explained";
const LOAD: &str = "configuration/reload_under_load_loses_no_call";
const FLIGHT: &str = "configuration/calls_in_flight_keep_their_upstream";
const BAD: &str = "configuration/what_cannot_be_taken_changes_nothing";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("tells_one_mistake", "Of many mistakes the first one is told", &[START], || Faults {
            refusal: Some(|told| told.lines().take(3).collect::<Vec<_>>().join("\n")),
            ..Faults::default()
        }),
        mutant("tells_no_lines", "Mistakes come without their lines", &[START], || Faults {
            refusal: Some(|told| told.replace("proxy.yaml:", "proxy.yaml ")),
            ..Faults::default()
        }),
        mutant("ignores_sighup", "SIGHUP changes nothing", &[LOAD, FLIGHT, BAD], || {
            Faults::signal(|signal| match signal {
                Signal::Hangup => Reaction::Ignored,
                Signal::Terminate | Signal::Interrupt => Reaction::Usual,
            })
        }),
        mutant("sighup_ends_it", "SIGHUP is the end of the proxy", &[LOAD, BAD], || {
            Faults::signal(|signal| match signal {
                Signal::Hangup => Reaction::Dies,
                Signal::Terminate | Signal::Interrupt => Reaction::Usual,
            })
        }),
        mutant(
            "reload_ends_calls",
            "Calls in flight end when the configuration is taken anew",
            &[FLIGHT],
            || {
                let generation: Arc<Mutex<CancellationToken>> = Arc::default();
                let current = Arc::clone(&generation);
                let calls = Faults::front(move |request, way| {
                    let over = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    Box::pin(async move {
                        let response = pass(way, request).await;
                        response.map(|inner| {
                            let ended = status::refusal(Code::Unavailable, "RELOADED", "unknown");
                            let frames = body::frames(inner).take_until(over.clone().cancelled_owned());
                            let end = futures::stream::once(async move {
                                if over.is_cancelled() { Some(Err(ended)) } else { None }
                            });
                            body::body(frames.chain(end.filter_map(std::future::ready)))
                        })
                    })
                });
                let reloads = Faults::signal(move |signal| {
                    if signal == Signal::Hangup {
                        let mut current = generation.lock().unwrap_or_else(PoisonError::into_inner);
                        std::mem::take(&mut *current).cancel();
                    }
                    Reaction::Usual
                });
                Faults { signal: reloads.signal, ..calls }
            },
        ),
        mutant(
            "garbage_ends_all",
            "A client that does not speak HTTP/2 is the end of the listener",
            &["bad_clients/garbage_closes_its_connection_alone"],
            || Faults { relay: Some(Relay::GarbageEndsAll), ..Faults::default() },
        ),
        mutant(
            "one_client_after_the_other",
            "A client that says nothing is waited for before the next one is looked at",
            &["bad_clients/silence_disturbs_nobody"],
            || Faults { relay: Some(Relay::OneAfterTheOther), ..Faults::default() },
        ),
    ]
}

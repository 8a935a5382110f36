use super::{Mutant, mutant, status};
use crate::{Faults, faults::pass};
use prism_proxy::config::{Config, ProcessConfig, UpstreamAddress};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tonic::Code;

const BACK: &str = "outages/upstream_dies_and_is_back";
const AGAIN: &str = "processes/what_ends_is_started_again";
const ENDED: &str = "processes/process_is_started_and_ended";
const OTHERS: &str = "outages/one_down_does_not_touch_the_others";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "never_connects_again",
            "An upstream that was lost is not looked for again",
            &[BACK, AGAIN],
            || {
                fn change(config: &mut Config) {
                    for upstream in &mut config.upstreams {
                        upstream.backoff_first = Duration::from_hours(1);
                        upstream.backoff_max = Duration::from_hours(1);
                    }
                }
                Faults::config(change)
            },
        ),
        mutant(
            "waits_for_silent_upstreams",
            "An upstream that accepts and says nothing is waited for",
            &["outages/upstream_that_never_answers_is_down"],
            || {
                Faults::config(|config| {
                    for upstream in &mut config.upstreams {
                        upstream.connect_timeout = Duration::from_hours(1);
                    }
                })
            },
        ),
        mutant("loses_settings", "A process is not told its settings", &[ENDED], || {
            Faults::config(|config| processes(config, |process| process.settings.clear()))
        }),
        mutant("leaves_processes", "What a process has started outlives the proxy", &[ENDED], || {
            Faults::config(|config| {
                // In a session of its own, where no signal to the group reaches it.
                processes(config, |process| {
                    process.command.splice(0..0, ["setsid".to_owned(), "--wait".to_owned()]);
                });
            })
        }),
        mutant("hides_why", "Nobody is told why a process does not serve", &[AGAIN], || {
            Faults::response(|response| {
                status::everywhere(response, |headers| drop(headers.remove("grpc-message")))
            })
        }),
        mutant("down_is_unknown", "An upstream that is down is UNKNOWN", &[BACK, OTHERS], || {
            Faults::response(|response| {
                status::everywhere(response, |headers| {
                    status::code(headers, Code::Unavailable, Code::Unknown);
                })
            })
        }),
        mutant("one_down_all_down", "When one upstream is down, nothing is served", &[OTHERS], || {
            let down: Arc<AtomicBool> = Arc::default();
            Faults::front(move |request, way| {
                let down = Arc::clone(&down);
                Box::pin(async move {
                    if down.load(Ordering::SeqCst) {
                        let refusal =
                            status::refusal(Code::Unavailable, "UPSTREAM_UNAVAILABLE", "not_applied");
                        return refusal.into_http();
                    }
                    let response = pass(way, request).await;
                    if status::reason(response.headers())
                        .is_some_and(|reason| reason == "UPSTREAM_UNAVAILABLE")
                    {
                        down.store(true, Ordering::SeqCst);
                    }
                    response
                })
            })
        }),
    ]
}

fn processes(config: &mut Config, change: fn(&mut ProcessConfig)) {
    for upstream in &mut config.upstreams {
        if let UpstreamAddress::Process(process) = &mut upstream.endpoint {
            change(process);
        }
    }
}

use super::{Mutant, mutant, status};
use crate::{Faults, faults::pass};
use prism_proxy::Config;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tonic::Code;

const BACK: &str = "outages/upstream_dies_and_is_back";
const OTHERS: &str = "outages/one_down_does_not_touch_the_others";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("never_connects_again", "An upstream that was lost is not looked for again", &[BACK], || {
            fn change(config: &mut Config) {
                for upstream in &mut config.upstreams {
                    upstream.backoff_first = Duration::from_hours(1);
                    upstream.backoff_max = Duration::from_hours(1);
                }
            }
            Faults::config(change)
        }),
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

use super::{Mutant, body, mutant, status};
use crate::{Faults, Signal, faults::Reaction};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use std::time::Duration;

const ALL: &str = "draining/thousand_calls_finish_and_none_is_lost";
const SIGINT: &str = "draining/sigint_is_as_sigterm";
const LONG: &str = "draining/what_takes_too_long_is_cut_off";
const IDLE: &str = "draining/idle_clients_do_not_hold_it_up";
const ADMIN: &str = "admin/rules_and_upstreams_are_told_and_a_drain_is_begun";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("drains_too_early", "Calls in flight are ended when draining begins", &[ALL], || {
            Faults::config(|config| config.drain_timeout = Duration::from_millis(1))
        }),
        mutant("never_cuts_off", "The drain timeout does not count", &[LONG], || {
            Faults::config(|config| config.drain_timeout = Duration::from_hours(1))
        }),
        mutant(
            "accepts_while_draining",
            "New calls are answered while the proxy drains",
            &[ALL, SIGINT],
            || {
                Faults::response(|response| {
                    if status::reason(response.headers()).is_some_and(|reason| reason == "DRAINING") {
                        let message = Ok(Frame::data(Bytes::from_static(&[0; 5])));
                        let mut ok = HeaderMap::new();
                        ok.insert("grpc-status", HeaderValue::from_static("0"));
                        let frames = futures::stream::iter([message, Ok(Frame::trailers(ok))]);
                        let mut answer = Response::new(body::body(frames));
                        let headers = answer.headers_mut();
                        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
                        headers.insert("x-upstream", HeaderValue::from_static("a"));
                        return answer;
                    }
                    response
                })
            },
        ),
        mutant("ignores_sigterm", "SIGTERM does nothing", &[ALL, LONG, IDLE], || {
            Faults::signal(|signal| match signal {
                Signal::Terminate => Reaction::Ignored,
                Signal::Hangup | Signal::Interrupt => Reaction::Usual,
            })
        }),
        mutant("sigint_ends_it", "SIGINT is the end of the proxy and its calls", &[SIGINT], || {
            Faults::signal(|signal| match signal {
                Signal::Interrupt => Reaction::Dies,
                Signal::Hangup | Signal::Terminate => Reaction::Usual,
            })
        }),
        mutant("forgets_a_call", "One call less is counted than has finished", &[ALL, ADMIN], || Faults {
            end: Some(|end| end.finished -= 1),
            ..Faults::default()
        }),
        mutant("counts_no_refusals", "Calls that were refused are not counted", &[ALL], || Faults {
            end: Some(|end| end.refused = 0),
            ..Faults::default()
        }),
        mutant("counts_nothing_cut_off", "Calls that were cut off count as finished", &[LONG], || Faults {
            end: Some(|end| end.finished += std::mem::take(&mut end.cut_off)),
            ..Faults::default()
        }),
        mutant("always_exits_with_0", "The exit code does not tell that calls were cut off", &[LONG], || {
            Faults { end: Some(|end| end.code = Some(0)), ..Faults::default() }
        }),
        mutant(
            "never_exits_with_0",
            "The exit code tells of calls that were not cut off",
            &[ALL, IDLE],
            || Faults { end: Some(|end| end.code = Some(2)), ..Faults::default() },
        ),
    ]
}

use super::{Mutant, body, mutant, status};
use crate::{Faults, faults::pass};
use futures::StreamExt;
use http_body::Frame;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tonic::Code;

const KINDS: &str = "streaming/all_four_kinds_pass";
const STEPS: &str = "streaming/message_by_message";

/// Fewer than a proxy must bear.
const FEW: usize = 5_000;

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("buffers_answers", "An answer is passed on when all of it is there", &[KINDS, STEPS], || {
            Faults::front(|request, way| {
                Box::pin(async move {
                    let (parts, inner) = pass(way, request).await.into_parts();
                    http::Response::from_parts(parts, body::gathered(inner).await)
                })
            })
        }),
        mutant("buffers_requests", "A request is passed on when all of it is there", &[STEPS], || {
            Faults::front(|request, way| {
                Box::pin(async move {
                    let (parts, inner) = request.into_parts();
                    pass(way, http::Request::from_parts(parts, body::gathered(inner).await)).await
                })
            })
        }),
        mutant(
            "never_ends_requests",
            "The upstream does not hear that the client has sent all",
            &[KINDS],
            || {
                Faults::front(|request, way| {
                    let endless = |inner| body::body(body::frames(inner).chain(futures::stream::pending()));
                    Box::pin(pass(way, request.map(endless)))
                })
            },
        ),
        mutant(
            "cuts_long_answers",
            "After a MiB the rest is lost",
            &["streaming/large_message_passes"],
            || {
                Faults::response(|response| {
                    response.map(|inner| {
                        let mut left = 1 << 20;
                        body::map(inner, move |frame| match frame.into_data() {
                            Ok(mut data) => {
                                data.truncate(left);
                                left -= data.len();
                                Frame::data(data)
                            }
                            Err(frame) => frame,
                        })
                    })
                })
            },
        ),
        mutant(
            "answers_pile_up",
            "Answers are read as fast as they come, whether the client reads or not",
            &["streaming/slow_reader_stops_the_upstream"],
            || Faults::response(|response| response.map(body::piled_up)),
        ),
        mutant(
            "requests_pile_up",
            "Requests are read as fast as they come, whether the upstream reads or not",
            &["streaming/slow_upstream_stops_the_client"],
            || Faults::front(|request, way| Box::pin(async { pass(way, request.map(body::piled_up)).await })),
        ),
        mutant(
            "few_streams",
            "There is room for some thousand calls and not for ten",
            &["streaming/ten_thousand_idle_streams"],
            || {
                let open: Arc<AtomicUsize> = Arc::default();
                Faults::front(move |request, way| {
                    let open = Arc::clone(&open);
                    Box::pin(async move {
                        if open.fetch_add(1, Ordering::SeqCst) >= FEW {
                            open.fetch_sub(1, Ordering::SeqCst);
                            let status = status::refusal(Code::ResourceExhausted, "TOO_MANY", "not_applied");
                            return status.into_http();
                        }
                        let closed = Closed(open);
                        pass(way, request).await.map(|inner| {
                            body::map(inner, move |frame| {
                                let _counted = &closed;
                                frame
                            })
                        })
                    })
                })
            },
        ),
    ]
}

struct Closed(Arc<AtomicUsize>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

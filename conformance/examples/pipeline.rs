//! What producer and consumer cost beside the publish-subscribe of the backend that they stand on, in one run:
//!
//! ```sh
//! cargo run --release -p prism-conformance --example pipeline
//! cargo run --release -p prism-conformance --example pipeline -- --backend memstore --rounds 9
//! ```
//!
//! The same messages go from a publisher to a subscription of the backend itself, from a producer to the handler of a
//! consumer, and the same with deduplication and with what is in hand written down; in short rounds one after the other,
//! so that whatever else the machine does hits all alike. Every figure is the median of the rounds. Throughput is with 256
//! messages under way, latency with one at a time, from the call to the arrival. A backend whose server cannot be had is
//! left out, and that is said.

#[path = "../benches/shared/backend.rs"]
mod backend;

use backend::Running;
use clap::Parser;
use hdrhistogram::Histogram;
use prism_interfaces::{
    Endpoint, EndpointError,
    pattern::{
        consumer::v1::{
            HandleRequest, HandleResponse, Handled,
            handle_response::Verdict,
            handler_server::{Handler, HandlerServer},
        },
        producer::v1::{OutgoingMessage, PublishRequest, producer_client::ProducerClient},
    },
    pubsub::v1::{
        PublishRequest as BarePublish, SubscribeRequest, pub_sub_basic_client::PubSubBasicClient,
        subscribe_event::Event,
    },
};
use prism_suites::{Seam, client::Lifecycle};
use std::{
    collections::BTreeMap,
    error::Error,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc};
use tonic::{Request, Response, Status, body::Body};
use tower::{ServiceExt, service_fn};

/// Measures producer and consumer.
#[derive(Debug, Parser)]
struct Arguments {
    /// A backend; can be repeated. Default: memstore and redis.
    #[arg(long)]
    backend: Vec<String>,
    /// Rounds of each way.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Messages of a round for throughput; a tenth of them for latency.
    #[arg(long, default_value_t = 10_000)]
    messages: u64,
}

const TOPIC: &str = "pipeline";
const PAYLOAD_BYTES: usize = 100;
/// Messages under way, for throughput; fewer than any buffer between the two ends holds.
const UNDER_WAY: usize = 256;
/// Calls to publish at once, for throughput.
const PUBLISHERS: usize = 64;
/// How long nothing may arrive.
const QUIET: Duration = Duration::from_secs(30);

type Failed = Box<dyn Error + Send + Sync>;

/// From whom to whom a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Bare,
    Plain,
    Kept,
}

const WAYS: [(Way, &str); 3] = [
    (Way::Bare, "publish -> subscription"),
    (Way::Plain, "producer -> consumer"),
    (Way::Kept, "the same, kept"),
];

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments = Arguments::parse();
    let all = ["memstore", "redis"].map(str::to_owned);
    let backends = if arguments.backend.is_empty() { &all[..] } else { &arguments.backend };
    for name in backends {
        let running = match Running::start(name).await {
            Ok(running) => running,
            Err(why) => {
                say(&format!("left out: {name}: {why}"));
                continue;
            }
        };
        let measured = measure(&running.endpoint, &arguments).await;
        running.stop().await?;
        print(name, &arguments, &measured?);
    }
    Ok(())
}

/// What the rounds of a way have measured.
#[derive(Debug, Default)]
struct Figures {
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

async fn measure(backend: &Endpoint, arguments: &Arguments) -> Result<[Figures; 3], Failed> {
    let mut figures = [Figures::default(), Figures::default(), Figures::default()];
    for round in 0..=arguments.rounds {
        for ((way, _), figures) in WAYS.iter().zip(&mut figures) {
            let mut line = Line::open(*way, backend, round).await?;
            let (took, _) = line.send(arguments.messages, UNDER_WAY, PUBLISHERS).await?;
            let (_, latency) = line.send((arguments.messages / 10).max(1), 1, 1).await?;
            line.close(backend).await?;
            // The first round warms everything up.
            if round > 0 {
                figures.per_second.push(arguments.messages as f64 / took.as_secs_f64());
                figures.p50.push(latency.value_at_quantile(0.5) as f64 / 1e3);
                figures.p99.push(latency.value_at_quantile(0.99) as f64 / 1e3);
            }
        }
    }
    Ok(figures)
}

/// One way, open at both ends.
struct Line {
    publish: Publish,
    namespace: String,
    began: Instant,
    /// How long each message was under way, in nanoseconds.
    arrived: mpsc::UnboundedReceiver<u64>,
    patterns: Vec<Lifecycle>,
}

#[derive(Clone)]
enum Publish {
    Bare(PubSubBasicClient<Endpoint>),
    Producer(ProducerClient<Endpoint>),
}

impl Line {
    async fn open(way: Way, backend: &Endpoint, round: usize) -> Result<Self, Failed> {
        let namespace = format!("pipeline-{:08x}-{round}", rand::random::<u32>());
        let seam = Seam::namespace(&namespace);
        let (began, (arrives, arrived)) = (Instant::now(), mpsc::unbounded_channel());
        let sink = Sink { began, arrives };
        let mut patterns = Vec::new();
        let publish = if way == Way::Bare {
            let mut client = PubSubBasicClient::new(backend.layer(seam));
            let subscribed = client.subscribe(SubscribeRequest { topic: TOPIC.to_owned() }).await?;
            let mut events = subscribed.into_inner();
            // What is published after the first event is not missed.
            events.message().await?;
            tokio::spawn(async move {
                while let Ok(Some(event)) = events.message().await {
                    if let Some(Event::Message(message)) = event.event {
                        sink.takes(&message.payload);
                    }
                }
            });
            Publish::Bare(client)
        } else {
            let handler = HandlerServer::new(sink);
            let handler = Endpoint::new(service_fn(move |request: http::Request<Body>| {
                let handler = handler.clone();
                async move {
                    match handler.oneshot(request).await {
                        Ok(response) => Ok::<_, EndpointError>(response),
                        Err(never) => match never {},
                    }
                }
            }));
            let mut slots = vec![("messages", backend.clone()), ("handler", handler)];
            let mut given = vec![("namespace", namespace.as_str()), ("topic", TOPIC)];
            if way == Way::Kept {
                slots.push(("state", backend.clone()));
            }
            let (_, consumer) = pattern("consumer", slots, &given).await?;
            let mut slots = vec![("messages", backend.clone())];
            given.clear();
            if way == Way::Kept {
                slots.push(("store", backend.clone()));
                given.push(("deduplication", "id"));
            }
            let (endpoint, producer) = pattern("producer", slots, &given).await?;
            patterns.extend([producer, consumer]);
            Publish::Producer(ProducerClient::new(endpoint.layer(seam)))
        };
        Ok(Self { publish, namespace, began, arrived, patterns })
    }

    /// Sends messages, so many under way at most; how long all of them took, and each.
    async fn send(
        &mut self,
        messages: u64,
        under_way: usize,
        publishers: usize,
    ) -> Result<(Duration, Histogram<u64>), Failed> {
        let (next, places) = (Arc::new(AtomicU64::new(0)), Arc::new(Semaphore::new(under_way)));
        let began = Instant::now();
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..publishers {
            let (next, places, publish) = (Arc::clone(&next), Arc::clone(&places), self.publish.clone());
            let epoch = self.began;
            sending.spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < messages {
                    places.acquire().await?.forget();
                    publish.clone().one(epoch).await?;
                }
                Ok::<(), Failed>(())
            });
        }
        let mut latency = Histogram::new(3)?;
        for arrived in 0..messages {
            let message = loop {
                tokio::select! {
                    message = tokio::time::timeout(QUIET, self.arrived.recv()) => break message,
                    Some(sent) = sending.join_next() => sent??,
                }
            };
            let Ok(Some(nanoseconds)) = message else {
                return Err(format!("{arrived} of {messages} messages have arrived").into());
            };
            latency.record(nanoseconds)?;
            places.add_permits(1);
        }
        let took = began.elapsed();
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        Ok((took, latency))
    }

    async fn close(self, backend: &Endpoint) -> Result<(), Failed> {
        for pattern in &self.patterns {
            pattern.stop().await?;
        }
        Lifecycle::new(backend.layer(Seam::namespace(&self.namespace))).drop_namespace().await?;
        Ok(())
    }
}

impl Publish {
    async fn one(&mut self, began: Instant) -> Result<(), Status> {
        let mut payload = vec![0; PAYLOAD_BYTES];
        payload[..8].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_le_bytes());
        match self {
            Self::Bare(client) => {
                let (topic, payload) = (TOPIC.to_owned(), payload.into());
                client.publish(BarePublish { topic, payload, ..BarePublish::default() }).await?;
            }
            Self::Producer(client) => {
                let message = OutgoingMessage {
                    topic: TOPIC.to_owned(),
                    payload: payload.into(),
                    message_id: uuid(),
                    ..OutgoingMessage::default()
                };
                client.publish(PublishRequest { message: Some(message) }).await?;
            }
        }
        Ok(())
    }
}

/// An id that no other message has.
fn uuid() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Where messages arrive.
struct Sink {
    began: Instant,
    arrives: mpsc::UnboundedSender<u64>,
}

impl Sink {
    fn takes(&self, payload: &[u8]) {
        if let Some(sent) = payload.first_chunk::<8>() {
            let now = self.began.elapsed().as_nanos() as u64;
            // Nobody waits for it where the round has broken off.
            let _ = self.arrives.send(now.saturating_sub(u64::from_le_bytes(*sent)));
        }
    }
}

#[tonic::async_trait]
impl Handler for Sink {
    async fn handle(&self, request: Request<HandleRequest>) -> Result<Response<HandleResponse>, Status> {
        self.takes(&request.into_inner().message.unwrap_or_default().payload);
        Ok(Response::new(HandleResponse { verdict: Some(Verdict::Handled(Handled {})) }))
    }
}

/// A pattern of this process, started.
async fn pattern(
    name: &str,
    slots: Vec<(&str, Endpoint)>,
    given: &[(&str, &str)],
) -> Result<(Endpoint, Lifecycle), Failed> {
    let builtin = prism_patterns::find(name).ok_or("the pattern is not there")?;
    let slots = slots.into_iter().map(|(slot, endpoint)| (slot.to_owned(), endpoint)).collect();
    let endpoint = builtin.launch(builtin.bind(slots).await);
    let lifecycle = Lifecycle::new(endpoint.clone());
    let settings: BTreeMap<String, String> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    lifecycle.initialize(&settings).await?;
    lifecycle.start().await?;
    Ok((endpoint, lifecycle))
}

fn say(line: &str) {
    // A reader that has gone away is no reason to measure less.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn print(backend: &str, arguments: &Arguments, measured: &[Figures; 3]) {
    let Arguments { rounds, messages, .. } = arguments;
    say(&format!("\n{backend}, {PAYLOAD_BYTES} B, medians of {rounds} rounds of {messages} messages"));
    say("                         messages/s  of bare    p50 us  x bare    p99 us  x bare");
    let [bare, ..] = measured;
    let bare = [&bare.per_second, &bare.p50, &bare.p99].map(|figures| median(figures));
    for ((_, name), figures) in WAYS.iter().zip(measured) {
        let own = [&figures.per_second, &figures.p50, &figures.p99].map(|figures| median(figures));
        say(&format!(
            "{name:24} {:10.0}  {:6.0}%  {:8.1}  {:6.2}  {:8.1}  {:6.2}",
            own[0],
            100.0 * own[0] / bare[0],
            own[1],
            own[1] / bare[1],
            own[2],
            own[2] / bare[2],
        ));
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

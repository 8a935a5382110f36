//! Generated lists of what publishers and subscribers do, one thing after the other, in lock-step with a model: the list
//! of messages that each subscription must get.

use crate::{
    Context, Failure, FailureKind, Verdict,
    client::{Event, PATIENCE, PubSub, Subscription},
    expect::{expect_eq, name},
    lockstep::lockstep,
    messages::{SENTINEL, buffer, show_event},
};
use bytes::Bytes;
use prism_check::{delivery::Filter, pools, wildcard::Pattern};
use prism_interfaces::pubsub::v1::Message;
use proptest::{collection::vec, prelude::Strategy, prop_oneof, sample::select};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filters {
    /// Topics of the adversarial pool.
    Topics,
    /// Patterns as well, over topics of few tokens.
    Patterns,
}

/// One step. Numbers stand for one of those that are there, whatever their number is.
#[derive(Clone)]
enum Step {
    Subscribe(Filter, String),
    Publish { topic: String, payload: Vec<u8>, headers: HashMap<String, String> },
    Unsubscribe(usize),
    GoAway(usize),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribe(Filter::Topic(_), text) => write!(f, "Subscribe({})", name(text)),
            Self::Subscribe(Filter::Pattern(_), text) => write!(f, "SubscribePattern({})", name(text)),
            Self::Publish { topic, payload, headers } => {
                let (topic, payload) = (name(topic), crate::expect::show(payload));
                write!(f, "Publish({topic}, {payload}, {headers:?})")
            }
            Self::Unsubscribe(n) => write!(f, "Unsubscribe(subscription {n} of those that there were)"),
            Self::GoAway(n) => write!(f, "cancel(subscription {n} of those that are open)"),
        }
    }
}

/// How long shrinking may take once a list has failed; a subscription that is deaf is only found out by waiting.
const SHRINKING: Duration = Duration::from_secs(3);

/// How long a message is waited for while shrinking.
const LITTLE_PATIENCE: Duration = Duration::from_millis(150);

/// Runs generated lists.
pub(crate) async fn run(context: Context, filters: Filters) -> Verdict {
    let most = context.effort().operations();
    match filters {
        Filters::Topics => {
            let subscribe = topic().prop_map(|topic| Step::Subscribe(Filter::Topic(topic.clone()), topic));
            lists(&context, vec(step(topic(), subscribe), 1..most)).await
        }
        Filters::Patterns => {
            let subscribe = prop_oneof![
                dotted_topic().prop_map(|topic| Step::Subscribe(Filter::Topic(topic.clone()), topic)),
                pattern().prop_map(|(pattern, text)| Step::Subscribe(Filter::Pattern(pattern), text)),
                pattern().prop_map(|(pattern, text)| Step::Subscribe(Filter::Pattern(pattern), text)),
            ];
            lists(&context, vec(step(dotted_topic(), subscribe), 1..most)).await
        }
    }
}

async fn lists(context: &Context, lists: impl Strategy<Value = Vec<Step>> + Send + 'static) -> Verdict {
    let failed = Arc::new(Mutex::new(None::<Instant>));
    lockstep(context, lists, move |context, steps| {
        let failed = Arc::clone(&failed);
        async move {
            let began = *failed.lock().unwrap_or_else(PoisonError::into_inner);
            if began.is_some_and(|began| began.elapsed() > SHRINKING) {
                return Ok(());
            }
            let patience = if began.is_some() { LITTLE_PATIENCE } else { PATIENCE };
            let verdict = one_list(&context, steps, patience).await;
            if verdict.as_ref().is_err_and(|failure| failure.kind == FailureKind::Violation) {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
            }
            verdict
        }
    })
    .await
}

/// Short topics of the adversarial pool, few enough that a careless driver meets two that it takes for one.
fn topic() -> impl Strategy<Value = String> + Send + Sync {
    let families = pools::key_families().into_iter().map(|family| family.entries);
    select(families.flatten().filter(|topic| topic.len() <= 2).collect::<Vec<_>>())
}

/// Topics of few tokens.
fn dotted_topic() -> impl Strategy<Value = String> + Send + Sync {
    dotted(&["a", "b", "", "*", ">", "a*"]).prop_filter("not empty", |topic| !topic.is_empty())
}

/// Patterns of few tokens, with their text.
fn pattern() -> impl Strategy<Value = (Pattern, String)> + Send + Sync {
    dotted(&["a", "b", "*", "*", ">", "", "a*", "**", "?"])
        .prop_filter_map("a pattern", |text| Pattern::parse(&text).ok().map(|pattern| (pattern, text)))
}

fn dotted(tokens: &[&'static str]) -> impl Strategy<Value = String> + Send + Sync + use<> {
    vec(select(tokens.to_vec()), 1..4).prop_map(|tokens| tokens.join("."))
}

fn step(
    topic: impl Strategy<Value = String> + Send + Sync,
    subscribe: impl Strategy<Value = Step> + Send + Sync,
) -> impl Strategy<Value = Step> + Send + Sync {
    let payload = select(pools::values().into_iter().filter(|value| value.len() < 100).collect::<Vec<_>>());
    let header = (select(vec!["", "a", "A", "ä"]), select(vec!["", "1", " v "]));
    let headers = vec(header, 0..3).prop_map(|pairs| {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    });
    prop_oneof![
        6 => subscribe,
        16 => (topic, payload, headers)
            .prop_map(|(topic, payload, headers)| Step::Publish { topic, payload, headers }),
        2 => (0..100_usize).prop_map(Step::Unsubscribe),
        1 => (0..100_usize).prop_map(Step::GoAway),
    ]
}

/// A subscription and what it must have got.
struct Expecting {
    /// What it is called in failures.
    called: String,
    filter: Filter,
    /// A topic that it is for.
    example: String,
    id: String,
    /// `None` once it has ended or gone away.
    open: Option<Subscription>,
    /// Whether the client went away: whether the driver has noticed is its own affair.
    gone: bool,
    expected: Vec<Published>,
}

#[derive(Clone)]
struct Published {
    topic: String,
    payload: Bytes,
    headers: HashMap<String, String>,
    id: String,
}

async fn one_list(context: &Context, steps: Vec<Step>, patience: Duration) -> Verdict {
    let pubsub = context.pubsub();
    let mut subscriptions: Vec<Expecting> = Vec::new();
    // More than the buffer of a subscription that is not read may be lost.
    let mut room = buffer(context);
    for step in steps {
        match step {
            Step::Subscribe(filter, text) => subscriptions.push(subscribe(&pubsub, filter, text).await?),
            Step::Publish { topic, payload, headers } => {
                if room > subscriptions.len() + 1 {
                    room -= 1;
                    publish(&pubsub, &mut subscriptions, &topic, payload.into(), headers).await?;
                }
            }
            Step::Unsubscribe(n) if !subscriptions.is_empty() => {
                let at = n % subscriptions.len();
                unsubscribe(&pubsub, &mut subscriptions[at], patience).await?;
            }
            Step::GoAway(n) => {
                let mut open: Vec<_> =
                    subscriptions.iter_mut().filter(|subscription| subscription.open.is_some()).collect();
                if !open.is_empty() {
                    let at = n % open.len();
                    open[at].open = None;
                    open[at].gone = true;
                }
            }
            Step::Unsubscribe(_) => {}
        }
    }
    // A last message for each that is open, so that nobody waits for what does not come.
    for at in 0..subscriptions.len() {
        if subscriptions[at].open.is_some() {
            let topic = subscriptions[at].example.clone();
            publish(&pubsub, &mut subscriptions, &topic, Bytes::from_static(SENTINEL), HashMap::new())
                .await?;
        }
    }
    for subscription in &mut subscriptions {
        read(subscription, patience).await?;
    }
    Ok(())
}

async fn subscribe(pubsub: &PubSub, filter: Filter, text: String) -> Result<Expecting, Failure> {
    let (open, called, example) = match &filter {
        Filter::Topic(_) => {
            (pubsub.subscribe(&text).await?, format!("the subscriber of {}", name(&text)), text)
        }
        Filter::Pattern(_) => {
            let token = |token| if token == "*" || token == ">" { "example" } else { token };
            let example = text.split('.').map(token).collect::<Vec<_>>().join(".");
            let called = format!("the subscriber of the pattern {}", name(&text));
            (pubsub.subscribe_pattern(&text).await?, called, example)
        }
    };
    let id = open.id.clone();
    Ok(Expecting { called, filter, example, id, open: Some(open), gone: false, expected: Vec::new() })
}

async fn publish(
    pubsub: &PubSub,
    subscriptions: &mut [Expecting],
    topic: &str,
    payload: Bytes,
    headers: HashMap<String, String>,
) -> Verdict {
    let id = pubsub.publish_with(topic, payload.clone(), headers.clone()).await?;
    let published = Published { topic: topic.to_owned(), payload, headers, id };
    for subscription in subscriptions {
        if subscription.open.is_some() && subscription.filter.matches(topic) {
            subscription.expected.push(published.clone());
        }
    }
    Ok(())
}

async fn unsubscribe(pubsub: &PubSub, subscription: &mut Expecting, patience: Duration) -> Verdict {
    if subscription.gone {
        return Ok(());
    }
    let existed = pubsub.unsubscribe(&subscription.id).await?;
    let what = format!("Unsubscribe of {}", subscription.called);
    expect_eq(what, existed, subscription.open.is_some()).map_err(|failure| failure.clause("PSB-16"))?;
    read(subscription, patience).await?;
    if let Some(mut open) = subscription.open.take() {
        match open.next(patience).await {
            Event::End => {}
            other => {
                let message = format!("{} did not end after Unsubscribe", subscription.called);
                return Err(Failure::violation(message)
                    .clause("PSB-15")
                    .expected("an end, with OK")
                    .got(show_event(&other)));
            }
        }
    }
    Ok(())
}

/// Reads what a subscription must have got by now.
async fn read(subscription: &mut Expecting, patience: Duration) -> Verdict {
    let Some(open) = &mut subscription.open else { return Ok(()) };
    for (at, published) in subscription.expected.iter().enumerate() {
        let what = format!("message {} of {}", at + 1, subscription.called);
        match open.next(patience).await {
            Event::Message(message) => compare(&what, &message, published)?,
            other => {
                return Err(Failure::violation(format!("{what} did not come"))
                    .expected(crate::expect::show(&published.payload))
                    .got(show_event(&other)));
            }
        }
    }
    subscription.expected.clear();
    Ok(())
}

fn compare(what: &str, message: &Message, published: &Published) -> Verdict {
    expect_eq(format!("the topic of {what}"), &message.topic, &published.topic)?;
    expect_eq(format!("the payload of {what}"), &message.payload, &published.payload)?;
    expect_eq(format!("the headers of {what}"), &message.headers, &published.headers)?;
    expect_eq(format!("the id of {what}"), &message.message_id, &published.id)
}

//! Subscriptions that end when the case wants them to.

use async_trait::async_trait;
use futures::StreamExt;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{SubscribeRequest, pub_sub_basic_client::PubSubBasicClient},
};
use prism_mutants::forward::{self, Events, PubSubTwist};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// Ends subscriptions; cheap to clone.
#[derive(Debug, Clone)]
pub struct Switch(watch::Sender<bool>);

impl Default for Switch {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Switch {
    /// Ends every subscription, and lets there be no other.
    pub fn end(&self) {
        self.0.send_replace(true);
    }

    /// Lets there be others.
    pub fn allow(&self) {
        self.0.send_replace(false);
    }
}

/// A backend whose subscriptions end as the switch says.
pub fn ending(endpoint: Endpoint, switch: &Switch) -> Endpoint {
    forward::pubsub(endpoint, Ends(switch.clone()))
}

struct Ends(Switch);

#[async_trait]
impl PubSubTwist for Ends {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let mut ended = self.0.0.subscribe();
        if *ended.borrow() {
            return Err(Status::unavailable("the case wants it so"));
        }
        let response = PubSubBasicClient::new(next.clone()).subscribe(request).await?;
        let until = async move {
            let _ = ended.wait_for(|ended| *ended).await;
        };
        Ok(response.map(|stream| stream.take_until(Box::pin(until)).boxed()))
    }
}

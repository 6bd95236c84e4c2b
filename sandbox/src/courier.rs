//! Who carries webhooks: an injected trait, and the one for plain HTTP on this machine.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use channelsync_contract::Spawn;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

/// Idle connections kept open to one listener.
const IDLE_MAX: usize = 32;

/// No answer came.
#[derive(Debug, thiserror::Error)]
#[error("webhook was not answered")]
pub struct Undelivered(#[source] pub Option<Box<dyn std::error::Error + Send + Sync>>);

/// Carries one webhook and brings the status of the answer.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Sends the request, whose URI is the subscription's. The sandbox limits the time.
    ///
    /// # Errors
    /// When there was no answer at all.
    async fn deliver(&self, request: http::Request<Bytes>)
    -> Result<http::StatusCode, Undelivered>;
}

/// Plain HTTP/1 with keep-alive, for listeners on this machine.
pub struct LoopbackCourier {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl LoopbackCourier {
    /// A courier whose connections run as tasks of `spawn`.
    pub fn new(spawn: Arc<dyn Spawn>) -> Self {
        let client = Client::builder(Tasks(spawn))
            .pool_max_idle_per_host(IDLE_MAX)
            .build(HttpConnector::new());
        Self { client }
    }
}

#[async_trait]
impl Courier for LoopbackCourier {
    async fn deliver(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::StatusCode, Undelivered> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Undelivered(Some(error));
        let answer = self.client.request(request.map(Full::new)).await;
        let answer = answer.map_err(|error| failed(Box::new(error)))?;
        let status = answer.status();
        // The body is read to its end, so that the connection can be used again.
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| failed(Box::new(error)))?;
        }
        Ok(status)
    }
}

#[derive(Clone)]
struct Tasks(Arc<dyn Spawn>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.spawn("webhook connection", Box::pin(task));
    }
}

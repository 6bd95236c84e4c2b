//! A channel that plays a part, and everything else of a connector that nobody asks for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use channelsync_contract::connector::Quantities;
use channelsync_contract::quantity::{Push, PushOutcome, Shown, ShownQuantity};
use channelsync_contract::transport::Secret;
use channelsync_contract::{
    CallError, CallId, Capabilities, Clock, Connector, ConnectorError, Request, Response, SlotKey,
    Transport, Units,
};
use channelsync_shopify::{Credentials, Figure, Settings, connect};
use tokio::sync::Semaphore;

use crate::sim::PausedClock;

/// What happened, one line each.
pub(super) type Story = Arc<Mutex<Vec<String>>>;

/// Pushes of `a` have their effect and no answer, or are put off from the second one on. Pushes of `b` and readings pass the gate.
pub(super) struct Script {
    pub(super) clock: Arc<PausedClock>,
    /// As at a rate limit: one at a time, first come first served.
    pub(super) gate: Semaphore,
    pub(super) a_takes: Duration,
    pub(super) b_takes: Duration,
    pub(super) puts_off: bool,
    pub(super) under_way: Mutex<BTreeSet<CallId>>,
    pub(super) pushed: Mutex<BTreeSet<CallId>>,
    pub(super) story: Story,
}

impl Script {
    fn tell(&self, what: &str, slot: &SlotKey) {
        let line = format!("{:>2} s  {what} {slot}", self.clock.uptime().as_secs());
        self.story.lock().unwrap().push(line);
    }
}

#[async_trait]
impl Quantities for Script {
    async fn push(&self, push: &Push) -> Result<Vec<PushOutcome>, ConnectorError> {
        let slot = &push.rows[0].slot;
        let is_alone = self.under_way.lock().unwrap().insert(push.call);
        assert!(is_alone, "the call that sets {slot} is under way twice");
        self.tell("push", slot);
        let is_first = self.pushed.lock().unwrap().insert(push.call);
        let result = if slot.item.as_str() == "a" && self.puts_off && !is_first {
            let retry_after = Duration::from_secs(2);
            Err(ConnectorError::Throttled { retry_after })
        } else if slot.item.as_str() == "a" {
            self.clock.sleep(self.a_takes).await;
            Err(ConnectorError::Unanswered("silence".to_owned()))
        } else {
            let _turn = self.gate.acquire().await.unwrap();
            self.clock.sleep(self.b_takes).await;
            Ok(vec![PushOutcome::Applied])
        };
        self.tell(if result.is_ok() { "done" } else { "lost" }, slot);
        self.under_way.lock().unwrap().remove(&push.call);
        result
    }

    async fn read_back(&self, slots: &[SlotKey]) -> Result<Vec<ShownQuantity>, ConnectorError> {
        let [slot] = slots else {
            panic!("each call sets one slot")
        };
        self.tell("ask", slot);
        let _turn = self.gate.acquire().await.unwrap();
        self.tell("told", slot);
        let shown = Shown::Held {
            written: 0,
            sellable: 0,
            unsellable: Units::ZERO,
        };
        let slot = slot.clone();
        Ok(vec![ShownQuantity { slot, shown }])
    }
}

/// Behind the facets that a dispatcher does not use.
struct Nobody;

#[async_trait]
impl Transport for Nobody {
    async fn call(&self, _: Request) -> Result<Response, CallError> {
        panic!("a dispatcher pushes and reads back, nothing else")
    }
}

/// A channel that takes one slot a call and several calls at once.
pub(super) fn connector(script: Script) -> Connector {
    let settings = Settings {
        shop: "acme.myshopify.com".to_owned(),
        base_url: None,
        figure: Figure::Available,
        credentials: Credentials::AccessToken(Secret::new("unused")),
        webhook_secrets: Vec::new(),
    };
    let shop = connect(settings, Arc::new(Nobody));
    Connector {
        capabilities: Capabilities {
            batch_max: 1,
            pushes_max: 4,
            ..shop.capabilities
        },
        quantities: Box::new(script),
        ..shop
    }
}

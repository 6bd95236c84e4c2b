//! Answers of a channel: what is asked, then up to eight answers, each with its status before it if that
//! is not 200.
//!
//! Whatever is answered, the same answers give the same result, of the length that was asked for, and
//! what they say can be booked, once.

use channelsync::ledger::{Change, Command, Source};
use channelsync::normalize;
use channelsync_contract::bulk::{BulkOf, BulkRows};
use channelsync_contract::order::{Changed, Fetched};
use channelsync_contract::quantity::{Push, PushRow};
use channelsync_contract::shipment::{Parcel, Tracking};
use channelsync_contract::suite::answer;
use channelsync_contract::transport::{
    CallError, GrantLease, GrantStore, Response, Secret, TokenSource,
};
use channelsync_contract::{CallId, Connector, OrderId, SlotKey, Timestamp, Units};
use channelsync_shopify::{Credentials, Figure, Settings, account};
use futures_util::FutureExt as _;
use http::StatusCode;

use super::book::{Book, CHANNEL, told};
use super::webhook::shop;
use super::{line, parts};

pub(super) type Answer = Result<Response, CallError>;

const ANSWERS_MAX: usize = 8;
const SINCE: Timestamp = Timestamp(1_795_000_000_000_000);
const URL: &str = "https://files.example/1";

pub(super) fn holds(bytes: &[u8]) {
    let (asked, rest) = line(bytes);
    let once = ask(asked, rest);
    assert_eq!(once, ask(asked, rest), "the same answers, another result");
}

fn answers(bytes: &[u8]) -> Vec<Answer> {
    let read = |part: &[u8]| {
        let (first, rest) = line(part);
        let status = std::str::from_utf8(first).ok();
        let status = status.and_then(|text| text.parse().ok());
        match status.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) => answer(status, rest.to_vec()),
            None => answer(StatusCode::OK, part.to_vec()),
        }
    };
    parts(bytes)
        .into_iter()
        .take(ANSWERS_MAX)
        .map(|part| Ok(read(part)))
        .collect()
}

/// What became of it, as text.
fn ask(asked: &[u8], rest: &[u8]) -> String {
    let all = || answers(rest);
    let first = all().swap_remove(0).unwrap();
    match asked {
        b"token" => return token(&first),
        b"renewal" => return renewal(&first),
        _ => {}
    }
    let shop = shop(all());
    let done = async {
        match asked {
            b"fetch" => fetch(&shop).await,
            b"read back" => read_back(&shop).await,
            b"push" => push(&shop).await,
            b"listings" => listings(&shop).await,
            b"orders file" => file(&shop, BulkOf::Orders(SINCE)).await,
            b"listings file" => file(&shop, BulkOf::Listings).await,
            b"parcel" => parcel(&shop).await,
            b"other" => other(&shop).await,
            _ => changed(&shop).await,
        }
    };
    done.now_or_never()
        .expect("answers that are there are not waited for")
}

async fn changed(shop: &Connector) -> String {
    let (mut book, mut text) = (Book::new(), String::new());
    for stream in shop.capabilities.streams {
        let page = shop.orders.changed(stream, SINCE, None).await;
        text.push_str(&format!("{page:?}"));
        let Ok(page) = page else { continue };
        let is_dated = |changed: &&Changed| !matches!(changed, Changed::Unreadable { .. });
        assert_eq!(
            page.times.len(),
            page.changes.iter().filter(is_dated).count()
        );
        let changes = page.changes.into_iter().filter_map(told);
        book.report(Source::Fetch, changes.collect());
    }
    text
}

async fn fetch(shop: &Connector) -> String {
    let asked: [OrderId; 2] = ["6120334561234".into(), "2".into()];
    let fetched = shop.orders.fetch(&asked).await;
    let text = format!("{fetched:?}");
    if let Ok(fetched) = fetched {
        let id = |one: &Fetched| match one {
            Fetched::Order(order) => order.id.clone(),
            Fetched::Absent(id) | Fetched::Unreadable { order: id, .. } => id.clone(),
        };
        let mut ids: Vec<OrderId> = fetched.iter().map(id).collect();
        ids.sort_unstable();
        let mut wanted = asked.to_vec();
        wanted.sort_unstable();
        assert_eq!(ids, wanted, "one result for each order asked for");
        let change = |one| match one {
            Fetched::Order(order) => Some(Change::Order(Box::new(normalize::order(*order)))),
            Fetched::Absent(id) => Some(Change::Absent(id)),
            Fetched::Unreadable { .. } => None,
        };
        let changes = fetched.into_iter().filter_map(change);
        Book::new().report(Source::Fetch, changes.collect());
    }
    text
}

fn slots() -> Vec<SlotKey> {
    let slot = |item: &str, location: Option<&str>| SlotKey {
        item: item.into(),
        location: location.map(Into::into),
    };
    vec![
        slot("4501", Some("101")),
        slot("4502", Some("102")),
        slot("4501", None),
    ]
}

async fn read_back(shop: &Connector) -> String {
    let shown = shop.quantities.read_back(&slots()).await;
    let text = format!("{shown:?}");
    if let Ok(shown) = shown {
        let of: Vec<SlotKey> = shown.iter().map(|one| one.slot.clone()).collect();
        assert_eq!(of, slots(), "one result for each slot, in their order");
        let command = Command::Shown {
            channel: CHANNEL.into(),
            began: SINCE,
            complete_to: None,
            slots: shown.into_iter().map(normalize::shown).collect(),
            corrections_max: 3,
        };
        Book::new().book(&command);
    }
    text
}

async fn push(shop: &Connector) -> String {
    let row = |slot: SlotKey| PushRow {
        slot,
        quantity: Units(7),
        expected: Some(3),
    };
    let rows: Vec<PushRow> = slots().into_iter().take(2).map(row).collect();
    let asked = rows.len();
    let call = CallId(uuid::Uuid::from_u128(7));
    let outcomes = shop.quantities.push(&Push { call, rows }).await;
    if let Ok(outcomes) = &outcomes {
        assert_eq!(outcomes.len(), asked, "one outcome for each row");
    }
    format!("{outcomes:?}")
}

async fn listings(shop: &Connector) -> String {
    let page = shop.listings.listings(None).await;
    let text = format!("{page:?}");
    if let Ok(page) = page {
        Book::new().book(&Command::Listings {
            channel: CHANNEL.into(),
            listings: page.listings.into_iter().map(normalize::listing).collect(),
            complete: None,
        });
    }
    text
}

async fn file(shop: &Connector, of: BulkOf) -> String {
    let bulk = shop.bulk.as_deref().unwrap();
    let (mut from, mut text, mut book) = (0, String::new(), Book::new());
    for _ in 0..ANSWERS_MAX {
        let part = bulk.part(of, &Secret::new(URL), from).await;
        text.push_str(&format!("{part:?}"));
        let Ok(part) = part else { return text };
        if let BulkRows::Orders(changes) = part.rows {
            let changes = changes.into_iter().filter_map(told);
            book.report(Source::Fetch, changes.collect());
        }
        let Some(next) = part.next else { return text };
        assert!(next > from, "it goes on from {from} at {next}");
        from = next;
    }
    text
}

async fn parcel(shop: &Connector) -> String {
    let tracking = Tracking {
        number: "1Z99".to_owned(),
        company: None,
    };
    let parcel = Parcel {
        order: "6120334561234".into(),
        lines: vec![("111".into(), Units(2))],
        location: Some("101".into()),
        tracking: Some(tracking.clone()),
        notify_buyer: false,
    };
    let shipments = shop.shipments.as_deref().unwrap();
    let reported = shipments.report(&parcel).await;
    let tracked = shipments.track("77", &tracking, false).await;
    format!("{reported:?} {tracked:?}")
}

/// What is asked seldom.
async fn other(shop: &Connector) -> String {
    let webhooks = shop.webhooks.as_deref().unwrap();
    let bulk = shop.bulk.as_deref().unwrap();
    let subscriptions = webhooks.subscriptions().await;
    let subscribed = webhooks.subscribe("orders/create", URL).await;
    let (probe, locations) = (shop.probe.probe().await, shop.listings.locations().await);
    let started = bulk.start(BulkOf::Listings, "channelsync_3f1a").await;
    let state = bulk.state("1").await;
    format!("{subscriptions:?} {subscribed:?} {probe:?} {locations:?} {started:?} {state:?}")
}

#[derive(Debug)]
struct Nowhere;

#[async_trait::async_trait]
impl GrantStore for Nowhere {
    fn place(&self) -> String {
        "nowhere".to_owned()
    }

    async fn lease(&self) -> Result<Box<dyn GrantLease>, String> {
        Err("nothing is kept".to_owned())
    }
}

fn source(credentials: Credentials) -> TokenSource {
    let settings = Settings {
        shop: "shop.myshopify.com".to_owned(),
        base_url: None,
        figure: Figure::OnHand,
        credentials,
        webhook_secrets: Vec::new(),
    };
    account(&settings).auth.token
}

fn token(answer: &Response) -> String {
    let credentials = Credentials::ClientCredentials {
        client_id: "id".to_owned(),
        client_secret: Secret::new("s"),
    };
    let TokenSource::Exchange(exchange) = source(credentials) else {
        panic!("a token is asked for");
    };
    let got = exchange.decode(answer);
    if let Ok((token, _)) = &got {
        assert!(!token.expose().is_empty(), "an empty token lets nobody in");
    }
    format!("{got:?}")
}

fn renewal(answer: &Response) -> String {
    let credentials = Credentials::Grant {
        client_id: "id".to_owned(),
        client_secret: Secret::new("s"),
        grants: std::sync::Arc::new(Nowhere),
    };
    let TokenSource::Grant(renewal, _) = source(credentials) else {
        panic!("a grant is renewed");
    };
    let got = renewal.decode(answer, SINCE);
    if let Ok(grant) = &got {
        assert!(!grant.token.expose().is_empty() && !grant.refresh.expose().is_empty());
        assert!(grant.expires_at >= SINCE, "it ended before it began");
    }
    format!("{got:?}")
}

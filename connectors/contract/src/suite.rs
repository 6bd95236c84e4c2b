//! What every connector must do, as tests that a connector's own tests run.
//!
//! In: a [`Case`], which knows how its channel spells an answer. Out: a panic that says what the
//! connector did wrong. The channel is played by [`Scripted`]; nothing here opens a socket or sleeps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::connector::{Connector, ConnectorError, NextStep};
use crate::ids::{CallId, OrderId, SlotKey};
use crate::order::{Changed, ChangedPage};
use crate::quantity::{Push, PushOutcome, PushRow};
use crate::time::Timestamp;
use crate::transport::{CallError, Effect, FilePart, Request, Response, Transport};
use crate::units::Units;

/// A transport that answers from a list, in order, and keeps what was sent.
#[derive(Default)]
pub struct Scripted {
    answers: Mutex<VecDeque<Result<Response, CallError>>>,
    sent: Mutex<Vec<Request>>,
    downloads: Mutex<Vec<FilePart>>,
}

impl Scripted {
    /// One that gives these answers, then says that nothing could be sent.
    pub fn new(answers: impl IntoIterator<Item = Result<Response, CallError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            sent: Mutex::default(),
            downloads: Mutex::default(),
        })
    }

    /// All parts of files so far.
    pub fn downloads(&self) -> Vec<FilePart> {
        self.downloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn next(&self) -> Result<Response, CallError> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .pop_front()
            .unwrap_or_else(|| Err(CallError::NotSent("script is over".into())))
    }

    /// All requests so far.
    pub fn sent(&self) -> Vec<Request> {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        self.next()
    }

    async fn download(&self, part: FilePart) -> Result<Response, CallError> {
        self.downloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(part);
        self.next()
    }
}

/// An answer with this status and body and no headers.
pub fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response {
    Response {
        status,
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

/// How one channel spells what the tests need.
pub trait Case: Sync {
    /// The connector under test.
    fn connect(&self, transport: Arc<dyn Transport>) -> Connector;
    /// An order id as this channel makes them.
    fn order(&self, number: u32) -> OrderId;
    /// A slot that exists.
    fn slot(&self, number: u32) -> SlotKey;
    /// One page of the first stream with these orders; `next` if another page follows.
    fn changed_page(&self, orders: &[OrderId], next: Option<&str>) -> Response;
    /// The rate limit's answer, as it comes.
    fn throttled(&self) -> Response;
    /// The answer to refused credentials.
    fn unauthorized(&self) -> Response;
    /// The answer to a push of `rows` rows of which only row `bad` is at fault.
    fn partly_refused(&self, rows: usize, bad: usize) -> Response;
    /// A signed delivery of an order; none for a channel without deliveries.
    fn delivery(&self) -> Option<(HeaderMap, Vec<u8>)>;
}

/// Runs all of it.
///
/// # Panics
/// When the connector breaks a rule; the message says which.
pub async fn check(case: &dyn Case) {
    pages_are_followed_to_the_last(case).await;
    an_order_on_two_pages_is_given_twice(case).await;
    a_throttle_is_told_as_one(case).await;
    refused_credentials_pause_the_channel(case).await;
    one_bad_row_accuses_no_other(case).await;
    an_unanswered_write_is_in_doubt_and_not_repeated(case).await;
    an_unanswered_read_is_only_repeated(case).await;
    any_answer_is_survived(case).await;
    a_bad_signature_is_noticed(case);
    any_delivery_is_survived(case);
}

const SINCE: Timestamp = Timestamp(1_795_000_000_000_000);

/// The ids on a page.
fn ids(page: &ChangedPage) -> Vec<OrderId> {
    let id = |changed: &Changed| match changed {
        Changed::Order(order) => Some(order.id.clone()),
        Changed::Hint(hint) => Some(hint.order.clone()),
        Changed::Unreadable { order, .. } => order.clone(),
    };
    page.changes.iter().filter_map(id).collect()
}

/// Walks the first stream to its end: all orders and the requests made.
async fn walk(case: &dyn Case, pages: Vec<Response>) -> (Vec<OrderId>, Vec<Request>) {
    let pages_max = pages.len();
    let transport = Scripted::new(pages.into_iter().map(Ok));
    let connector = case.connect(transport.clone());
    let stream = connector.capabilities.streams[0];
    let (mut seen, mut next) = (Vec::new(), None);
    for _ in 0..pages_max {
        let page = connector
            .orders
            .changed(stream, SINCE, next.as_deref())
            .await;
        let page = page.expect("a good page is read");
        let found = ids(&page);
        assert_eq!(page.times.len(), found.len(), "each row has its time");
        seen.extend(found);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(next, None, "the last page has no next");
    (seen, transport.sent())
}

async fn pages_are_followed_to_the_last(case: &dyn Case) {
    let (first, second) = (case.order(1), case.order(2));
    let pages = vec![
        case.changed_page(std::slice::from_ref(&first), Some("page-two")),
        case.changed_page(std::slice::from_ref(&second), Some("page-three")),
        case.changed_page(&[], None),
    ];
    let (seen, sent) = walk(case, pages).await;
    assert_eq!(seen, [first, second], "every page counts, in order");
    assert_eq!(sent.len(), 3, "one request a page");
    let asks = |request: &Request| (request.path.clone(), request.body.clone());
    assert_ne!(
        asks(&sent[0]),
        asks(&sent[1]),
        "the second page is asked for by its token"
    );
    assert_ne!(
        asks(&sent[1]),
        asks(&sent[2]),
        "the third page is asked for by its token"
    );
}

async fn an_order_on_two_pages_is_given_twice(case: &dyn Case) {
    let order = case.order(1);
    let pages = vec![
        case.changed_page(std::slice::from_ref(&order), Some("page-two")),
        case.changed_page(std::slice::from_ref(&order), None),
    ];
    let (seen, _) = walk(case, pages).await;
    assert_eq!(
        seen,
        [order.clone(), order],
        "a connector keeps no state to filter by"
    );
}

/// Makes every kind of call once with the same answer to each; write or read, and its error.
async fn every_call(
    case: &dyn Case,
    reply: &dyn Fn() -> Result<Response, CallError>,
) -> Vec<(Effect, Option<ConnectorError>, usize)> {
    let mut results = Vec::new();
    for call in 0..6 {
        let transport = Scripted::new([reply()]);
        let connector = case.connect(transport.clone());
        let stream = connector.capabilities.streams[0];
        let error = match call {
            0 => connector.orders.changed(stream, SINCE, None).await.err(),
            1 => connector.orders.fetch(&[case.order(1)]).await.err(),
            2 => connector.quantities.read_back(&[case.slot(1)]).await.err(),
            3 => connector.listings.listings(None).await.err(),
            4 => connector.probe.probe().await.err(),
            _ => connector.quantities.push(&push_of(case, 1)).await.err(),
        };
        let sent = transport.sent();
        let effect = sent.first().map_or(Effect::Read, |request| request.effect);
        results.push((effect, error, sent.len()));
    }
    results
}

fn push_of(case: &dyn Case, rows: u32) -> Push {
    let row = |number| PushRow {
        slot: case.slot(number),
        quantity: Units(5),
        expected: Some(7),
    };
    Push {
        call: CallId(uuid::Uuid::from_u128(42)),
        rows: (1..=rows).map(row).collect(),
    }
}

async fn a_throttle_is_told_as_one(case: &dyn Case) {
    for (_, error, sent) in every_call(case, &|| Ok(case.throttled())).await {
        let Some(ConnectorError::Throttled { retry_after }) = error else {
            panic!("a throttle gave {error:?}");
        };
        assert!(!retry_after.is_zero(), "a throttle says how long to wait");
        assert_eq!(sent, 1, "pacing is transport's, nothing is repeated");
    }
    let wait = Duration::from_secs(7);
    for (_, error, _) in every_call(case, &|| Err(CallError::Throttled { retry_after: wait })).await
    {
        let step = error.map(|error| error.next_step());
        assert_eq!(
            step,
            Some(NextStep::RetryAfter(wait)),
            "transport's wait is passed on"
        );
    }
    let transport = Scripted::new([]);
    let connector = case.connect(transport.clone());
    let nothing = connector
        .orders
        .changed(connector.capabilities.streams[0], SINCE, None)
        .await;
    assert!(nothing.is_err(), "nothing was sent, so nothing is known");
    let report = (transport.sent()[0].report)(&case.throttled());
    assert!(
        report.throttled.is_some(),
        "transport is told of the throttle, whatever its status"
    );
}

async fn refused_credentials_pause_the_channel(case: &dyn Case) {
    for (_, error, sent) in every_call(case, &|| Ok(case.unauthorized())).await {
        let step = error.map(|error| error.next_step());
        assert_eq!(step, Some(NextStep::PauseChannel), "a person must act");
        assert_eq!(sent, 1, "refreshing tokens is transport's");
    }
}

/// R34
async fn one_bad_row_accuses_no_other(case: &dyn Case) {
    for bad in 0..3 {
        let transport = Scripted::new([Ok(case.partly_refused(3, bad))]);
        let outcomes = case
            .connect(transport)
            .quantities
            .push(&push_of(case, 3))
            .await;
        let outcomes = outcomes.expect("a refusal is an outcome, not an error");
        assert_eq!(outcomes.len(), 3, "one outcome per row");
        for (index, outcome) in outcomes.iter().enumerate() {
            let blamed = matches!(outcome, PushOutcome::Refused { .. } | PushOutcome::Stale);
            assert_eq!(
                blamed,
                index == bad,
                "row {index} of bad {bad}: {outcome:?}"
            );
            let doubted = matches!(outcome, PushOutcome::InDoubt);
            assert!(!doubted, "the answer leaves no doubt about row {index}");
        }
    }
}

async fn an_unanswered_write_is_in_doubt_and_not_repeated(case: &dyn Case) {
    let silence: [&dyn Fn() -> Result<Response, CallError>; 3] = [
        &|| Err(CallError::Unanswered("timeout".into())),
        &|| Ok(answer(StatusCode::BAD_GATEWAY, "<html>")),
        &|| Ok(answer(StatusCode::OK, "{\"cut")),
    ];
    for reply in silence {
        for (effect, error, sent) in every_call(case, reply).await {
            if effect == Effect::Write {
                let step = error.map(|error| error.next_step());
                assert_eq!(step, Some(NextStep::ReadBack), "its outcome is unknown");
                assert_eq!(sent, 1, "it is never repeated blindly");
            }
        }
    }
}

async fn an_unanswered_read_is_only_repeated(case: &dyn Case) {
    for (effect, error, sent) in
        every_call(case, &|| Err(CallError::Unanswered("timeout".into()))).await
    {
        if effect == Effect::Read {
            let step = error.map(|error| error.next_step());
            assert_eq!(
                step,
                Some(NextStep::RetryWithBackoff),
                "a read leaves no doubt"
            );
            assert_eq!(sent, 1, "by the caller, not by the connector");
        }
    }
}

/// Bodies that no channel should send.
const ODD: [&[u8]; 12] = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"{",
    b"\"text\"",
    b"1e999",
    b"\xff\xfe\x00",
    b"{\"data\":null}",
    b"{\"data\":{},\"errors\":{}}",
    b"{\"data\":[],\"errors\":[null]}",
    b"{\"errors\":\"no\"}",
];

async fn any_answer_is_survived(case: &dyn Case) {
    for body in ODD {
        for status in [
            StatusCode::OK,
            StatusCode::NO_CONTENT,
            StatusCode::IM_A_TEAPOT,
        ] {
            for (_, error, _) in every_call(case, &|| Ok(answer(status, body))).await {
                assert!(error.is_some(), "{status} {body:?} is no answer");
            }
        }
    }
}

fn a_bad_signature_is_noticed(case: &dyn Case) {
    let Some((headers, body)) = case.delivery() else {
        return;
    };
    let connector = case.connect(Scripted::new([]));
    let webhooks = connector
        .webhooks
        .expect("deliveries come, so they can be verified");
    let now = Timestamp(0);
    assert!(
        webhooks.verify(&headers, &body, now).is_ok(),
        "a good signature"
    );
    assert!(
        webhooks.verify(&HeaderMap::new(), &body, now).is_err(),
        "no signature"
    );
    for index in 0..body.len() {
        let mut other = body.clone();
        other[index] ^= 1;
        assert!(
            webhooks.verify(&headers, &other, now).is_err(),
            "byte {index} of the body changed"
        );
    }
    assert!(
        webhooks.verify(&headers, &body[1..], now).is_err(),
        "a byte is missing"
    );
}

fn any_delivery_is_survived(case: &dyn Case) {
    let Some((headers, body)) = case.delivery() else {
        return;
    };
    let connector = case.connect(Scripted::new([]));
    let webhooks = connector
        .webhooks
        .expect("deliveries come, so they can be decoded");
    assert!(webhooks.decode(&headers, &body).is_ok(), "a good delivery");
    for end in 0..body.len() {
        assert!(
            webhooks.decode(&headers, &body[..end]).is_err(),
            "cut after {end} bytes"
        );
    }
    for odd in ODD {
        assert!(
            webhooks.decode(&headers, odd).is_err(),
            "{odd:?} is no order"
        );
    }
    assert!(
        webhooks.decode(&HeaderMap::new(), &body).is_err(),
        "a delivery of no kind"
    );
}

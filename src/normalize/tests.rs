//! R26: what every kind of cancellation, refund and return does to stock, from a channel's words to
//! the book.

use channelsync_contract::order::{Restock, RestockKind, Route, SnapshotLine, SnapshotShipment};
use channelsync_contract::{Facet, OrderSnapshot, Timestamp, Units};
use insta::assert_snapshot;

use super::order;
use crate::ledger::{
    Change, ChannelSetup, Command, Counting, Draft, Entry, Fact, Happened, Ledger, ListingReport,
    LocationPair, Returns, Rules, Setup, Source, StockLine, decide, evolve,
};

/// What happens to two of the four units of an order's line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    CancelRestocked,
    CancelUnstocked,
    RefundRestocked,
    RefundUnstocked,
    RefundMoney,
    Return(RestockKind),
    Exchange,
}

const ACTS: [Act; 10] = [
    Act::CancelRestocked,
    Act::CancelUnstocked,
    Act::RefundRestocked,
    Act::RefundUnstocked,
    Act::RefundMoney,
    Act::Return(RestockKind::Return),
    Act::Return(RestockKind::Inspect),
    Act::Return(RestockKind::NotRestocked),
    Act::Return(RestockKind::Missing),
    Act::Exchange,
];

/// What had left before: from where, and how many.
const PARCELS: [(&str, &[(&str, u32)]); 5] = [
    ("unshipped", &[]),
    ("2 of 4, one parcel", &[("L1", 2)]),
    ("2 of 4, two parcels", &[("L1", 1), ("L2", 1)]),
    ("all, one parcel", &[("L1", 4)]),
    ("all, two parcels", &[("L1", 2), ("L2", 2)]),
];

fn time(secs: i64) -> Timestamp {
    Timestamp(secs * 1_000_000)
}

fn line(id: &str, ordered: u32, open: u32, fulfilled: u32) -> SnapshotLine {
    SnapshotLine {
        id: id.into(),
        listing: Some(id.into()),
        ordered: Units(ordered),
        open: Units(open),
        fulfilled: Units(fulfilled),
        stocked: true,
        price: None,
    }
}

fn restock(kind: RestockKind, units: u32, place: Option<&str>) -> Restock {
    Restock {
        id: "501".to_owned(),
        line: "MUG".into(),
        units: Units(units),
        location: place.map(Into::into),
        kind,
        at: Some(time(300)),
    }
}

/// The order as its channel shows it, before or after the act.
fn snapshot(parcels: &[(&str, u32)], act: Option<(Act, &str)>) -> OrderSnapshot {
    let shipped: u32 = parcels.iter().map(|(_, units)| units).sum();
    let mut open = 4 - shipped;
    let mut lines = Vec::new();
    let mut restocks = Vec::new();
    if let Some((act, place)) = act {
        let taken_off = open.min(2);
        let place = Some(place);
        match act {
            Act::CancelRestocked | Act::CancelUnstocked => open -= taken_off,
            Act::Exchange => lines.push(line("CUP", 2, 2, 0)),
            _ => {}
        }
        restocks.extend(match act {
            Act::CancelRestocked => Some(restock(RestockKind::Cancel, taken_off, place)),
            Act::CancelUnstocked => Some(restock(RestockKind::None, taken_off, None)),
            Act::RefundRestocked => Some(restock(RestockKind::Return, 2, place)),
            Act::RefundUnstocked => Some(restock(RestockKind::None, 2, None)),
            Act::RefundMoney => None,
            Act::Return(kind) => Some(restock(kind, 2, place)),
            Act::Exchange => Some(restock(RestockKind::Return, 2, place)),
        });
    }
    lines.insert(0, line("MUG", 4, open, shipped));
    let route = |line: &SnapshotLine| Route {
        line: line.id.clone(),
        location: "L1".into(),
        open: line.open,
        on_hold: false,
        ship_by: None,
    };
    let routes = lines
        .iter()
        .filter(|line| !line.open.is_zero())
        .map(route)
        .collect();
    let parcel = |(place, units): &(&str, u32)| SnapshotShipment {
        id: format!("parcel from {place}"),
        location: Some((*place).into()),
        lines: vec![("MUG".into(), Units(*units))],
        at: Some(time(200)),
    };
    OrderSnapshot {
        id: "A1".into(),
        name: "#A1".to_owned(),
        version: Some(time(if act.is_some() { 300 } else { 200 })),
        placed_at: time(100),
        test: false,
        cancelled_at: None,
        acknowledge_by: None,
        lines: Facet::Complete(lines),
        routes: Facet::Complete(routes),
        shipments: Facet::Complete(parcels.iter().map(parcel).collect()),
        restocks: Facet::Complete(restocks),
    }
}

fn book(ledger: &mut Ledger, command: &Command) -> Draft {
    let at = time(1_000);
    let draft = decide(ledger, command, at).unwrap();
    if !draft.is_empty() {
        let entry = Entry {
            seq: ledger.seq + 1,
            at,
            actor: "test".to_owned(),
            cause: String::new(),
            movements: draft.movements.clone(),
            facts: draft.facts.clone(),
        };
        evolve(ledger, &entry);
    }
    draft
}

/// Two locations with ten mugs and ten cups each, and a channel that is served from both.
fn shop(returns: Returns) -> Ledger {
    let mut ledger = Ledger::default();
    let pair = |(ours, theirs): (&str, &str)| LocationPair {
        ours: ours.into(),
        theirs: Some(theirs.into()),
    };
    let setup = Setup {
        merchant: None,
        locations: vec!["main".into(), "east".into()],
        rules: Rules::default(),
        channels: vec![ChannelSetup {
            id: "us".into(),
            counting: Counting::Gross,
            compare_and_set: true,
            visibility_lag: std::time::Duration::from_secs(60),
            live: true,
            book_from: Some(time(0)),
            locations: [("main", "L1"), ("east", "L2")].map(pair).into(),
            mass_change: Default::default(),
            backorder_priority: 0,
            returns,
            rules: Rules::default(),
            sku_rules: Default::default(),
            listing_rules: Default::default(),
        }],
        masters: Default::default(),
    };
    book(&mut ledger, &Command::Configure(Box::new(setup)));
    for (sku, location) in [
        ("MUG", "main"),
        ("MUG", "east"),
        ("CUP", "main"),
        ("CUP", "east"),
    ] {
        book(
            &mut ledger,
            &Command::Receive(StockLine {
                id: format!("{sku} {location}"),
                sku: sku.into(),
                location: location.into(),
                units: Units(10),
            }),
        );
    }
    let listing = |sku: &str| ListingReport {
        listing: sku.into(),
        item: sku.into(),
        sku: sku.into(),
        gtin: None,
        unpushable: false,
        sells_without_limit: false,
    };
    book(
        &mut ledger,
        &Command::Listings {
            channel: "us".into(),
            listings: vec![listing("MUG"), listing("CUP")],
            complete: None,
        },
    );
    ledger
}

fn report(ledger: &mut Ledger, began: i64, snapshot: OrderSnapshot) -> Draft {
    let change = Change::Order(Box::new(order(snapshot)));
    book(
        ledger,
        &Command::Report(Happened {
            channel: "us".into(),
            source: Source::Fetch,
            began: time(began),
            changes: vec![change],
            polled: None,
        }),
    )
}

/// Available, committed and unavailable of a SKU at both locations.
fn stock(ledger: &Ledger, sku: &str) -> String {
    let number = ledger.sku_ix(sku).unwrap();
    let at = |name| {
        let balance = ledger.balance(number, ledger.location(name).unwrap());
        let (free, promised) = (balance.available, balance.committed);
        format!("{name} {free}/{promised}/{}", balance.unavailable)
    };
    format!("{sku} {} {}", at("main"), at("east"))
}

/// Books the order and then the act, and says what is there and what a person is told.
fn end(parcels: &[(&str, u32)], act: Act, place: &str, returns: Returns) -> String {
    let mut ledger = shop(returns);
    report(&mut ledger, 250, snapshot(parcels, None));
    let after = || snapshot(parcels, Some((act, place)));
    let draft = report(&mut ledger, 350, after());
    let again = report(&mut ledger, 350, after());
    assert!(again.is_empty(), "a second copy books {again:?}");
    // Whoever hears of it all at once ends with the same stock.
    let mut late = shop(returns);
    report(&mut late, 350, after());
    for sku in ["MUG", "CUP"] {
        assert_eq!(stock(&late, sku), stock(&ledger, sku), "{act:?} {place}");
    }
    let mut out = stock(&ledger, "MUG");
    if act == Act::Exchange {
        out.push_str(&format!(", {}", stock(&ledger, "CUP")));
    }
    let line = ledger.channels[0].orders.get("A1").unwrap().lines[0].clone();
    if !line.awaited().is_zero() {
        out.push_str(&format!(", {} awaited", line.awaited()));
    }
    for fact in &draft.facts {
        if let Fact::Exception(exception) = fact {
            let text = format!("{exception:?}");
            out.push_str(&format!(", {}", text.split(' ').next().unwrap()));
        }
    }
    out
}

fn table(returns: Returns) -> String {
    let mut out = Vec::new();
    for act in ACTS {
        for (name, parcels) in PARCELS {
            let ends = ["L1", "L2"].map(|place| end(parcels, act, place, returns));
            let [first, second] = &ends;
            if first == second {
                out.push(format!("{act:?}, {name}: {first}"));
            } else {
                out.push(format!("{act:?} to L1, {name}: {first}"));
                out.push(format!("{act:?} to L2, {name}: {second}"));
            }
        }
    }
    out.join("\n")
}

/// R26
#[test]
fn every_kind_of_cancellation_refund_and_return_has_its_result() {
    assert_snapshot!(table(Returns::Channel), @r"
    CancelRestocked, unshipped: MUG main 8/2/0 east 10/0/0
    CancelRestocked, 2 of 4, one parcel: MUG main 8/0/0 east 10/0/0
    CancelRestocked, 2 of 4, two parcels: MUG main 9/0/0 east 9/0/0
    CancelRestocked, all, one parcel: MUG main 6/0/0 east 10/0/0
    CancelRestocked, all, two parcels: MUG main 8/0/0 east 8/0/0
    CancelUnstocked, unshipped: MUG main 6/2/2 east 10/0/0, Withheld
    CancelUnstocked, 2 of 4, one parcel: MUG main 6/0/2 east 10/0/0, Withheld
    CancelUnstocked, 2 of 4, two parcels: MUG main 7/0/2 east 9/0/0, Withheld
    CancelUnstocked, all, one parcel: MUG main 6/0/0 east 10/0/0
    CancelUnstocked, all, two parcels: MUG main 8/0/0 east 8/0/0
    RefundRestocked, unshipped: MUG main 6/4/0 east 10/0/0, RestockExcess
    RefundRestocked to L1, 2 of 4, one parcel: MUG main 8/2/0 east 10/0/0
    RefundRestocked to L2, 2 of 4, one parcel: MUG main 6/2/0 east 12/0/0
    RefundRestocked to L1, 2 of 4, two parcels: MUG main 9/2/0 east 9/0/0
    RefundRestocked to L2, 2 of 4, two parcels: MUG main 7/2/0 east 11/0/0
    RefundRestocked to L1, all, one parcel: MUG main 8/0/0 east 10/0/0
    RefundRestocked to L2, all, one parcel: MUG main 6/0/0 east 12/0/0
    RefundRestocked to L1, all, two parcels: MUG main 10/0/0 east 8/0/0
    RefundRestocked to L2, all, two parcels: MUG main 8/0/0 east 10/0/0
    RefundUnstocked, unshipped: MUG main 6/4/0 east 10/0/0
    RefundUnstocked, 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    RefundUnstocked, 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    RefundUnstocked, all, one parcel: MUG main 6/0/0 east 10/0/0
    RefundUnstocked, all, two parcels: MUG main 8/0/0 east 8/0/0
    RefundMoney, unshipped: MUG main 6/4/0 east 10/0/0
    RefundMoney, 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    RefundMoney, 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    RefundMoney, all, one parcel: MUG main 6/0/0 east 10/0/0
    RefundMoney, all, two parcels: MUG main 8/0/0 east 8/0/0
    Return(Return), unshipped: MUG main 6/4/0 east 10/0/0, RestockExcess
    Return(Return) to L1, 2 of 4, one parcel: MUG main 8/2/0 east 10/0/0
    Return(Return) to L2, 2 of 4, one parcel: MUG main 6/2/0 east 12/0/0
    Return(Return) to L1, 2 of 4, two parcels: MUG main 9/2/0 east 9/0/0
    Return(Return) to L2, 2 of 4, two parcels: MUG main 7/2/0 east 11/0/0
    Return(Return) to L1, all, one parcel: MUG main 8/0/0 east 10/0/0
    Return(Return) to L2, all, one parcel: MUG main 6/0/0 east 12/0/0
    Return(Return) to L1, all, two parcels: MUG main 10/0/0 east 8/0/0
    Return(Return) to L2, all, two parcels: MUG main 8/0/0 east 10/0/0
    Return(Inspect), unshipped: MUG main 6/4/0 east 10/0/0, RestockExcess
    Return(Inspect) to L1, 2 of 4, one parcel: MUG main 6/2/2 east 10/0/0, ToInspect
    Return(Inspect) to L2, 2 of 4, one parcel: MUG main 6/2/0 east 10/0/2, ToInspect
    Return(Inspect) to L1, 2 of 4, two parcels: MUG main 7/2/2 east 9/0/0, ToInspect
    Return(Inspect) to L2, 2 of 4, two parcels: MUG main 7/2/0 east 9/0/2, ToInspect
    Return(Inspect) to L1, all, one parcel: MUG main 6/0/2 east 10/0/0, ToInspect
    Return(Inspect) to L2, all, one parcel: MUG main 6/0/0 east 10/0/2, ToInspect
    Return(Inspect) to L1, all, two parcels: MUG main 8/0/2 east 8/0/0, ToInspect
    Return(Inspect) to L2, all, two parcels: MUG main 8/0/0 east 8/0/2, ToInspect
    Return(NotRestocked), unshipped: MUG main 6/4/0 east 10/0/0
    Return(NotRestocked), 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    Return(NotRestocked), 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    Return(NotRestocked), all, one parcel: MUG main 6/0/0 east 10/0/0
    Return(NotRestocked), all, two parcels: MUG main 8/0/0 east 8/0/0
    Return(Missing), unshipped: MUG main 6/4/0 east 10/0/0
    Return(Missing), 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    Return(Missing), 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    Return(Missing), all, one parcel: MUG main 6/0/0 east 10/0/0
    Return(Missing), all, two parcels: MUG main 8/0/0 east 8/0/0
    Exchange, unshipped: MUG main 6/4/0 east 10/0/0, CUP main 8/2/0 east 10/0/0, RestockExcess
    Exchange to L1, 2 of 4, one parcel: MUG main 8/2/0 east 10/0/0, CUP main 8/2/0 east 10/0/0
    Exchange to L2, 2 of 4, one parcel: MUG main 6/2/0 east 12/0/0, CUP main 8/2/0 east 10/0/0
    Exchange to L1, 2 of 4, two parcels: MUG main 9/2/0 east 9/0/0, CUP main 8/2/0 east 10/0/0
    Exchange to L2, 2 of 4, two parcels: MUG main 7/2/0 east 11/0/0, CUP main 8/2/0 east 10/0/0
    Exchange to L1, all, one parcel: MUG main 8/0/0 east 10/0/0, CUP main 8/2/0 east 10/0/0
    Exchange to L2, all, one parcel: MUG main 6/0/0 east 12/0/0, CUP main 8/2/0 east 10/0/0
    Exchange to L1, all, two parcels: MUG main 10/0/0 east 8/0/0, CUP main 8/2/0 east 10/0/0
    Exchange to L2, all, two parcels: MUG main 8/0/0 east 10/0/0, CUP main 8/2/0 east 10/0/0
    ");
}

/// R26
#[test]
fn where_a_person_receives_returns_the_channels_word_moves_nothing_back() {
    assert_snapshot!(table(Returns::Manual), @r"
    CancelRestocked, unshipped: MUG main 8/2/0 east 10/0/0
    CancelRestocked, 2 of 4, one parcel: MUG main 8/0/0 east 10/0/0
    CancelRestocked, 2 of 4, two parcels: MUG main 9/0/0 east 9/0/0
    CancelRestocked, all, one parcel: MUG main 6/0/0 east 10/0/0
    CancelRestocked, all, two parcels: MUG main 8/0/0 east 8/0/0
    CancelUnstocked, unshipped: MUG main 6/2/2 east 10/0/0, Withheld
    CancelUnstocked, 2 of 4, one parcel: MUG main 6/0/2 east 10/0/0, Withheld
    CancelUnstocked, 2 of 4, two parcels: MUG main 7/0/2 east 9/0/0, Withheld
    CancelUnstocked, all, one parcel: MUG main 6/0/0 east 10/0/0
    CancelUnstocked, all, two parcels: MUG main 8/0/0 east 8/0/0
    RefundRestocked, unshipped: MUG main 6/4/0 east 10/0/0, RestockExcess
    RefundRestocked, 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0, 2 awaited
    RefundRestocked, 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0, 2 awaited
    RefundRestocked, all, one parcel: MUG main 6/0/0 east 10/0/0, 2 awaited
    RefundRestocked, all, two parcels: MUG main 8/0/0 east 8/0/0, 2 awaited
    RefundUnstocked, unshipped: MUG main 6/4/0 east 10/0/0
    RefundUnstocked, 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    RefundUnstocked, 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    RefundUnstocked, all, one parcel: MUG main 6/0/0 east 10/0/0
    RefundUnstocked, all, two parcels: MUG main 8/0/0 east 8/0/0
    RefundMoney, unshipped: MUG main 6/4/0 east 10/0/0
    RefundMoney, 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    RefundMoney, 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    RefundMoney, all, one parcel: MUG main 6/0/0 east 10/0/0
    RefundMoney, all, two parcels: MUG main 8/0/0 east 8/0/0
    Return(Return), unshipped: MUG main 6/4/0 east 10/0/0, RestockExcess
    Return(Return), 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0, 2 awaited
    Return(Return), 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0, 2 awaited
    Return(Return), all, one parcel: MUG main 6/0/0 east 10/0/0, 2 awaited
    Return(Return), all, two parcels: MUG main 8/0/0 east 8/0/0, 2 awaited
    Return(Inspect), unshipped: MUG main 6/4/0 east 10/0/0, RestockExcess
    Return(Inspect), 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0, 2 awaited
    Return(Inspect), 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0, 2 awaited
    Return(Inspect), all, one parcel: MUG main 6/0/0 east 10/0/0, 2 awaited
    Return(Inspect), all, two parcels: MUG main 8/0/0 east 8/0/0, 2 awaited
    Return(NotRestocked), unshipped: MUG main 6/4/0 east 10/0/0
    Return(NotRestocked), 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    Return(NotRestocked), 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    Return(NotRestocked), all, one parcel: MUG main 6/0/0 east 10/0/0
    Return(NotRestocked), all, two parcels: MUG main 8/0/0 east 8/0/0
    Return(Missing), unshipped: MUG main 6/4/0 east 10/0/0
    Return(Missing), 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0
    Return(Missing), 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0
    Return(Missing), all, one parcel: MUG main 6/0/0 east 10/0/0
    Return(Missing), all, two parcels: MUG main 8/0/0 east 8/0/0
    Exchange, unshipped: MUG main 6/4/0 east 10/0/0, CUP main 8/2/0 east 10/0/0, RestockExcess
    Exchange, 2 of 4, one parcel: MUG main 6/2/0 east 10/0/0, CUP main 8/2/0 east 10/0/0, 2 awaited
    Exchange, 2 of 4, two parcels: MUG main 7/2/0 east 9/0/0, CUP main 8/2/0 east 10/0/0, 2 awaited
    Exchange, all, one parcel: MUG main 6/0/0 east 10/0/0, CUP main 8/2/0 east 10/0/0, 2 awaited
    Exchange, all, two parcels: MUG main 8/0/0 east 8/0/0, CUP main 8/2/0 east 10/0/0, 2 awaited
    ");
}

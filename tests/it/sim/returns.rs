//! What comes back, as a shop plays it: dispositions, exchanges, refunds, a person's receipts.

use channelsync::ledger::{Command, Fate, Ledger, MapRow, ShipLine, verify};
use channelsync_contract::{ChannelId, LineId, ListingId, LocationId, OrderId, Sku, Units};
use channelsync_sandbox::{
    Action, Buying, Disposal, Found, LineUnits, NewUnits, Restock, ReturnStep, VariantSetup, Wanted,
};

use super::plan::Plan;
use super::pushes::count;
use super::scene::{Scene, scene};

/// Units of a SKU, given by its place in the catalogue: available and unavailable at both locations.
fn there(scene: &Scene, ledger: &Ledger, sku: usize) -> [(u32, u32); 2] {
    let sku = ledger.sku_ix(&scene.machine.shops[0].variants[sku].sku);
    let row = ledger.sku(sku.unwrap());
    ["place-1", "place-2"].map(|place| {
        let mut stocks = row.stocks.iter();
        let here = stocks.find(|one| ledger.location_id(one.location).as_str() == place);
        here.map_or((0, 0), |one| {
            (one.balance.available.0, one.balance.unavailable.0)
        })
    })
}

fn line_of(scene: &Scene, order: u64) -> u64 {
    scene.machine.sandbox.order("north", order).unwrap().lines[0].id
}

/// An order of the first SKU that a clerk shipped, and its line.
async fn shipped(scene: &Scene, units: u32) -> (u64, u64) {
    scene.rest().await;
    let order = scene.buy("north", 0, units);
    scene.rest().await;
    ship(scene, order);
    (order, line_of(scene, order))
}

fn ship(scene: &Scene, order: u64) {
    let action = Action::Ship {
        order,
        fulfillment_order: None,
        lines: Vec::new(),
        tracking: Default::default(),
    };
    scene.act("north", action);
}

fn send_back(scene: &Scene, order: u64, units: u32, exchange: Vec<NewUnits>) -> u64 {
    let line = line_of(scene, order);
    let action = Action::Return {
        order,
        lines: vec![LineUnits { line, units }],
        exchange,
        request: false,
    };
    scene.act("north", action)
}

/// A warehouse finds one unit of a return, at a location given by its place in the shop's list.
fn dispose(scene: &Scene, (id, line): (u64, u64), disposal: Disposal, place: Option<usize>) {
    let location = place.map(|place| scene.machine.shops[0].locations[place - 1].id);
    let found = Found {
        line,
        units: 1,
        disposal,
        location,
    };
    let found = vec![found];
    scene.act("north", Action::Dispose { id, found });
}

/// R26: what a warehouse finds goes where it says, whether or not the shop's deliveries arrive, and
/// refunds of a return or of money move nothing.
#[test]
fn each_disposition_books_what_it_says_once() {
    for lost in ["webhooks-lost=0", "webhooks-lost=1"] {
        let mut plan = Plan::calm();
        plan.shops.add(lost).unwrap();
        scene(plan, async |scene| {
            scene.begin().await;
            count(scene, "mugs", 0..1, 10).await;
            let (order, line) = shipped(scene, 6).await;
            let id = send_back(scene, order, 5, Vec::new());
            for (disposal, place, expected) in [
                (Disposal::Restocked, Some(2), [(4, 0), (1, 0)]),
                (Disposal::ProcessingRequired, Some(2), [(4, 0), (1, 1)]),
                (Disposal::Restocked, Some(1), [(5, 0), (1, 1)]),
                (Disposal::NotRestocked, None, [(5, 0), (1, 1)]),
                (Disposal::Missing, Some(1), [(5, 0), (1, 1)]),
            ] {
                dispose(scene, (id, line), disposal, place);
                scene.rest().await;
                assert_eq!(
                    there(scene, &scene.audited().await, 0),
                    expected,
                    "{disposal:?}"
                );
            }
            let units = LineUnits { line, units: 3 };
            let lines = vec![units];
            scene.act("north", Action::RefundReturn { id, lines });
            refund(scene, order, Vec::new(), None);
            let step = ReturnStep::Close;
            scene.act("north", Action::StepReturn { id, step });
            scene.rest().await;
            let ledger = scene.audited().await;
            assert_eq!(there(scene, &ledger, 0), [(5, 0), (1, 1)]);
            // The last unit comes back without a return: its refund alone says where.
            refund(scene, order, vec![LineUnits { line, units: 1 }], Some(2));
            scene.rest().await;
            let ledger = scene.audited().await;
            assert_eq!(there(scene, &ledger, 0), [(5, 0), (2, 1)]);
        });
    }
}

/// Shipped units put back at a location, or money alone.
fn refund(scene: &Scene, order: u64, lines: Vec<LineUnits>, place: Option<usize>) {
    let action = Action::Refund {
        order,
        amount_minor: lines.is_empty().then_some(100),
        lines,
        restock: Restock::Return,
        location: place.map(|place| scene.machine.shops[0].locations[place - 1].id),
    };
    scene.act("north", action);
}

/// R26
#[test]
fn an_exchange_commits_what_goes_out_and_lets_it_go_when_it_is_called_off() {
    scene(Plan::calm(), async |scene| {
        scene.begin().await;
        count(scene, "both", 0..2, 10).await;
        let (order, line) = shipped(scene, 2).await;
        let other = scene.machine.shops[0].variants[1].id;
        let exchange = || {
            vec![NewUnits {
                variant: Some(other),
                units: 1,
            }]
        };
        let id = send_back(scene, order, 1, exchange());
        scene.rest().await;
        let ledger = scene.audited().await;
        assert_eq!(there(scene, &ledger, 0)[0], (8, 0), "not back yet");
        assert_eq!(there(scene, &ledger, 1)[0], (9, 0), "promised");
        dispose(scene, (id, line), Disposal::Restocked, Some(1));
        let second = send_back(scene, order, 1, exchange());
        scene.rest().await;
        let ledger = scene.audited().await;
        assert_eq!(there(scene, &ledger, 0)[0], (9, 0));
        assert_eq!(there(scene, &ledger, 1)[0], (8, 0));
        let (id, step) = (second, ReturnStep::Cancel);
        scene.act("north", Action::StepReturn { id, step });
        ship(scene, order);
        scene.rest().await;
        let ledger = scene.audited().await;
        assert_eq!(there(scene, &ledger, 0)[0], (9, 0));
        assert_eq!(there(scene, &ledger, 1)[0], (9, 0), "one left");
    });
}

fn receipt(id: &str, order: u64, line: u64) -> Command {
    Command::TakeBack {
        id: id.to_owned(),
        channel: ChannelId::new("north"),
        order: OrderId::new(order.to_string()),
        lines: vec![ShipLine {
            line: LineId::new(line.to_string()),
            units: Units(1),
        }],
        fate: Fate::Restock,
        location: Some(LocationId::new("place-1")),
    }
}

/// R28: where a person receives, the shop's restock and the receipt never both count, in whatever
/// order they come.
#[test]
fn the_shops_restock_and_the_warehouses_receipt_never_both_count() {
    for desk_first in [false, true] {
        let mut plan = Plan::calm();
        plan.returns = "manual";
        scene(plan, async |scene| {
            scene.begin().await;
            count(scene, "mugs", 0..1, 10).await;
            let (order, line) = shipped(scene, 3).await;
            let id = send_back(scene, order, 1, Vec::new());
            scene.rest().await;
            if desk_first {
                scene.book(receipt("desk", order, line)).await;
            }
            dispose(scene, (id, line), Disposal::Restocked, Some(2));
            scene.rest().await;
            let ledger = scene.ledger().await;
            let back = u32::from(desk_first);
            assert_eq!(there(scene, &ledger, 0), [(7 + back, 0), (0, 0)]);
            let waiting = ledger.channel_named("north").unwrap().awaiting.len();
            assert_eq!(waiting, usize::from(!desk_first));
            scene.book(receipt("desk", order, line)).await;
            scene.rest().await;
            let ledger = scene.audited().await;
            assert_eq!(there(scene, &ledger, 0), [(8, 0), (0, 0)]);
            assert!(ledger.channel_named("north").unwrap().awaiting.is_empty());
        });
    }
}

/// R26: what left and came back before its listing stood for anything.
#[test]
fn what_came_back_before_it_was_mapped_goes_to_the_location_that_was_named() {
    scene(Plan::calm(), async |scene| {
        scene.begin().await;
        count(scene, "mugs", 0..1, 10).await;
        let variant = scene.act(
            "north",
            Action::AddVariant(VariantSetup {
                on_hand: vec![3, 0],
                ..VariantSetup::default()
            }),
        );
        let lines = vec![Wanted {
            variant: Some(variant),
            units: 3,
        }];
        let order = scene.act(
            "north",
            Action::Place(Buying {
                lines,
                test: false,
                on_terms: false,
            }),
        );
        scene.rest().await;
        ship(scene, order);
        let (id, line) = (
            send_back(scene, order, 2, Vec::new()),
            line_of(scene, order),
        );
        dispose(scene, (id, line), Disposal::Restocked, Some(2));
        dispose(scene, (id, line), Disposal::ProcessingRequired, Some(2));
        scene.rest().await;
        let ledger = scene.ledger().await;
        assert_eq!(there(scene, &ledger, 0), [(10, 0), (0, 0)]);
        let row = MapRow {
            channel: ChannelId::new("north"),
            listing: ListingId::new(variant.to_string()),
            parts: vec![(Sku::new(&scene.machine.shops[0].variants[0].sku), 1)],
        };
        scene.book(Command::Map(vec![row])).await;
        scene.rest().await;
        let ledger = scene.ledger().await;
        assert_eq!(there(scene, &ledger, 0), [(7, 0), (1, 1)]);
        assert_eq!(verify(&ledger), []);
    });
}

//! Purchase orders: expected units are nowhere until they come.

use insta::assert_snapshot;

use super::language::{replay, run};

#[test]
fn goods_that_came_are_received_whatever_was_ordered() {
    assert_snapshot!(replay("
        order A1 MUG 2
        buy P1 MUG 5 CUP 2
        buy P1 MUG 5 CUP 2
        buy P1 MUG 6
        came P1 MUG 3
        came P1 MUG 4 BOX 1
        came P1
        came P1
        drop-po P1
        drop-po P1
        came P1 CUP 1
        came P2
        buy P3 MUG 1 MUG 1
        buy P3
    "), @r"
    line 3 books nothing
    line 4 refused: another command was booked under id P1
    line 6 notes: 2 MUG beyond purchase order P1
    line 6 notes: 1 BOX beyond purchase order P1
    line 8 refused: purchase order P1 expects nothing more; name what came
    line 10 books nothing
    line 11 notes: 1 CUP beyond purchase order P1
    line 12 refused: unknown purchase order P2; `stock receive` books goods without one
    line 13 refused: a purchase order has each SKU once, at least one unit
    line 14 refused: a purchase order has 1 to 500 SKUs
    MUG  main  available 5  committed 2
    CUP  main  available 3
    BOX  main  available 1
    A1 MUG  open 2  held main 2
    ");
}

#[test]
fn a_purchase_order_is_incoming_and_late_until_it_came_or_is_closed() {
    let day = std::time::Duration::from_secs(86_400);
    for (script, incoming, is_open) in [
        ("buy P1 MUG 5", 5, true),
        ("buy P1 MUG 5\ncame P1 MUG 2", 3, true),
        ("buy P1 MUG 5\ncame P1", 0, false),
        ("buy P1 MUG 5\ncame P1 MUG 2\ndrop-po P1", 0, false),
    ] {
        let ledger = run(script).ledger;
        let sum: u32 = ledger.incoming().values().map(|units| units.0).sum();
        assert_eq!(sum, incoming, "{script}");
        let purchase = &ledger.purchases["P1"];
        let before = purchase
            .expected
            .plus(day)
            .minus(std::time::Duration::from_secs(1));
        let late = (
            purchase.is_late(before),
            purchase.is_late(purchase.expected.plus(day)),
        );
        assert_eq!(late, (false, is_open), "{script}");
        let mug = ledger.sku_ix("MUG").unwrap();
        let available: u32 = ledger
            .sku(mug)
            .stocks
            .iter()
            .map(|stock| stock.balance.available.0)
            .sum();
        assert!(
            available + incoming <= 5,
            "incoming is not available: {script}"
        );
    }
}

//! Opening counts from what a shop shows.

use std::time::Duration;

use channelsync::ats::OpeningPage;
use channelsync::bookkeeper::{BookError, Origin};
use channelsync::ledger::{Command, Refusal, StockLine};
use channelsync::reconcile::open;
use channelsync_contract::{ChannelId, Units};

use super::pushes::one_shop;
use super::scene::{Scene, scene};
use super::stock::{parcel, shown};

async fn read(scene: &Scene) -> OpeningPage {
    let (channel, daemon) = (ChannelId::new("north"), scene.machine.daemon().unwrap());
    let merchant = daemon.merchants.values().next().unwrap();
    let connector = &merchant.channels[&channel].connector;
    let clock = &*scene.machine.clock;
    let read = open((&channel, connector), (&merchant.book, clock), 0, None).await;
    read.unwrap()
}

/// Counts of all that a shop shows, as of when it was read.
fn counts(page: &OpeningPage) -> Command {
    let lines = page.openings.iter().map(|opening| {
        let line = StockLine {
            id: String::new(),
            sku: opening.sku.clone().unwrap(),
            location: opening.location.clone().unwrap(),
            units: opening.count.clone().unwrap(),
        };
        (line, page.as_of)
    });
    Command::CountAsOf {
        id: "adopted".to_owned(),
        lines: lines.collect(),
    }
}

/// R18: with every webhook lost, orders and parcels before and after the reading are heard of by polls.
#[test]
fn what_a_shop_shows_is_adopted_and_what_happens_meanwhile_counts_on_top() {
    let mut plan = one_shop(3);
    plan.size.on_hand = 10;
    plan.shops.add("webhooks-lost=1").unwrap();
    plan.poll_secs = 30;
    scene(plan, async |scene| {
        scene.begin_uncounted().await;
        let early = scene.buy("north", 0, 2);
        let gone = scene.buy("north", 1, 3);
        scene.sleep(Duration::from_secs(10)).await;
        scene.act("north", parcel(gone));
        scene.sleep(Duration::from_secs(5)).await;
        let page = read(scene).await;
        let units = |page: &OpeningPage| {
            let counts = page.openings.iter().map(|opening| opening.count.clone());
            counts.map(Result::unwrap).collect::<Vec<Units>>()
        };
        assert_eq!(units(&page), [Units(10), Units(7), Units(10)]);
        let book = scene.machine.book().unwrap();
        let refused = book
            .book(counts(&page), Origin::new("scene", "scene"))
            .await;
        let is_early = matches!(
            refused,
            Err(BookError::Refused(Refusal::NotYetKnown { .. }))
        );
        assert!(is_early, "{refused:?}");
        scene.sleep(Duration::from_secs(5)).await;
        scene.act("north", parcel(early));
        scene.buy("north", 2, 4);
        scene.sleep(Duration::from_secs(120)).await;
        scene.book(counts(&page)).await;
        scene.rest().await;
        let held = [0, 1, 2].map(|sku| shown(scene, sku));
        assert_eq!(held, [[8], [7], [10]]);
        assert!(
            scene.truth("north").sets.is_empty(),
            "nothing was to be written"
        );
        assert_eq!(read(scene).await.openings, []);
        scene.audited().await;
    });
}

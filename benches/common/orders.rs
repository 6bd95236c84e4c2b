//! Orders of three lines on any channel, as a webhook's decoder makes them.

use std::time::Duration;

use channelsync::ledger::{Change, Happened, OrderReport, ReportLine, ReportShipment, Source};
use channelsync::ports::SeededRng;
use channelsync_contract::{ChannelId, LineId, Money, OrderId, Rng, Units};

use crate::world::{self, START, Size};

/// Makes orders; equal seeds make equal orders.
pub(crate) struct Shoppers {
    size: Size,
    dice: SeededRng,
    next: u32,
}

impl Shoppers {
    /// Buyers on all channels.
    pub(crate) fn new(size: Size, seed: u64) -> Self {
        Self {
            size,
            dice: SeededRng::new(seed),
            next: 0,
        }
    }

    fn below(&self, bound: u32) -> u32 {
        u32::try_from(self.dice.below(u64::from(bound))).unwrap_or_default()
    }

    /// The next order, all of it still to be shipped.
    pub(crate) fn order(&mut self) -> Happened {
        let number = self.next;
        self.next += 1;
        let on = u16::try_from(number % u32::from(self.size.channels)).unwrap_or_default();
        let lines = (0..3).map(|line| {
            let units = Units(1 + self.below(3));
            ReportLine {
                line: LineId::new(world::long_number(14, on, number * 3 + line)),
                listing: Some(world::listing(on, self.below(self.size.skus))),
                ordered: units,
                open: units,
                fulfilled: Units::ZERO,
                price: Money::parse("19.99", "USD"),
            }
        });
        let report = OrderReport {
            order: OrderId::new(world::long_number(55, on, number)),
            name: format!("#{}", 1_000 + number),
            placed_at: START,
            version: Some(START),
            test: false,
            cancelled: false,
            acknowledge_by: None,
            lines: Some(lines.collect()),
            routes: None,
            shipments: Some(Vec::new()),
            restocks: Some(Vec::new()),
        };
        Happened {
            channel: world::channel(on),
            source: Source::Webhook,
            began: START,
            changes: vec![Change::Order(Box::new(report))],
            polled: None,
        }
    }
}

/// The same order, shipped in full.
pub(crate) fn shipped(order: &Happened) -> Happened {
    let mut shipped = order.clone();
    shipped.began = shipped.began.plus(Duration::from_secs(1));
    for change in &mut shipped.changes {
        let Change::Order(report) = change else {
            continue;
        };
        report.version = report.version.map(|at| at.plus(Duration::from_secs(1)));
        for line in report.lines.iter_mut().flatten() {
            line.fulfilled = line.ordered;
            line.open = Units::ZERO;
        }
        let lines = report.lines.iter().flatten();
        let parcels = lines.map(|line| ReportShipment {
            id: report.order.to_string(),
            line: line.line.clone(),
            location: Some(world::place(channel_number(&order.channel))),
            units: line.ordered,
            at: report.version,
        });
        report.shipments = Some(parcels.collect());
    }
    shipped
}

/// The number of one of these channels.
fn channel_number(channel: &ChannelId) -> u16 {
    let digits = channel.as_str().strip_prefix("shop-");
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("one of these channels")
}

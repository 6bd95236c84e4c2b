//! What channels tell of their orders.

use channelsync::ledger::{Change, Command, Happened, OrderReport, Polled, ReportLine, Source};
use channelsync_contract::{Timestamp, Units};

use super::Daemon;

impl Daemon {
    /// A buyer orders red mugs.
    pub(crate) async fn buy(&self, channel: &str, order: &str, name: &str, units: u32) {
        let version = "2026-11-20T09:00:01Z";
        self.buy_or_edit((channel, order, name), units, version)
            .await;
    }

    /// As `buy`, or at a later version an edit of the order to so many.
    pub(crate) async fn buy_or_edit(&self, order: (&str, &str, &str), units: u32, version: &str) {
        let placed_at = Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
        self.told(order, &[units], (placed_at, version)).await;
    }

    /// A buyer orders red mugs just now, on so many lines.
    pub(crate) async fn buy_now(&self, order: (&str, &str, &str), units: &[u32]) {
        let now = self.now();
        self.told(order, units, (now, &now.to_string())).await;
    }

    async fn told(
        &self,
        (channel, order, name): (&str, &str, &str),
        units: &[u32],
        (placed_at, version): (Timestamp, &str),
    ) {
        let now = self.now();
        let line = |(at, units): (usize, &u32)| ReportLine {
            line: at.to_string().as_str().into(),
            listing: Some("101".into()),
            ordered: Units(*units),
            open: Units(*units),
            fulfilled: Units::ZERO,
            price: None,
        };
        let report = OrderReport {
            order: order.into(),
            name: name.to_owned(),
            placed_at,
            version: Timestamp::parse(version),
            test: false,
            cancelled: false,
            acknowledge_by: None,
            lines: Some((1..).zip(units).map(line).collect()),
            routes: None,
            shipments: None,
            restocks: Some(Vec::new()),
        };
        self.book(Command::Report(Happened {
            channel: channel.into(),
            source: Source::Webhook,
            began: now,
            changes: vec![Change::Order(Box::new(report))],
            polled: None,
        }))
        .await;
    }

    /// All orders of a channel are known up to now.
    pub(crate) async fn polled(&self, channel: &str) {
        self.book(Command::Report(Happened {
            channel: channel.into(),
            source: Source::Fetch,
            began: self.now(),
            changes: Vec::new(),
            polled: Some(Polled {
                stream: "orders".to_owned(),
                to: Some(self.now()),
                came_to: None,
                book: true,
            }),
        }))
        .await;
    }
}

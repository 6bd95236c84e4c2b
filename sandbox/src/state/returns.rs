//! Returns: asked for, opened, exchanged, disposed of, refunded, ended.
//!
//! Only a disposition `RESTOCKED` moves stock: units go on sale at its location. The other three are
//! remarks about shipped units and change no quantity of the shop, and neither does the refund of a
//! return. What an exchange sends out is a new line of the order, committed like any other. Rules:
//! channel page, section 7; that only `RESTOCKED` moves stock is our inference.

use channelsync_contract::Timestamp;
use serde::{Deserialize, Serialize};

use super::changes::Part;
use super::{Refusal, Restock, Shop, refuse};
use crate::webhook::{News, Topic};

/// What became of units that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposal {
    /// On sale again.
    Restocked,
    /// There, to be looked at before they are sold or thrown away.
    ProcessingRequired,
    /// Not put back.
    NotRestocked,
    /// Expected, and never came.
    Missing,
}

impl Disposal {
    /// As in the GraphQL enum.
    pub(crate) fn graphql(self) -> &'static str {
        match self {
            Self::Restocked => "RESTOCKED",
            Self::ProcessingRequired => "PROCESSING_REQUIRED",
            Self::NotRestocked => "NOT_RESTOCKED",
            Self::Missing => "MISSING",
        }
    }
}

/// A step in the life of a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnStep {
    /// A requested one is opened.
    Approve,
    /// A requested one is turned down.
    Decline,
    /// One of which nothing has come back is called off; what it would have exchanged is removed.
    Cancel,
    /// An open one is finished.
    Close,
    /// A closed one is opened again.
    Reopen,
}

#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) id: u64,
    /// Exists once the return was open.
    pub(crate) reverse: Option<u64>,
    pub(crate) order: u64,
    pub(crate) name: String,
    /// As in the GraphQL enum, such as `OPEN`.
    pub(crate) status: &'static str,
    pub(crate) created_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) lines: Vec<ReturnLine>,
    /// Id of the exchange line, order line, units.
    pub(crate) exchanges: Vec<(u64, u64, i64)>,
    pub(crate) refunds: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct ReturnLine {
    pub(crate) id: u64,
    pub(crate) reverse_line: u64,
    /// The order line.
    pub(crate) line: u64,
    pub(crate) fulfillment_line: u64,
    pub(crate) units: i64,
    pub(crate) refunded: i64,
    pub(crate) dispositions: Vec<Disposition>,
}

impl ReturnLine {
    /// Units that have a disposition.
    pub(crate) fn disposed(&self) -> i64 {
        self.dispositions.iter().map(|part| part.units).sum()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Disposition {
    pub(crate) id: u64,
    pub(crate) kind: Disposal,
    pub(crate) units: i64,
    pub(crate) location: Option<u64>,
    pub(crate) at: Timestamp,
}

/// Units of an order line, as a warehouse found them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disposed {
    pub(crate) line: u64,
    pub(crate) units: i64,
    pub(crate) kind: Disposal,
    pub(crate) location: Option<u64>,
}

impl Return {
    /// Whether every unit has a disposition.
    pub(crate) fn is_processed(&self) -> bool {
        self.lines.iter().all(|line| line.disposed() == line.units)
    }

    /// Status of the reverse fulfillment order, as in the GraphQL enum.
    pub(crate) fn reverse_status(&self) -> &'static str {
        match self.status {
            "CANCELED" => "CANCELED",
            "OPEN" if !self.is_processed() => "OPEN",
            _ => "CLOSED",
        }
    }
}

impl Shop {
    /// A return of shipped units, requested by the buyer or open at once, and the lines that go out
    /// in exchange: (variant, units).
    pub(crate) fn take_return(
        &mut self,
        order: u64,
        lines: &[(u64, i64)],
        exchange: &[(Option<u64>, i64)],
        is_request: bool,
    ) -> Result<u64, Refusal> {
        self.check_parts(order, lines)?;
        for (line, units) in lines {
            let found = self.line_mut(order, *line)?;
            if *units > found.kept().min(found.current()) {
                return refuse(format!("line {line} has fewer units to return"));
            }
        }
        if lines.is_empty() || (is_request && !exchange.is_empty()) {
            return refuse("a return has lines, and a requested one no exchange yet");
        }
        // An exchange adds lines, and a cancelled order takes none.
        if !exchange.is_empty() && self.order_mut(order)?.cancelled_at.is_some() {
            return refuse(format!("order {order} is cancelled"));
        }
        for (variant, units) in exchange {
            let same = exchange.iter().filter(|(other, _)| other == variant);
            self.check_wanted(*variant, *units, same.map(|(_, units)| units).sum())?;
        }
        let id = self.ids.next();
        let mut made = Vec::new();
        for (line, units) in lines {
            self.line_mut(order, *line)?.coming_back += units;
            let (of_line, reverse_line) = (self.ids.next(), self.ids.next());
            self.owners.insert(of_line, id);
            self.owners.insert(reverse_line, id);
            made.push(ReturnLine {
                id: of_line,
                reverse_line,
                line: *line,
                fulfillment_line: self.fulfillment_line_of(order, *line),
                units: *units,
                refunded: 0,
                dispositions: Vec::new(),
            });
        }
        let exchanges = self.exchange(order, id, exchange)?;
        let found = self.order_mut(order)?;
        found.returns.push(id);
        let name = format!("#{}-R{}", found.number, found.returns.len());
        let taken = Return {
            id,
            reverse: None,
            order,
            name,
            status: "REQUESTED",
            created_at: self.now,
            closed_at: None,
            lines: made,
            exchanges,
            refunds: Vec::new(),
        };
        self.returns.insert(id, taken);
        match is_request {
            true => self.tell(Topic::ReturnsRequest, News::Return(id)),
            false => self.step_return(id, ReturnStep::Approve)?,
        }
        self.touch_order(order);
        Ok(id)
    }

    /// Adds the lines that go out in exchange to the order.
    fn exchange(
        &mut self,
        order: u64,
        id: u64,
        wanted: &[(Option<u64>, i64)],
    ) -> Result<Vec<(u64, u64, i64)>, Refusal> {
        let mut made = Vec::new();
        for (variant, units) in wanted {
            let line = self.new_line(*variant, *units);
            let exchange_line = self.ids.next();
            self.owners.insert(line.id, order);
            self.owners.insert(exchange_line, id);
            made.push((exchange_line, line.id, *units));
            self.order_mut(order)?.lines.push(line);
        }
        let wants: Vec<(u64, i64)> = made
            .iter()
            .map(|(_, line, units)| (*line, *units))
            .collect();
        if !wants.is_empty() {
            self.commit(order, &wants);
        }
        Ok(made)
    }

    /// Moves a return on in its life.
    pub(crate) fn step_return(&mut self, id: u64, step: ReturnStep) -> Result<(), Refusal> {
        let (now, reverse) = (self.now, self.ids.next());
        let Some(found) = self.returns.get_mut(&id) else {
            return refuse(format!("no return {id}"));
        };
        let is_untouched = found.lines.iter().all(|line| line.disposed() == 0);
        let (status, topic) = match (found.status, step) {
            ("REQUESTED", ReturnStep::Approve) => ("OPEN", Topic::ReturnsApprove),
            ("REQUESTED", ReturnStep::Decline) => ("DECLINED", Topic::ReturnsDecline),
            ("REQUESTED" | "OPEN", ReturnStep::Cancel)
                if is_untouched && found.refunds.is_empty() =>
            {
                ("CANCELED", Topic::ReturnsCancel)
            }
            ("OPEN", ReturnStep::Close) => ("CLOSED", Topic::ReturnsClose),
            ("CLOSED", ReturnStep::Reopen) => ("OPEN", Topic::ReturnsReopen),
            (status, step) => {
                return refuse(format!("return {id} is {status}: it cannot {step:?}"));
            }
        };
        found.status = status;
        found.closed_at = (status == "CLOSED").then_some(now);
        if status == "OPEN" && found.reverse.is_none() {
            found.reverse = Some(reverse);
            self.owners.insert(reverse, id);
        }
        let (order, lines, exchanges) = (found.order, found.lines.clone(), found.exchanges.clone());
        if matches!(status, "DECLINED" | "CANCELED") {
            for line in lines {
                self.line_mut(order, line.line)?.coming_back -= line.units;
            }
            self.call_off(order, &exchanges)?;
        }
        self.tell(topic, News::Return(id));
        self.touch_order(order);
        Ok(())
    }

    /// Takes what was to go out in exchange, and has not left, out of the order.
    fn call_off(&mut self, order: u64, exchanges: &[(u64, u64, i64)]) -> Result<(), Refusal> {
        let mut parts = Vec::new();
        for (_, line, _) in exchanges {
            let open = self.line_mut(order, *line)?.open();
            if open > 0 {
                parts.extend(self.remove_unshipped(order, *line, open, Restock::Cancel)?);
            }
        }
        if !parts.is_empty() {
            self.book_refund(order, &parts, None, None);
        }
        Ok(())
    }

    /// Tells what became of units of an open return.
    pub(crate) fn dispose(&mut self, id: u64, parts: &[Disposed]) -> Result<(), Refusal> {
        let Some(found) = self.returns.get(&id).filter(|one| one.status == "OPEN") else {
            return refuse(format!("no open return {id}"));
        };
        let order = found.order;
        for part in parts {
            let Some(line) = found.lines.iter().find(|line| line.line == part.line) else {
                return refuse(format!("line {} is not in return {id}", part.line));
            };
            let same = parts.iter().filter(|other| other.line == part.line);
            let wanted: i64 = same.map(|other| other.units).sum();
            let knows = |place: u64| self.location(place).is_some();
            let is_placed = part
                .location
                .map_or(part.kind != Disposal::Restocked, knows);
            if part.units < 1 || wanted > line.units - line.disposed() || !is_placed {
                return refuse(format!("line {} cannot be disposed of so", part.line));
            }
        }
        let (mut news, at) = (Vec::new(), self.now);
        for part in parts {
            let disposition = self.ids.next();
            self.counters.dispositions += 1;
            self.owners.insert(disposition, id);
            news.push(disposition);
            if let (Disposal::Restocked, Some(place)) = (part.kind, part.location) {
                self.put_back(order, part.line, place, part.units);
                self.line_mut(order, part.line)?.returned += part.units;
            }
            let lines = self.returns.get_mut(&id).map(|found| &mut found.lines);
            let mut lines = lines.into_iter().flatten();
            if let Some(line) = lines.find(|line| line.line == part.line) {
                line.dispositions.push(Disposition {
                    id: disposition,
                    kind: part.kind,
                    units: part.units,
                    location: part.location,
                    at,
                });
            }
        }
        self.tell(
            Topic::ReverseFulfillmentOrdersDispose,
            News::Dispose(id, news),
        );
        self.touch_order(order);
        Ok(())
    }

    /// Gives money back for units of a return: a refund that belongs to it and moves no stock.
    pub(crate) fn refund_return(&mut self, id: u64, lines: &[(u64, i64)]) -> Result<u64, Refusal> {
        let Some(found) = self.returns.get(&id) else {
            return refuse(format!("no return {id}"));
        };
        let order = found.order;
        if !matches!(found.status, "OPEN" | "CLOSED") || lines.is_empty() {
            return refuse(format!("return {id} is {}: no refund", found.status));
        }
        let of_lines = found.lines.clone();
        self.check_parts(order, lines)?;
        for (line, units) in lines {
            let of_return = of_lines.iter().find(|one| one.line == *line);
            let left = of_return.map_or(0, |one| one.units - one.refunded);
            if *units > left.min(self.line_mut(order, *line)?.current()) {
                return refuse(format!("line {line} has fewer units to refund"));
            }
        }
        let mut parts = Vec::new();
        for (line, units) in lines {
            self.line_mut(order, *line)?.removed += units;
            let all = self
                .returns
                .get_mut(&id)
                .into_iter()
                .flat_map(|one| &mut one.lines);
            for one in all.filter(|one| one.line == *line) {
                one.refunded += units;
            }
            parts.push(Part {
                line: *line,
                units: *units,
                restock: Restock::NoRestock,
                location: None,
            });
        }
        let refund = self.book_refund(order, &parts, Some(id), None);
        if let Some(found) = self.returns.get_mut(&id) {
            found.refunds.push(refund);
        }
        self.touch_order(order);
        Ok(refund)
    }

    fn fulfillment_line_of(&self, order: u64, line: u64) -> u64 {
        let of_order = self.orders.get(&order).into_iter();
        let ids = of_order.flat_map(|found| &found.fulfillments);
        let mut parts = ids.filter_map(|id| self.fulfillments.get(id));
        let found = parts.find_map(|one| {
            let mut lines = one.lines.iter().filter(|_| !one.cancelled);
            lines.find(|part| part.line == line)
        });
        found.map_or(0, |part| part.id)
    }
}

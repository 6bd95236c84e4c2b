//! Telling the shop what left: fulfillments, on the fulfillment orders that hold the units.
//!
//! `fulfillmentCreate` has no idempotency key (page section 7), so it is sent once for each call of
//! [`Shipments::report`], with exact lines and quantities. Everything before it only reads, or moves
//! fulfillment orders to where the parcel left; what is unknown of a move is read again the next time.

use async_trait::async_trait;
use channelsync_contract::connector::Shipments;
use channelsync_contract::shipment::{Parcel, ParcelOutcome, Tracking};
use channelsync_contract::{ConnectorError, Units};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Connection, Shop};
use crate::documents::{
    CREATE_FULFILLMENT, FULFILLMENT_ORDER_LINES, MOVE_FULFILLMENT_ORDER, ORDER_FULFILLMENT_ORDERS,
    UPDATE_TRACKING,
};
use crate::ids::{gid, need};

/// Fulfillment orders moved for one parcel at most; each is read again after.
const MOVES_MAX: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: String,
    status: String,
    assigned_location: Assigned,
    line_items: Connection<Line>,
}

#[derive(Deserialize)]
struct Assigned {
    location: Option<Id>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: String,
    remaining_quantity: i64,
    line_item: Id,
}

impl Node {
    /// Whether a parcel of it may be recorded (page section 7).
    fn is_shippable(&self) -> bool {
        matches!(self.status.as_str(), "OPEN" | "IN_PROGRESS")
    }

    fn is_held(&self) -> bool {
        matches!(self.status.as_str(), "ON_HOLD" | "SCHEDULED")
    }

    fn is_at(&self, location: Option<&str>) -> bool {
        let here = self.assigned_location.location.as_ref();
        location.is_none_or(|location| here.is_some_and(|here| here.id == location))
    }
}

/// Units of one line of a fulfillment order.
#[derive(Debug, PartialEq, Eq)]
struct Pick {
    fulfillment_order: String,
    line: String,
    units: u32,
}

/// What is to be done about a parcel, from the fulfillment orders as they are.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// Record these.
    Ship(Vec<Pick>),
    /// These first have to move to where the parcel left.
    Move(Vec<Pick>),
    /// The units are there and held back.
    Held,
    /// Fewer units are left to ship: line, and how many.
    Short(String, u32),
}

/// Picks up to so many units of an order line from fulfillment orders; gives how many are missing.
fn pick<'n>(
    nodes: impl Iterator<Item = &'n Node>,
    line: &str,
    mut left: u32,
    picks: &mut Vec<Pick>,
) -> u32 {
    for node in nodes {
        let lines = node.line_items.nodes.iter();
        for one in lines.filter(|one| one.line_item.id == line) {
            let remaining = u32::try_from(one.remaining_quantity).unwrap_or(0);
            let units = remaining.min(left);
            if units > 0 {
                left -= units;
                picks.push(Pick {
                    fulfillment_order: node.id.clone(),
                    line: one.id.clone(),
                    units,
                });
            }
        }
    }
    left
}

/// Picks the parcel's units: where it left first, then what is elsewhere, to be moved.
fn choose(nodes: &[Node], parcel: &Parcel, location: Option<&str>) -> Choice {
    let (mut ship, mut away) = (Vec::new(), Vec::new());
    for (line, units) in &parcel.lines {
        let line = gid("LineItem", line.as_str());
        let (here, elsewhere): (Vec<&Node>, Vec<&Node>) = nodes
            .iter()
            .filter(|node| node.is_shippable())
            .partition(|node| node.is_at(location));
        let left = pick(here.into_iter(), &line, units.0, &mut ship);
        let left = pick(elsewhere.into_iter(), &line, left, &mut away);
        let held = nodes.iter().filter(|node| node.is_held());
        if pick(held, &line, left, &mut Vec::new()) > 0 {
            return Choice::Short(line, units.0 - left);
        }
        if left > 0 {
            return Choice::Held;
        }
    }
    if away.is_empty() {
        Choice::Ship(ship)
    } else {
        Choice::Move(away)
    }
}

/// Picks by fulfillment order, as the mutations take them.
fn by_order(picks: &[Pick]) -> Vec<(&str, Vec<Value>)> {
    let mut orders: Vec<(&str, Vec<Value>)> = Vec::new();
    for pick in picks {
        let line = json!({ "id": pick.line, "quantity": pick.units });
        match orders
            .iter_mut()
            .find(|(id, _)| *id == pick.fulfillment_order)
        {
            Some((_, lines)) => lines.push(line),
            None => orders.push((&pick.fulfillment_order, vec![line])),
        }
    }
    orders
}

fn tracking_input(tracking: &Tracking) -> Value {
    json!({ "company": tracking.company, "number": tracking.number })
}

#[derive(Deserialize)]
struct Created {
    result: Option<Recorded>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    #[serde(default)]
    fulfillment: Option<Id>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct UserError {
    message: String,
}

fn refused(code: &str, message: String) -> ParcelOutcome {
    let code = code.to_owned();
    ParcelOutcome::Refused { code, message }
}

fn no_result() -> ConnectorError {
    ConnectorError::Unanswered("the mutation gave no result".to_owned())
}

#[async_trait]
impl Shipments for Shop {
    async fn report(&self, parcel: &Parcel) -> Result<ParcelOutcome, ConnectorError> {
        let location = parcel.location.as_ref();
        let location = location.map(|location| gid("Location", location.as_str()));
        for _ in 0..=MOVES_MAX {
            let nodes = self.fulfillment_orders_of(parcel).await?;
            match choose(&nodes, parcel, location.as_deref()) {
                Choice::Ship(picks) => return self.record(parcel, &picks).await,
                Choice::Move(picks) => {
                    let to = location.as_deref().unwrap_or_default();
                    if let Err(why) = self.bring(&picks, to).await? {
                        return Ok(refused("CANNOT_MOVE", why));
                    }
                }
                Choice::Held => {
                    let why = "its fulfillment order is on hold or scheduled for later";
                    return Ok(refused("ON_HOLD", why.to_owned()));
                }
                Choice::Short(line, units) => {
                    let why = format!("the shop has {} of {line} left to ship", Units(units));
                    return Ok(ParcelOutcome::Changed(why));
                }
            }
        }
        let why = "its fulfillment orders lie in more places than are moved for one parcel";
        Ok(refused("CANNOT_MOVE", why.to_owned()))
    }

    async fn track(
        &self,
        recorded: &str,
        tracking: &Tracking,
        notify_buyer: bool,
    ) -> Result<(), ConnectorError> {
        let variables = json!({
            "id": gid("Fulfillment", recorded),
            "tracking": tracking_input(tracking),
            "notify": notify_buyer,
        });
        let answer = self.ask::<Created>(&UPDATE_TRACKING, &variables, 0).await?;
        let result = answer.data.result.ok_or_else(no_result)?;
        match result.user_errors.into_iter().next() {
            Some(error) => Err(ConnectorError::Refused {
                code: "TRACKING".to_owned(),
                message: error.message,
            }),
            None => Ok(()),
        }
    }
}

impl Shop {
    /// The order's fulfillment orders with all lines of those that may hold units.
    async fn fulfillment_orders_of(&self, parcel: &Parcel) -> Result<Vec<Node>, ConnectorError> {
        let mut nodes: Connection<Node> = Connection::default();
        let order = gid("Order", parcel.order.as_str());
        self.rest(&ORDER_FULFILLMENT_ORDERS, &order, &mut nodes)
            .await?;
        for node in &mut nodes.nodes {
            if node.is_shippable() || node.is_held() {
                let id = node.id.clone();
                self.rest(&FULFILLMENT_ORDER_LINES, &id, &mut node.line_items)
                    .await?;
            }
        }
        Ok(nodes.nodes)
    }

    /// Moves units to where the parcel left; gives the shop's reason where it does not let them go.
    async fn bring(&self, picks: &[Pick], to: &str) -> Result<Result<(), String>, ConnectorError> {
        for (id, lines) in by_order(picks) {
            let variables = json!({ "id": id, "to": to, "lines": lines });
            let asked = self.ask::<Created>(&MOVE_FULFILLMENT_ORDER, &variables, 0);
            // Whether it moved is read the next time: nothing was shipped by it.
            let answer = asked.await.map_err(|error| match error {
                ConnectorError::Unanswered(why) => ConnectorError::NotDone(why),
                other => other,
            })?;
            let Some(result) = answer.data.result else {
                return Err(ConnectorError::NotDone(
                    "the move gave no result".to_owned(),
                ));
            };
            if let Some(error) = result.user_errors.into_iter().next() {
                return Ok(Err(format!(
                    "{id} does not move to {to}: {}",
                    error.message
                )));
            }
        }
        Ok(Ok(()))
    }

    async fn record(
        &self,
        parcel: &Parcel,
        picks: &[Pick],
    ) -> Result<ParcelOutcome, ConnectorError> {
        let orders = by_order(picks).into_iter().map(
            |(id, lines)| json!({ "fulfillmentOrderId": id, "fulfillmentOrderLineItems": lines }),
        );
        let fulfillment = json!({
            "lineItemsByFulfillmentOrder": orders.collect::<Vec<_>>(),
            "notifyCustomer": parcel.notify_buyer,
            "trackingInfo": parcel.tracking.as_ref().map(tracking_input),
        });
        let variables = json!({ "fulfillment": fulfillment });
        let answer = self
            .ask::<Created>(&CREATE_FULFILLMENT, &variables, 0)
            .await?;
        let result = answer.data.result.ok_or_else(no_result)?;
        // The errors have no code. Most come from a fulfillment order that changed since it was read.
        if let Some(error) = result.user_errors.into_iter().next() {
            return Ok(ParcelOutcome::Changed(error.message));
        }
        let id = result.fulfillment.ok_or_else(no_result)?.id;
        let id = need(&id, "Fulfillment").map_err(ConnectorError::Unanswered)?;
        Ok(ParcelOutcome::Recorded(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u32, status: &str, location: u32, lines: &[(u32, u32)]) -> Value {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(line, remaining)| {
                json!({
                    "id": format!("gid://shopify/FulfillmentOrderLineItem/{id}{line}"),
                    "remainingQuantity": remaining,
                    "lineItem": { "id": gid("LineItem", &line.to_string()) },
                })
            })
            .collect();
        json!({
            "id": gid("FulfillmentOrder", &id.to_string()),
            "status": status,
            "assignedLocation": { "location": { "id": gid("Location", &location.to_string()) } },
            "lineItems": {
                "nodes": lines, "pageInfo": { "hasNextPage": false, "endCursor": null },
            },
        })
    }

    fn short(picks: &[Pick]) -> String {
        let number = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
        let text = |pick: &Pick| {
            let (order, line) = (number(&pick.fulfillment_order), number(&pick.line));
            format!("{order}:{line}={}", pick.units)
        };
        picks.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn units_are_picked_where_they_left_then_moved_and_never_from_a_held_order() {
        for (nodes, wanted, expected) in [
            (vec![node(1, "OPEN", 101, &[(7, 3)])], (7, 2), "ship 1:17=2"),
            (
                vec![node(1, "IN_PROGRESS", 101, &[(8, 1), (7, 3)])],
                (7, 3),
                "ship 1:17=3",
            ),
            (
                vec![
                    node(1, "OPEN", 101, &[(7, 1)]),
                    node(2, "OPEN", 101, &[(7, 4)]),
                ],
                (7, 3),
                "ship 1:17=1 2:27=2",
            ),
            (
                vec![
                    node(1, "OPEN", 102, &[(7, 3)]),
                    node(2, "OPEN", 101, &[(7, 1)]),
                ],
                (7, 3),
                "move 1:17=2",
            ),
            (vec![node(1, "ON_HOLD", 101, &[(7, 3)])], (7, 2), "held"),
            (vec![node(1, "SCHEDULED", 101, &[(7, 3)])], (7, 2), "held"),
            (vec![node(1, "CLOSED", 101, &[(7, 3)])], (7, 2), "short 0"),
            (vec![node(1, "OPEN", 101, &[(7, 1)])], (7, 2), "short 1"),
            (vec![], (7, 2), "short 0"),
        ] {
            let nodes: Vec<Node> = nodes
                .into_iter()
                .map(|node| serde_json::from_value(node).unwrap())
                .collect();
            let (line, units): (u32, u32) = wanted;
            let parcel = Parcel {
                order: "1".into(),
                lines: vec![(line.to_string().as_str().into(), Units(units))],
                location: Some("101".into()),
                tracking: None,
                notify_buyer: false,
            };
            let found = match choose(&nodes, &parcel, Some("gid://shopify/Location/101")) {
                Choice::Ship(picks) => format!("ship {}", short(&picks)),
                Choice::Move(picks) => format!("move {}", short(&picks)),
                Choice::Held => "held".to_owned(),
                Choice::Short(_, units) => format!("short {units}"),
            };
            assert_eq!(found, expected);
        }
    }
}

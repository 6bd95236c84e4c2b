//! How fast orders reach every channel.

use serde_json::Value;

use super::super::table::{Column, cell, elements, table};

/// How long it took in the last hour from orders to their units off the channels; nothing without orders.
pub(super) fn table_of(merchants: &[Value]) -> Option<String> {
    let row = |merchant: &Value, channel: &Value, hour: &Value| {
        (!hour.is_null()).then(|| {
            let ms = |key: &str| format!("{} ms", cell(&hour[key]));
            let orders = cell(&hour["orders"]);
            vec![
                cell(merchant),
                cell(channel),
                orders,
                ms("p50_ms"),
                ms("p99_ms"),
            ]
        })
    };
    let rows = merchants.iter().flat_map(|merchant| {
        let (id, confirmed) = (&merchant["merchant"], &merchant["confirmed"]);
        let all = row(id, &Value::from("all channels"), &confirmed["last_hour"]);
        let channels = elements(&confirmed["channels"]).iter();
        let channels = channels.filter_map(move |own| row(id, &own["channel"], &own["last_hour"]));
        all.into_iter().chain(channels)
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let columns = [
        Column::Text("MERCHANT"),
        Column::Text("CONFIRMED ON"),
        Column::Number("ORDERS, LAST HOUR"),
        Column::Number("HALF WITHIN"),
        Column::Number("99 % WITHIN"),
    ];
    (!rows.is_empty()).then(|| table(&columns, rows))
}

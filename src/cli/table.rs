//! Tables for people, and values as their cells.

use channelsync_contract::Timestamp;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde_json::Value;

pub(super) use crate::sheet::printable;

/// A column by its head.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Flush left.
    Text(&'static str),
    /// Flush right.
    Number(&'static str),
}

/// Rows under heads, without a frame; no line end at the end.
pub(super) fn table(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| match column {
        Column::Text(head) | Column::Number(head) => *head,
    }));
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for (column, kind) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        if matches!(kind, Column::Number(_)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A value as a cell: texts without quotes, nothing as `-`.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Faults of the files, each with its help, in one line.
pub(super) fn faults(told: &Value) -> String {
    let faults = elements(told).iter().filter_map(Value::as_str);
    let faults = faults.map(|fault| printable(&fault.replace("\n  help: ", "; help: ")));
    faults.collect::<Vec<_>>().join(" | ")
}

/// The elements of an array; none of anything else.
pub(super) fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// For `serialize_with`: a time as people read it.
pub(super) fn time<S: serde::Serializer>(at: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(at)
}

/// A number of things, in words.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn columns_line_up_and_control_characters_do_nothing() {
        let rows = vec![
            vec!["MUG-RED".to_owned(), cell(&json!(7)), cell(&json!(null))],
            vec![
                "a\u{1b}[2Jb\nc".to_owned(),
                cell(&json!(12_345)),
                cell(&json!(true)),
            ],
        ];
        let columns = [
            Column::Text("SKU"),
            Column::Number("UNITS"),
            Column::Text("COUNTED"),
        ];
        assert_snapshot!(table(&columns, rows), @r"
        SKU       UNITS  COUNTED
        MUG-RED       7  -
        a�[2Jb�c  12345  yes
        ");
    }

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!(count(1, "order", "orders"), "1 order");
        assert_eq!(count(0, "order", "orders"), "0 orders");
    }
}

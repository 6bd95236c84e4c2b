//! The table of known keys: name, shape, limits and default of each, once.
//!
//! Units are in the names. What a key means to the operator stands in `config/`'s examples, which
//! a test holds against this table.

/// A key that may stand in a table.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) absent: Absent,
}

/// What may stand behind a key.
pub(super) enum Shape {
    Text,
    Flag,
    /// A whole number, both limits included.
    Number {
        min: i64,
        max: i64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of such tables.
    Rows(&'static [Key]),
    /// A table of such tables under names that are chosen freely.
    Named(Names, &'static [Key]),
}

/// Which names may be chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Ours, `[a-z0-9-]+`; variables can spell them.
    Ours,
    /// Whatever the world calls its things.
    Foreign,
}

/// What an absent key means.
#[derive(Clone, Copy)]
pub(super) enum Absent {
    /// It must be there, as in this example.
    Fault(&'static str),
    /// Nothing; also a list or table that is then empty.
    Nothing,
    /// This value.
    Text(&'static str),
    /// This value.
    Number(i64),
    /// This value.
    Flag(bool),
}

const UNITS_MAX: i64 = 1_000_000_000;
const DAY_SECS: i64 = 86_400;

/// The root of the tree: `channelsync.toml`, with each merchant's file below `merchants`.
pub(super) const ROOT: &[Key] = &[
    text("state_dir", Absent::Text("/var/lib/channelsync")),
    text("key_file", Absent::Nothing),
    text("public_url", Absent::Nothing),
    table("listen", LISTEN),
    table("limits", LIMITS),
    table("log", LOG),
    named("merchants", Names::Ours, MERCHANT),
];

const LISTEN: &[Key] = &[
    text("webhooks", Absent::Text("127.0.0.1:8080")),
    text("admin_socket", Absent::Nothing),
    texts("trusted_proxies", Absent::Nothing),
];

const LIMITS: &[Key] = &[
    number("body_bytes_max", 1_048_576, 1_024, 67_108_864),
    // The HTTP library takes no smaller buffer.
    number("header_bytes_max", 16_384, 8_192, 1_048_576),
    number("connections_max", 1_024, 1, 100_000),
    number("connections_per_ip_max", 64, 1, 100_000),
    number("header_timeout_secs", 5, 1, 60),
    number("body_timeout_secs", 15, 1, 300),
    number("queue_commands_max", 4_096, 1, 1_000_000),
    number("group_entries_max", 512, 1, 10_000),
    number("read_rows_max", 1_000, 1, 100_000),
    number("parked_bytes_max", 268_435_456, 0, 1_099_511_627_776),
    number("segment_bytes_max", 67_108_864, 1_048_576, 4_294_967_296),
    number("snapshot_entries", 100_000, 100, 100_000_000),
    number("parked_keep_days", 90, 1, 36_500),
    number("journal_keep_days", 730, 90, 36_500),
    number("shutdown_secs", 20, 1, 600),
];

const LOG: &[Key] = &[
    choice("format", &["text", "json"], Absent::Text("text")),
    choice(
        "level",
        &["error", "warn", "info", "debug", "trace"],
        Absent::Text("info"),
    ),
];

const MERCHANT: &[Key] = &[
    texts("locations", Absent::Fault("[\"main\"]")),
    table("rules", RULES),
    named("stock", Names::Ours, STOCK),
    named("channels", Names::Ours, CHANNEL),
];

/// One location: who says how much lies there.
const STOCK: &[Key] = &[
    choice(
        "master",
        &["ledger", "channel", "file"],
        Absent::Text("ledger"),
    ),
    text("channel", Absent::Nothing),
    text("path", Absent::Nothing),
    number("look_interval_secs", 30, 1, DAY_SECS),
];

macro_rules! rule_keys {
    ($($more:expr),*) => {
        &[
            optional_number("safety_stock_units", 0, UNITS_MAX),
            $($more,)*
            optional_number("share_percent", 0, 100),
            optional_number("cap_units", 0, UNITS_MAX),
            optional_number("min_units", 0, UNITS_MAX),
            optional_number("case_units", 1, UNITS_MAX),
            optional_number("low_stock_units", 0, UNITS_MAX),
            optional_number("low_share_percent", 0, 100),
            optional_number("low_cap_units", 0, UNITS_MAX),
            optional_number("low_min_units", 0, UNITS_MAX),
            choice(
                "policy",
                &["pooled", "buffered", "guarded"],
                Absent::Nothing
            ),
            optional_number("guard_below_units", 1, UNITS_MAX),
            Key {
                name: "split_kits",
                shape: Shape::Flag,
                absent: Absent::Nothing,
            },
            texts("locations", Absent::Nothing),
        ]
    };
}

const RULES: &[Key] = rule_keys!();

/// One SKU on a channel: alone where units can be set aside.
const SKU_RULES: &[Key] = rule_keys!(optional_number("set_aside_units", 1, UNITS_MAX));

const CHANNEL: &[Key] = &[
    choice("connector", &["shopify"], Absent::Fault("\"shopify\"")),
    choice("mode", &["shadow", "live"], Absent::Text("shadow")),
    text("shop", Absent::Fault("\"acme.myshopify.com\"")),
    text("base_url", Absent::Nothing),
    choice(
        "quantity_name",
        &["on_hand", "available"],
        Absent::Text("on_hand"),
    ),
    text("book_from", Absent::Nothing),
    Key {
        name: "locations",
        shape: Shape::Rows(LOCATION_PAIR),
        absent: Absent::Fault("[{ ours = \"main\", theirs = \"101\" }]"),
    },
    number("backorder_priority", 0, -1_000_000, 1_000_000),
    choice("returns", &["channel", "manual"], Absent::Text("channel")),
    number("poll_interval_secs", 60, 1, DAY_SECS),
    number("poll_overlap_secs", 600, 0, 7 * DAY_SECS),
    number("scan_interval_secs", 3_600, 10, 30 * DAY_SECS),
    number("read_back_interval_secs", DAY_SECS, 10, 30 * DAY_SECS),
    Key {
        name: "subscriptions",
        shape: Shape::Flag,
        absent: Absent::Flag(true),
    },
    Key {
        name: "report_shipments",
        shape: Shape::Flag,
        absent: Absent::Flag(true),
    },
    Key {
        name: "notify_buyers",
        shape: Shape::Flag,
        absent: Absent::Flag(false),
    },
    number("drift_corrections_max", 3, 0, 100),
    number("mass_change_percent", 20, 1, 100),
    number("mass_change_listings_min", 10, 1, 1_000_000),
    number("breaker_failures_max", 5, 1, 1_000),
    number("breaker_pause_secs", 10, 1, DAY_SECS),
    number("breaker_pause_secs_max", 300, 1, DAY_SECS),
    table("credentials", CREDENTIALS),
    table("rules", RULES),
    named("skus", Names::Foreign, SKU_RULES),
    named("listings", Names::Foreign, RULES),
];

const LOCATION_PAIR: &[Key] = &[
    text("ours", Absent::Fault("\"main\"")),
    text("theirs", Absent::Fault("\"101\"")),
];

/// Named apart because their secrets are refused anywhere else, too.
pub(super) const CREDENTIALS: &[Key] = &[
    text("access_token_file", Absent::Nothing),
    text("client_id", Absent::Nothing),
    text("client_secret_file", Absent::Nothing),
    texts("webhook_secret_files", Absent::Nothing),
];

const fn text(name: &'static str, absent: Absent) -> Key {
    Key {
        name,
        shape: Shape::Text,
        absent,
    }
}

const fn texts(name: &'static str, absent: Absent) -> Key {
    Key {
        name,
        shape: Shape::Texts,
        absent,
    }
}

const fn choice(name: &'static str, words: &'static [&'static str], absent: Absent) -> Key {
    Key {
        name,
        shape: Shape::Choice(words),
        absent,
    }
}

const fn number(name: &'static str, default: i64, min: i64, max: i64) -> Key {
    Key {
        name,
        shape: Shape::Number { min, max },
        absent: Absent::Number(default),
    }
}

const fn optional_number(name: &'static str, min: i64, max: i64) -> Key {
    Key {
        name,
        shape: Shape::Number { min, max },
        absent: Absent::Nothing,
    }
}

const fn table(name: &'static str, keys: &'static [Key]) -> Key {
    Key {
        name,
        shape: Shape::Table(keys),
        absent: Absent::Nothing,
    }
}

const fn named(name: &'static str, names: Names, keys: &'static [Key]) -> Key {
    Key {
        name,
        shape: Shape::Named(names, keys),
        absent: Absent::Nothing,
    }
}

/// The names of some keys.
pub(super) fn names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> + Clone {
    keys.iter().map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;

    /// The example with the keys that are off by default switched on: `#key`, never `# prose`.
    fn whole(example: &str) -> Table {
        let is_off = |line: &str| {
            line.strip_prefix('#')
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_lowercase()))
        };
        let lines = example
            .lines()
            .map(|line| if is_off(line) { &line[1..] } else { line });
        toml::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap()
    }

    /// What of a table's keys is missing in `example`, unknown, or shown with another default.
    fn differences(above: &str, keys: &'static [Key], example: &Table, found: &mut Vec<String>) {
        let unknown = example
            .keys()
            .filter(|name| !names(keys).any(|known| known == *name));
        found.extend(unknown.map(|name| format!("{above}{name} is not known")));
        for key in keys {
            let path = format!("{above}{}", key.name);
            match (&key.shape, example.get(key.name)) {
                (_, None) => found.push(format!("{path} is not shown")),
                (Shape::Table(keys), Some(Value::Table(table))) => {
                    differences(&format!("{path}."), keys, table, found);
                }
                (Shape::Named(_, keys), Some(Value::Table(tables))) => {
                    for (name, table) in tables {
                        differences(
                            &format!("{path}.{name}."),
                            keys,
                            table.as_table().unwrap(),
                            found,
                        );
                    }
                }
                (Shape::Rows(keys), Some(Value::Array(rows))) => {
                    for row in rows {
                        differences(&format!("{path}[]."), keys, row.as_table().unwrap(), found);
                    }
                }
                (_, Some(shown)) => {
                    let default = match key.absent {
                        Absent::Fault(_) | Absent::Nothing => continue,
                        Absent::Text(text) => Value::from(text),
                        Absent::Number(number) => Value::from(number),
                        Absent::Flag(flag) => Value::from(flag),
                    };
                    if *shown != default {
                        found.push(format!(
                            "{path} is shown as {shown:?}, the default is {default:?}"
                        ));
                    }
                }
            }
        }
    }

    fn examples() -> Table {
        let mut all = whole(include_str!("../../config/channelsync.example.toml"));
        let merchant = whole(include_str!("../../config/merchants.d/example.toml"));
        all.insert(
            "merchants".to_owned(),
            Table::from_iter([("example".to_owned(), Value::Table(merchant))]).into(),
        );
        all
    }

    #[test]
    fn the_examples_show_every_key_with_its_default_and_no_other() {
        let mut found = Vec::new();
        differences("", ROOT, &examples(), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_gap_in_the_examples_is_seen() {
        let mut example = examples();
        let limits = example["limits"].as_table_mut().unwrap();
        limits.remove("shutdown_secs");
        limits.insert("read_rows_max".to_owned(), Value::from(7));
        limits.insert("shutdown_secz".to_owned(), Value::from(20));
        let mut found = Vec::new();
        differences("", ROOT, &example, &mut found);
        assert_eq!(
            found,
            [
                "limits.shutdown_secz is not known",
                "limits.read_rows_max is shown as Integer(7), the default is Integer(1000)",
                "limits.shutdown_secs is not shown",
            ]
        );
    }
}

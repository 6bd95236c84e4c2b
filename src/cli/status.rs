//! `status`: how everything stands, and what needs a person.

use serde_json::Value;

use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::{Column, cell, count, elements, faults, printable, table};

mod confirmed;

pub(super) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let status = fetch(session).await?;
    if session.common.json {
        session.console.json(&status)?;
    } else {
        session.console.print(&text(&status))?;
    }
    Ok(Exit::Ok)
}

/// The daemon's status, of one merchant if one was named.
pub(super) async fn fetch(session: &Session<'_, '_>) -> Result<Value, Failure> {
    let mut status = session.client().get("/v1/status").await?;
    if let Some(named) = &session.common.merchant {
        session.merchant()?;
        if let Some(merchants) = status["merchants"].as_array_mut() {
            merchants.retain(|merchant| merchant["merchant"] == named.as_str());
        }
    }
    Ok(status)
}

/// The same of the merchant that is meant; nothing where the daemon knows it not.
pub(super) async fn of_merchant(session: &Session<'_, '_>) -> Result<Value, Failure> {
    let mut status = fetch(session).await?;
    let id = session.merchant()?.id.as_str();
    let merchants = status["merchants"].as_array_mut().into_iter().flatten();
    let mut own = merchants.filter(|merchant| merchant["merchant"] == id);
    Ok(own.next().map(Value::take).unwrap_or_default())
}

/// Fails while listings of these channels were not read: so long nobody can say that none is left.
pub(super) async fn scanned(channels: &[String], session: &Session<'_, '_>) -> Result<(), Failure> {
    let merchant = of_merchant(session).await?;
    let mut unread = elements(&merchant["channels"]).iter().filter(|row| {
        let is_meant = channels.iter().any(|name| row["channel"] == name.as_str());
        is_meant && row["scanned_at"].is_null() && row["mode"] != "retired"
    });
    let Some(row) = unread.next() else {
        return Ok(());
    };
    let name = cell(&row["channel"]);
    let error = format!("the listings of {name} were not read yet since the daemon started");
    let help = "the same again in a moment; `channelsync status` tells what hinders it";
    Err(Failure::new(Exit::TryAgain, error, help))
}

fn text(status: &Value) -> String {
    let merchants = elements(&status["merchants"]);
    let rows = merchants.iter().map(|merchant| {
        let writable = merchant["unwritable"].is_null();
        vec![
            cell(&merchant["merchant"]),
            cell(&merchant["entry"]),
            if writable { "written" } else { "NOT WRITTEN" }.to_owned(),
            cell(&merchant["parked"]),
        ]
    });
    let columns = [
        Column::Text("MERCHANT"),
        Column::Number("ENTRY"),
        Column::Text("JOURNAL"),
        Column::Number("PARKED"),
    ];
    let mut parts = vec![
        format!(
            "channelsync {}, {}",
            cell(&status["version"]),
            cell(&status["now"])
        ),
        table(&columns, rows.collect()),
        channel_table(merchants),
    ];
    parts.extend(confirmed::table_of(merchants));
    let (needed, noted): (Vec<Remark>, Vec<Remark>) = settings(&status["settings"])
        .into_iter()
        .chain(merchants.iter().flat_map(remarks))
        .partition(|remark| remark.person);
    parts.extend(told("needs a person:", &needed));
    parts.extend(told("to be known:", &noted));
    if needed.is_empty() {
        // Slots and listings that wait for a person are not counted in the status.
        parts.push("no alarm; `channelsync parked` lists what waits for a person".to_owned());
    }
    parts.join("\n\n")
}

/// All channels of these merchants as a table.
pub(super) fn channel_table(merchants: &[Value]) -> String {
    let rows = merchants.iter().flat_map(|merchant| {
        let channels = elements(&merchant["channels"]).iter();
        channels.map(move |channel| {
            vec![
                cell(&merchant["merchant"]),
                cell(&channel["channel"]),
                cell(&channel["connector"]),
                cell(&channel["mode"]),
                cell(&channel["orders_complete_to"]),
                cell(&channel["dirty"]),
                cell(&channel["in_flight"]),
                cell(&channel["in_doubt"]),
                cell(&channel["to_read"]),
                cell(&channel["fetch_wanted"]),
            ]
        })
    });
    let columns = [
        Column::Text("MERCHANT"),
        Column::Text("CHANNEL"),
        Column::Text("CONNECTOR"),
        Column::Text("MODE"),
        Column::Text("ORDERS KNOWN TO"),
        Column::Number("MAYBE DIRTY"),
        Column::Number("IN FLIGHT"),
        Column::Number("IN DOUBT"),
        Column::Number("TO READ"),
        Column::Number("TO FETCH"),
    ];
    table(&columns, rows.collect())
}

/// Something to say about a merchant or a channel.
struct Remark {
    /// Whether it waits until somebody acts.
    person: bool,
    of: String,
    what: String,
    help: Option<String>,
}

fn told(title: &str, remarks: &[Remark]) -> Option<String> {
    let mut text = title.to_owned();
    for remark in remarks {
        text.push_str(&format!("\n  {}: {}", remark.of, printable(&remark.what)));
        if let Some(help) = &remark.help {
            text.push_str(&format!("\n    help: {help}"));
        }
    }
    (!remarks.is_empty()).then_some(text)
}

/// What became of settings that were read while running.
fn settings(settings: &Value) -> Vec<Remark> {
    let remark = |person: bool, what: String, help: &str| Remark {
        person,
        of: "settings".to_owned(),
        what,
        help: Some(help.to_owned()),
    };
    let mut remarks = Vec::new();
    if let Some(at) = settings["refused_at"].as_str() {
        let faults = faults(&settings["faults"]);
        let what = format!("refused at {at}, those before stay: {faults}");
        let help = "mend them, `channelsync check`, then reload";
        remarks.push(remark(true, what, help));
    }
    let waiting: Vec<String> = elements(&settings["restart"]).iter().map(cell).collect();
    if !waiting.is_empty() {
        let what = format!("changed in the files, not in force: {}", waiting.join(", "));
        remarks.push(remark(false, what, "a restart takes them"));
    }
    remarks
}

fn remarks(merchant: &Value) -> Vec<Remark> {
    let id = cell(&merchant["merchant"]);
    let remark = |what: String, help: String| Remark {
        person: true,
        of: id.clone(),
        what,
        help: Some(help),
    };
    let mut remarks = Vec::new();
    if let Some(why) = merchant["unwritable"].as_str() {
        let what = format!("the journal cannot be written: {why}");
        let help = "make space or mend the disk; the daemon goes on by itself";
        remarks.push(remark(what, help.to_owned()));
    }
    if let Some(parked @ 1..) = merchant["parked"].as_u64() {
        let things = count(parked, "delivery is", "deliveries are");
        let help = format!("channelsync parked --merchant {id}");
        remarks.push(remark(format!("{things} set aside"), help));
    }
    for held in elements(&merchant["interlocks"]) {
        remarks.push(remark(interlocked(held), cell(&held["release"])));
    }
    for freeze in elements(&merchant["freezes"]) {
        remarks.push(remark(frozen(freeze), cell(&freeze["undo"])));
    }
    if let Some((what, help)) = more_frozen(merchant) {
        remarks.push(remark(what, help));
    }
    if let Some(entry) = merchant["exception_entry"].as_u64() {
        remarks.push(Remark {
            person: false,
            of: id.clone(),
            what: format!("something out of the ordinary happened, last at entry {entry}"),
            help: Some(format!("channelsync parked exceptions --merchant {id}")),
        });
    }
    remarks.extend(exposed(&id, &merchant["exposure"]));
    for channel in elements(&merchant["channels"]) {
        remarks.extend(channel_remarks(&id, channel));
    }
    remarks
}

/// How much may be oversold.
fn exposed(merchant: &str, exposure: &Value) -> Option<Remark> {
    let number = |key: &str| exposure[key].as_u64().unwrap_or(0);
    let (units, skus) = (number("units"), number("skus"));
    let (unknown, unbounded) = (number("unknown"), number("unbounded"));
    let mut what = Vec::new();
    if units > 0 {
        let of = count(skus, "SKU", "SKUs");
        let most = elements(&exposure["most"]).first();
        let most =
            most.map(|most| format!(", most of {}: {}", cell(&most["sku"]), cell(&most["units"])));
        let units = count(units, "unit", "units");
        what.push(format!(
            "{units} of {of} may be oversold{}",
            most.unwrap_or_default()
        ));
    }
    if unbounded > 0 {
        what.push(format!(
            "{} sold without limit",
            count(unbounded, "SKU is", "SKUs are")
        ));
    }
    if unknown > 0 {
        let skus = count(unknown, "SKU", "SKUs");
        what.push(format!(
            "of {skus} nobody knows before orders are known past the first reading"
        ));
    }
    (!what.is_empty()).then(|| Remark {
        person: false,
        of: merchant.to_owned(),
        what: what.join("; "),
        help: Some(format!("channelsync exposure --merchant {merchant}")),
    })
}

fn channel_remarks(merchant: &str, channel: &Value) -> Vec<Remark> {
    let name = cell(&channel["channel"]);
    let of = format!("{merchant}/{name}");
    let mut remarks = Vec::new();
    let mut add = |person, what: String, help: Option<String>| {
        let of = of.clone();
        remarks.push(Remark {
            person,
            of,
            what,
            help,
        });
    };
    if let Some((what, help)) = paused(merchant, channel) {
        add(true, what, Some(help));
    }
    if let Some(doubt @ 1..) = channel["in_doubt"].as_u64() {
        let slots = count(doubt, "slot is", "slots are");
        add(
            false,
            format!("{slots} in doubt and will be read back"),
            None,
        );
    }
    for (person, what, help) in probed(merchant, channel) {
        add(person, what, help);
    }
    if let Some(refused @ 1..) = channel["refused_reports"].as_u64() {
        let orders = count(refused, "order has", "orders have");
        let what = format!("{orders} a parcel whose report the channel does not take");
        let help = format!("channelsync parked --merchant {merchant}");
        add(true, what, Some(help));
    }
    for (what, help) in waited_for(merchant, channel) {
        add(false, what, help);
    }
    let breaker = cell(&channel["breaker"]);
    if !breaker.starts_with("closed") {
        let last = channel["last_error"].as_str().unwrap_or("no answer");
        let what = format!("calls are held back after failures ({breaker}): {last}");
        let help = "it tries again by itself; see whether the channel is down".to_owned();
        add(false, what, Some(help));
    }
    for error in elements(&channel["errors"]) {
        let (activity, at) = (cell(&error["activity"]), cell(&error["at"]));
        let what = format!("{activity} failed at {at}: {}", cell(&error["error"]));
        add(false, what, None);
    }
    if let Some(what) = found_out(channel) {
        let help = "`book_from` in the merchant's file says another time".to_owned();
        add(false, what, Some(help));
    }
    if let Some(at) = channel["retired_at"].as_str() {
        let what = format!("retired at {at}: nothing of it is for sale");
        let help = "once nothing is left to do it may go from the merchant's file".to_owned();
        add(false, what, Some(help));
    }
    if channel["mode"] == "shadow" {
        let help = format!(
            "channelsync shadow --merchant {merchant} {name} tells what differs; `mode = \"live\"` \
             in the merchant's file writes it"
        );
        let what = "shadow mode: all is computed, nothing is written".to_owned();
        add(false, what, Some(help));
    }
    remarks
}

/// What is waited for, and ends by itself.
fn waited_for(merchant: &str, channel: &Value) -> Vec<(String, Option<String>)> {
    let hid = channel["hid_orders_secs"].as_u64().map(|secs| {
        let what = format!("it hid an order for {secs} s; so long is waited for others");
        let help = format!("channelsync parked --merchant {merchant} exceptions");
        (what, Some(help))
    });
    let restored = channel["restored_at"].as_str().map(|at| {
        let what = format!(
            "restored at {at}: nothing is written before orders are known past then and all slots \
             were read back"
        );
        (what, None)
    });
    hid.into_iter().chain(restored).collect()
}

/// Why a channel is paused, in words, and what lets it go on.
pub(super) fn paused(merchant: &str, channel: &Value) -> Option<(String, String)> {
    let (why, name) = (channel["paused"].as_str()?, cell(&channel["channel"]));
    let resume = format!("channelsync reconcile --merchant {merchant} {name} --resume");
    Some((format!("paused: {why}"), format!("mend it, then: {resume}")))
}

/// What the channel said of our permissions and of itself.
fn probed(merchant: &str, channel: &Value) -> Vec<(bool, String, Option<String>)> {
    let texts = |key: &str| elements(&channel[key]).iter().map(cell).collect::<Vec<_>>();
    let (missing, warnings) = (texts("missing_permissions"), texts("warnings"));
    let mut told = Vec::new();
    if !missing.is_empty() {
        let what = format!("permissions are missing: {}", missing.join(", "));
        let check = format!("channelsync check --online --merchant {merchant}");
        told.push((
            true,
            what,
            Some(format!("grant them on the channel, then: {check}")),
        ));
    }
    told.extend(warnings.into_iter().map(|warning| (false, warning, None)));
    told
}

/// A channel that is held for a mass change, in words.
pub(super) fn interlocked(held: &Value) -> String {
    let [channel, since, why] = ["channel", "since", "why"].map(|key| cell(&held[key]));
    format!("{channel} is held since {since}: {why}")
}

/// Channels of a merchant on which something holds writing back, each with what lets it go on.
pub(super) fn holds(merchant: &Value) -> Vec<(String, String)> {
    let id = cell(&merchant["merchant"]);
    let interlocks = elements(&merchant["interlocks"]).iter();
    let interlocks = interlocks.map(|held| (interlocked(held), cell(&held["release"])));
    let channels = elements(&merchant["channels"]).iter();
    let others = channels.filter_map(|channel| {
        let name = cell(&channel["channel"]);
        if let Some((what, help)) = paused(&id, channel) {
            return Some((format!("{name} is {what}"), help));
        }
        let at = channel["restored_at"].as_str()?;
        let what = format!("{name} is held since the restore at {at}");
        let help = "it ends by itself once orders are known past then and all slots were read";
        Some((what, help.to_owned()))
    });
    interlocks.chain(others).collect()
}

/// Since when what a channel shipped counts, where its file does not say.
pub(super) fn found_out(channel: &Value) -> Option<String> {
    let since = channel["book_from"].as_str()?;
    let why = "the file says none: its locations were counted then, or it was said before";
    (channel["book_from_in_file"] == false).then(|| format!("book_from is {since}, {why}"))
}

/// A freeze of the status, in words.
pub(super) fn frozen(freeze: &Value) -> String {
    let [what, since, reason] = ["what", "since", "reason"].map(|key| cell(&freeze[key]));
    format!("{what} is frozen since {since}: {reason}")
}

/// Freezes beyond those that the status tells one by one, and the command that lists all.
pub(super) fn more_frozen(merchant: &Value) -> Option<(String, String)> {
    let told = u64::try_from(elements(&merchant["freezes"]).len()).unwrap_or(u64::MAX);
    let more = merchant["frozen"].as_u64()?.checked_sub(told)?;
    let id = cell(&merchant["merchant"]);
    let help = format!("channelsync freeze --merchant {id}");
    (more > 0).then(|| (format!("{more} more are frozen"), help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    fn channel(name: &str) -> Value {
        json!({
            "channel": name, "connector": "shopify", "mode": "live", "paused": null,
            "dirty": 0, "in_flight": 0, "in_doubt": 0, "to_read": 0, "fetch_wanted": 0,
            "orders_complete_to": "2026-11-20T09:00:00Z", "errors": [], "breaker": "closed",
            "last_error": null,
        })
    }

    fn status(merchants: &Value) -> Value {
        json!({ "version": "0.1.0", "now": "2026-11-20T09:00:02Z", "merchants": merchants })
    }

    #[test]
    fn a_quiet_day_is_short() {
        let acme = json!({
            "merchant": "acme", "entry": 42, "unwritable": null, "parked": 0,
            "channels": [channel("shopify-us")],
        });
        assert_snapshot!(text(&status(&json!([acme]))), @r"
        channelsync 0.1.0, 2026-11-20T09:00:02Z

        MERCHANT  ENTRY  JOURNAL  PARKED
        acme         42  written       0

        MERCHANT  CHANNEL     CONNECTOR  MODE  ORDERS KNOWN TO       MAYBE DIRTY  IN FLIGHT  IN DOUBT  TO READ  TO FETCH
        acme      shopify-us  shopify    live  2026-11-20T09:00:00Z            0          0         0        0         0

        no alarm; `channelsync parked` lists what waits for a person
        ");
    }

    #[test]
    fn what_needs_a_person_is_said_in_words() {
        let mut us = channel("shopify-us");
        us["paused"] = json!("the app was uninstalled on the channel");
        us["orders_complete_to"] = json!(null);
        us["in_doubt"] = json!(2);
        us["refused_reports"] = json!(1);
        let mut eu = channel("shopify-eu");
        eu["mode"] = json!("shadow");
        eu["book_from"] = json!("2026-11-20T06:00:00Z");
        eu["book_from_in_file"] = json!(false);
        eu["breaker"] = json!("open");
        eu["last_error"] = json!("status 503\u{7}");
        eu["errors"] =
            json!([{ "activity": "poll", "at": "2026-11-20T08:59:00Z", "error": "status 503" }]);
        let acme = json!({
            "merchant": "acme", "entry": 42, "unwritable": "disk is full", "parked": 1,
            "channels": [us, eu],
        });
        assert_snapshot!(text(&status(&json!([acme]))), @r#"
        channelsync 0.1.0, 2026-11-20T09:00:02Z

        MERCHANT  ENTRY  JOURNAL      PARKED
        acme         42  NOT WRITTEN       1

        MERCHANT  CHANNEL     CONNECTOR  MODE    ORDERS KNOWN TO       MAYBE DIRTY  IN FLIGHT  IN DOUBT  TO READ  TO FETCH
        acme      shopify-us  shopify    live    -                               0          0         2        0         0
        acme      shopify-eu  shopify    shadow  2026-11-20T09:00:00Z            0          0         0        0         0

        needs a person:
          acme: the journal cannot be written: disk is full
            help: make space or mend the disk; the daemon goes on by itself
          acme: 1 delivery is set aside
            help: channelsync parked --merchant acme
          acme/shopify-us: paused: the app was uninstalled on the channel
            help: mend it, then: channelsync reconcile --merchant acme shopify-us --resume
          acme/shopify-us: 1 order has a parcel whose report the channel does not take
            help: channelsync parked --merchant acme

        to be known:
          acme/shopify-us: 2 slots are in doubt and will be read back
          acme/shopify-eu: calls are held back after failures (open): status 503�
            help: it tries again by itself; see whether the channel is down
          acme/shopify-eu: poll failed at 2026-11-20T08:59:00Z: status 503
          acme/shopify-eu: book_from is 2026-11-20T06:00:00Z, the file says none: its locations were counted then, or it was said before
            help: `book_from` in the merchant's file says another time
          acme/shopify-eu: shadow mode: all is computed, nothing is written
            help: channelsync shadow --merchant acme shopify-eu tells what differs; `mode = "live"` in the merchant's file writes it
        "#);
    }
}

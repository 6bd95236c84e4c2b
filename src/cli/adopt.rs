//! `adopt`: opening counts from what a channel shows.
//!
//! Without `--yes` nothing is booked. With it what is proposed is booked as counts of the time at which
//! it was read, so an order or a parcel since then counts on top.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::query;
use super::failure::{Exit, Failure};
use super::import::CHUNK_ROWS_MAX;
use super::session::Session;
use super::status;
use super::table::{Column, cell, count, elements, table};

/// Between two tries to book.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The channel
    channel: String,
    /// Only what it shows at this location of ours
    #[arg(long, value_name = "LOCATION")]
    location: Option<String>,
    /// Leave out what this listing shows; may be repeated
    #[arg(long, value_name = "LISTING")]
    except: Vec<String>,
    /// Book what is proposed
    #[arg(long)]
    yes: bool,
    /// How long to wait until all orders up to the reading are known
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "yes")]
    wait: u64,
}

const COLUMNS: [Column; 7] = [
    Column::Text("SKU"),
    Column::Text("LISTING"),
    Column::Text("LOCATION"),
    Column::Number("SHOWN"),
    Column::Number("OPEN"),
    Column::Number("PROPOSED"),
    Column::Text("WHY NOT"),
];

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.channels(Some(&args.channel))?;
    for listing in &args.except {
        // It must be one, or a slip of the pen books what was to be left out.
        let of = [("channel", args.channel.as_str()), ("listing", listing)];
        let path = query(&session.path(&["explain"])?, &of);
        session.client().get(&path).await?;
    }
    let path = session.path(&["openings"])?;
    let mut parameters = vec![("channel", args.channel.as_str())];
    parameters.extend(args.location.as_deref().map(|at| ("location", at)));
    let mut rows = Vec::new();
    let each = |page| {
        rows.extend::<Vec<Value>>(page);
        Ok(())
    };
    let client = session.client();
    client.pages(&query(&path, &parameters), each).await?;
    if rows.is_empty() {
        status::scanned(std::slice::from_ref(&args.channel), session).await?;
    }
    leave_out(&args.except, &mut rows);
    let counts: Vec<&Value> = rows.iter().filter(|row| !row["units"].is_null()).collect();
    let booked = if args.yes {
        Some(book(args, &counts, session).await?)
    } else {
        None
    };
    if session.common.json {
        let told = json!({ "rows": rows, "booked_rows": booked });
        session.console.json(&told)?;
    } else {
        session.console.print(&text(args, &rows, booked))?;
    }
    Ok(Exit::Ok)
}

/// What one of these listings shows is not proposed.
fn leave_out(except: &[String], rows: &mut [Value]) {
    for row in rows {
        let mut listings = elements(&row["listings"]).iter();
        if listings.any(|listing| except.iter().any(|named| listing == named.as_str())) {
            row["units"] = Value::Null;
            row["why_not"] = json!("left out by --except");
        }
    }
}

/// Books counts, and waits until what channels did before they were read is known.
async fn book(
    args: &Args,
    counts: &[&Value],
    session: &mut Session<'_, '_>,
) -> Result<usize, Failure> {
    let clock = session.console.clock.clone();
    let until = clock
        .uptime()
        .saturating_add(Duration::from_secs(args.wait));
    let bar = session.console.bar("counts", to_u64(counts.len()));
    let (mut booked, mut is_told) = (0, false);
    for chunk in counts.chunks(CHUNK_ROWS_MAX) {
        let keys = ["sku", "location", "units", "as_of"];
        let rows = chunk.iter().map(|row| {
            let cells = keys.map(|key| (key.to_owned(), row[key].clone()));
            Value::Object(cells.into_iter().collect())
        });
        let id = session.id(None);
        let order = json!({ "kind": "count_as_of", "id": id, "rows": rows.collect::<Vec<_>>() });
        loop {
            let Err(failure) = session.order(&order).await else {
                break;
            };
            if failure.exit() != Exit::TryAgain || clock.uptime() >= until {
                return Err(halfway(failure, booked, counts.len()));
            }
            if !std::mem::replace(&mut is_told, true) {
                let secs = args.wait;
                session.console.tell(format_args!(
                    "waiting, {secs} s at most, until orders up to the reading are known\n"
                ));
            }
            for channel in session.channels(None)? {
                let path = session.path(&["channels", &channel, "poll"])?;
                session.client().post(&path, &json!({})).await?;
            }
            clock.sleep(PAUSE).await;
        }
        booked += chunk.len();
        bar.inc(to_u64(chunk.len()));
    }
    bar.finish_and_clear();
    Ok(booked)
}

fn halfway(failure: Failure, booked: usize, all: usize) -> Failure {
    let Failure::Told { exit, error, .. } = failure else {
        return failure;
    };
    let error = format!("{error} ({booked} of {all} counts were booked)");
    let help = "the same command again reads what is left, and books it";
    Failure::new(exit, error, help)
}

fn text(args: &Args, rows: &[Value], booked: Option<usize>) -> String {
    if rows.is_empty() {
        return "nothing to adopt: all that the channel shows was counted".to_owned();
    }
    let line = |row: &Value| {
        let listings: Vec<String> = elements(&row["listings"]).iter().map(cell).collect();
        vec![
            cell(&row["sku"]),
            listings.join(", "),
            cell(&row["location"]),
            cell(&row["shown"]),
            cell(&row["open"]),
            cell(&row["units"]),
            row["why_not"]
                .as_str()
                .map(ToOwned::to_owned)
                .unwrap_or_default(),
        ]
    };
    let proposed = rows.iter().filter(|row| !row["units"].is_null()).count();
    let counts = |number: usize| count(to_u64(number), "count", "counts");
    let last = match booked {
        Some(booked) => format!("{} booked", counts(booked)),
        None if proposed == 0 => "nothing was booked, and nothing can be".to_owned(),
        None => {
            let at = args.location.iter().map(|at| format!(" --location {at}"));
            let except = args.except.iter().map(|id| format!(" --except {id}"));
            format!(
                "nothing was booked: {} can be; `channelsync adopt {}{} --yes` reads again and books",
                counts(proposed),
                args.channel,
                at.chain(except).collect::<String>()
            )
        }
    };
    format!(
        "{}\n{last}",
        table(&COLUMNS, rows.iter().map(line).collect())
    )
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

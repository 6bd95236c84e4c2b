//! PostgreSQL at comparable work: one transaction an order, durable before it is answered.
//!
//! Each order: dedupe, three stock rows, a document of about 1.2 kB, a journal row, and marks for the
//! channels to be told. Either one call of a server-side function, or one round trip a statement. A
//! server of our own is started on a unix socket in a temporary directory, with 2 GB of buffers and
//! every commit synced.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use channelsync::ports::SeededRng;
use channelsync_contract::Rng as _;
use tokio::runtime::Runtime;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Statement};

use crate::sheet::{full_size, per_second};

/// Orders in a second, at the best number of connections.
pub(crate) struct Found {
    /// One call each.
    pub(crate) one_call: f64,
    /// Naive round trips.
    pub(crate) round_trips: f64,
}

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

const SCHEMA: &str = "
CREATE TABLE stock(sku int primary key, on_hand bigint not null, committed bigint not null default 0,
  version bigint not null default 0, shown int[] not null default '{0,0,0,0}') WITH (fillfactor=80);
CREATE TABLE known(channel smallint, id bigint, primary key(channel, id));
CREATE TABLE orders(channel smallint, id bigint, document jsonb, primary key(channel, id));
CREATE TABLE journal(seq bigserial primary key, channel smallint, id bigint, body text);
CREATE TABLE dirty(channel smallint, sku int, seq bigint, primary key(channel, sku))
  WITH (fillfactor=80);
CREATE FUNCTION reserve(in_channel smallint, in_id bigint, in_skus int[], in_units int[],
  in_document jsonb, in_body text) RETURNS bigint AS $$
DECLARE booked bigint;
BEGIN
  INSERT INTO known VALUES (in_channel, in_id) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE stock SET committed = committed + line.units, version = version + 1,
    shown = array_fill((on_hand - committed - line.units)::int, ARRAY[4])
    FROM unnest(in_skus, in_units) AS line(sku, units) WHERE stock.sku = line.sku;
  INSERT INTO orders VALUES (in_channel, in_id, in_document);
  INSERT INTO journal(channel, id, body) VALUES (in_channel, in_id, in_body)
    RETURNING seq INTO booked;
  INSERT INTO dirty SELECT mark, sku, booked FROM unnest(in_skus) AS sku, generate_series(0, 3) AS mark
    ORDER BY sku, mark ON CONFLICT (channel, sku) DO UPDATE SET seq = excluded.seq;
  RETURN booked;
END $$ LANGUAGE plpgsql;";

/// Starts a server, measures both ways at 16 and 64 connections, and stops it.
pub(crate) fn measure(runtime: &Runtime, skus: u32) -> Result<Found, String> {
    let server = Server::start().map_err(|error| error.to_string())?;
    let measured = runtime.block_on(async {
        let client = connect(&server.socket).await?;
        client.batch_execute(SCHEMA).await?;
        let fill = format!(
            "INSERT INTO stock SELECT sku, 1000000 FROM generate_series(0, {}) AS sku;",
            skus.saturating_sub(1)
        );
        client.batch_execute(&fill).await?;
        client.batch_execute("VACUUM ANALYZE stock").await?;
        client.batch_execute("CHECKPOINT").await?;
        let (mut one_call, mut round_trips) = (0.0_f64, 0.0_f64);
        let mut first = 0;
        for connections in [16, 64] {
            for whole in [true, false] {
                first += 1_000_000_000;
                let rate = orders(&server.socket, (connections, whole), skus, first).await?;
                let best = if whole {
                    &mut one_call
                } else {
                    &mut round_trips
                };
                *best = best.max(rate);
            }
        }
        Answer::Ok(Found {
            one_call,
            round_trips,
        })
    });
    measured.map_err(|error| error.to_string())
}

struct Server {
    socket: PathBuf,
    user: Option<u32>,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start() -> Answer<Self> {
        if !["initdb", "pg_ctl"].iter().all(|name| is_installed(name)) {
            return Err("initdb or pg_ctl is not installed".into());
        }
        // The server refuses to run as root, and a socket's path must be short.
        let dir = tempfile::Builder::new()
            .prefix("pg")
            .tempdir_in("/var/tmp")?;
        let user = user()?;
        if let Some(user) = user {
            chown(dir.path(), Some(user), None)?;
        }
        let server = Self {
            socket: dir.path().to_owned(),
            user,
            _dir: dir,
        };
        let data = server.socket.join("data");
        let data = data.to_str().ok_or("the path is text")?;
        server.run("initdb", &["-D", data, "-U", "bench", "-A", "trust", "-N"])?;
        let options = format!(
            "-k {} -c listen_addresses= -c shared_buffers=2GB -c max_connections=100 \
             -c max_wal_size=8GB -c synchronous_commit=on",
            server.socket.display()
        );
        let log = format!("{data}/log");
        server.run(
            "pg_ctl",
            &["-D", data, "-w", "-l", &log, "-o", &options, "start"],
        )?;
        Ok(server)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Answer<()> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.socket);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user);
        }
        if command.status()?.success() {
            Ok(())
        } else {
            Err(format!("{program} failed").into())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.socket.join("data");
        let data = data.to_str().unwrap_or_default();
        if self
            .run("pg_ctl", &["-D", data, "-m", "immediate", "stop"])
            .is_err()
        {
            println!("journal    the PostgreSQL server in {data} was not running any more");
        }
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The user that the server runs as; none to stay who we are.
fn user() -> Answer<Option<u32>> {
    use std::os::unix::fs::MetadataExt as _;
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let number = |name: &str| {
        let row = users
            .lines()
            .find(|row| row.split(':').next() == Some(name));
        row?.split(':').nth(2)?.parse().ok()
    };
    let found: Option<u32> = number("postgres").or_else(|| number("nobody"));
    found
        .map(Some)
        .ok_or_else(|| "there is no user to run it as".into())
}

async fn connect(socket: &Path) -> Answer<Client> {
    let socket = socket.to_str().ok_or("the path is text")?;
    let mut config = tokio_postgres::Config::new();
    config.host(socket).user("bench").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Orders in a second for a few seconds.
async fn orders(
    socket: &Path,
    (connections, whole): (u16, bool),
    skus: u32,
    first: i64,
) -> Answer<f64> {
    let seconds = if full_size() { 5 } else { 1 };
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Buyer::new(connect(socket).await?).await?);
    }
    let began = Instant::now();
    let end = began + Duration::from_secs(seconds);
    let dice = Arc::new(SeededRng::new(3));
    let buyers = clients.into_iter().zip(0_i64..).map(|(mut buyer, number)| {
        let dice = dice.clone();
        tokio::spawn(async move {
            let (mut count, mut id) = (0_u64, first + number);
            while Instant::now() < end {
                id += i64::from(connections);
                let order = Order::new(id, skus, &dice);
                let done = if whole {
                    buyer.one_call(&order).await
                } else {
                    buyer.round_trips(&order).await
                };
                done.expect("an order");
                count += 1;
            }
            count
        })
    });
    let mut count = 0;
    for buyer in buyers.collect::<Vec<_>>() {
        count += buyer.await?;
    }
    Ok(per_second(count, began.elapsed()))
}

struct Order {
    channel: i16,
    id: i64,
    skus: Vec<i32>,
    units: Vec<i32>,
    document: String,
    body: String,
}

impl Order {
    fn new(id: i64, skus: u32, dice: &SeededRng) -> Self {
        let below = |bound: u32| i32::try_from(dice.below(u64::from(bound))).unwrap_or_default();
        // Sorted, so that two orders never wait for each other.
        let lines: std::collections::BTreeMap<i32, i32> =
            (0..3).map(|_| (below(skus), 1 + below(3))).collect();
        let (skus, units) = lines.into_iter().unzip();
        let filler = "9f86d081884c7d65".repeat(64);
        Self {
            channel: i16::try_from(id % 4).unwrap_or_default(),
            id,
            skus,
            units,
            document: format!("{{\"order\":{id},\"currency\":\"USD\",\"document\":\"{filler}\"}}"),
            body: "journal ".repeat(36),
        }
    }
}

struct Buyer {
    client: Client,
    reserve: Statement,
    known: Statement,
    read: Statement,
    commit: Statement,
    order: Statement,
    journal: Statement,
    dirty: Statement,
}

impl Buyer {
    async fn new(client: Client) -> Answer<Self> {
        let (text, row) = (Type::TEXT, [Type::INT2, Type::INT8, Type::TEXT]);
        let many = Type::INT4_ARRAY;
        let all = [
            Type::INT2,
            Type::INT8,
            many.clone(),
            many.clone(),
            text.clone(),
            text,
        ];
        let reserve = "SELECT reserve($1, $2, $3, $4, $5::text::jsonb, $6)";
        let dirty = "INSERT INTO dirty SELECT mark, sku, $2 FROM unnest($1) AS sku,
            generate_series(0, 3) AS mark ORDER BY sku, mark
            ON CONFLICT (channel, sku) DO UPDATE SET seq = excluded.seq";
        let commit = "UPDATE stock SET committed = $2, version = version + 1, shown = $3
            WHERE sku = $1";
        let order = "INSERT INTO orders VALUES ($1, $2, $3::text::jsonb)";
        let journal = "INSERT INTO journal(channel, id, body) VALUES ($1, $2, $3) RETURNING seq";
        let known = "INSERT INTO known VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let read = "SELECT on_hand, committed FROM stock WHERE sku = $1 FOR UPDATE";
        Ok(Self {
            reserve: client.prepare_typed(reserve, &all).await?,
            known: client.prepare(known).await?,
            read: client.prepare(read).await?,
            commit: client.prepare(commit).await?,
            order: client.prepare_typed(order, &row).await?,
            journal: client.prepare(journal).await?,
            dirty: client.prepare_typed(dirty, &[many, Type::INT8]).await?,
            client,
        })
    }

    async fn one_call(&mut self, order: &Order) -> Result<(), tokio_postgres::Error> {
        let Order {
            channel,
            id,
            skus,
            units,
            document,
            body,
        } = order;
        self.client
            .query_one(&self.reserve, &[channel, id, skus, units, document, body])
            .await
            .map(drop)
    }

    async fn round_trips(&mut self, order: &Order) -> Result<(), tokio_postgres::Error> {
        let (channel, id) = (&order.channel, &order.id);
        let work = self.client.transaction().await?;
        work.execute(&self.known, &[channel, id]).await?;
        for (sku, units) in order.skus.iter().zip(&order.units) {
            let stock = work.query_one(&self.read, &[sku]).await?;
            let (on_hand, committed): (i64, i64) = (stock.get(0), stock.get(1));
            let committed = committed + i64::from(*units);
            let left = i32::try_from(on_hand - committed).unwrap_or_default();
            work.execute(&self.commit, &[sku, &committed, &vec![left; 4]])
                .await?;
        }
        work.execute(&self.order, &[channel, id, &order.document])
            .await?;
        let seq = work
            .query_one(&self.journal, &[channel, id, &order.body])
            .await?;
        let seq: i64 = seq.get(0);
        work.execute(&self.dirty, &[&order.skus, &seq]).await?;
        work.commit().await
    }
}

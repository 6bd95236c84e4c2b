//! One command at work: the configuration, the merchant meant, the way to the daemon.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Common;
use super::client::{Client, path};
use super::console::Console;
use super::failure::Failure;
use super::table::{Column, cell, elements, table};
use crate::daemon;
use crate::settings::{Config, Merchant};
use crate::store::sealed::Vault;

/// New SKUs that are named; the others are counted.
const NEW_TOLD_MAX: usize = 20;

/// What a command works with.
pub(super) struct Session<'c, 'o> {
    pub(super) config: Config,
    pub(super) common: Common,
    pub(super) console: &'c mut Console<'o>,
}

/// How the rows of a list look.
pub(super) struct List {
    pub(super) columns: &'static [Column],
    /// The lines of a row.
    pub(super) lines: fn(&Value) -> Vec<Vec<String>>,
    /// What is said of no rows.
    pub(super) nothing: &'static str,
}

impl Session<'_, '_> {
    /// The merchant that is meant.
    pub(super) fn merchant(&self) -> Result<&Merchant, Failure> {
        let known = &self.config.merchants;
        let names = || {
            let names = known.iter().map(|merchant| merchant.id.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        match (&self.common.merchant, known.as_slice()) {
            (Some(id), _) => known
                .iter()
                .find(|merchant| merchant.id.as_str() == id)
                .ok_or_else(|| {
                    let error = format!("unknown merchant {id}");
                    Failure::usage(error, format!("the configuration has: {}", names()))
                }),
            (None, [only]) => Ok(only),
            (None, _) => Err(Failure::usage(
                "there are several merchants",
                format!("say which with --merchant: {}", names()),
            )),
        }
    }

    /// The merchants that are meant: all, unless one was named.
    pub(super) fn merchants(&self) -> Result<Vec<&Merchant>, Failure> {
        match self.common.merchant {
            Some(_) => self.merchant().map(|merchant| vec![merchant]),
            None => Ok(self.config.merchants.iter().collect()),
        }
    }

    /// The channels of the merchant that are meant: all, unless one is named.
    pub(super) fn channels(&self, named: Option<&str>) -> Result<Vec<String>, Failure> {
        let known = self.merchant()?.channels.iter();
        self.chosen(known.map(|channel| channel.id.to_string()).collect(), named)
    }

    /// The same of the merchant's book: also those that left the files, with orders as they stand.
    pub(super) async fn booked_channels(
        &self,
        named: Option<&str>,
    ) -> Result<Vec<String>, Failure> {
        let names = self.client().get(&self.path(&["names"])?).await?;
        let known = elements(&names["channels"]).iter();
        let mut known: Vec<String> = known.map(|known| cell(&known["channel"])).collect();
        known.sort();
        self.chosen(known, named)
    }

    fn chosen(&self, known: Vec<String>, named: Option<&str>) -> Result<Vec<String>, Failure> {
        let Some(named) = named else {
            return Ok(known);
        };
        if known.iter().any(|channel| channel == named) {
            return Ok(vec![named.to_owned()]);
        }
        let error = format!("merchant {} has no channel {named}", self.merchant()?.id);
        Err(Failure::usage(
            error,
            format!("it has: {}", known.join(", ")),
        ))
    }

    /// The merchant's directory of journal, snapshots and parked bytes.
    pub(super) fn merchant_dir(&self) -> Result<PathBuf, Failure> {
        let id = &self.merchant()?.id;
        Ok(self.config.state_dir.join(id.as_str()))
    }

    /// What seals and opens for the merchant.
    pub(super) fn vault(&self) -> Result<Vault, Failure> {
        let key = daemon::load_key(&self.config)?;
        let (key, rng) = (Arc::new(key), self.console.rng.clone());
        Ok(daemon::vault(self.merchant()?.id.as_str(), key, rng))
    }

    /// The way to the daemon.
    pub(super) fn client(&self) -> Client {
        Client::new(&self.config.listen.admin_socket, self.console.clock.clone())
    }

    /// A path of the merchant.
    pub(super) fn path(&self, names: &[&str]) -> Result<String, Failure> {
        let mut all = vec![self.merchant()?.id.as_str()];
        all.extend(names);
        Ok(path(&all))
    }

    /// The id given, or a fresh one under which a command happens once.
    pub(super) fn id(&self, given: Option<String>) -> String {
        given.unwrap_or_else(|| self.console.rng.uuid().to_string())
    }

    /// Has the daemon book a command.
    pub(super) async fn order(&self, command: &Value) -> Result<Value, Failure> {
        let path = self.path(&["commands"])?;
        self.client().post(&path, command).await
    }

    /// Has a command booked that is the same however often it is said, and tells what became of it.
    pub(super) async fn order_and_tell(&mut self, command: &Value) -> Result<(), Failure> {
        let answer = self.order(command).await?;
        self.tell_booked(&answer)
    }

    /// Tells what became of a command that is the same however often it is said.
    pub(super) fn tell_booked(&mut self, answer: &Value) -> Result<(), Failure> {
        if self.common.json {
            return self.console.json(answer);
        }
        self.console.print(&match answer["entry"].as_u64() {
            Some(entry) => format!("booked as entry {entry}"),
            None => "nothing changed: it is so already".to_owned(),
        })?;
        self.tell_new(elements(&answer["new_skus"]))
    }

    /// Has a command booked that happens once per id, and tells what became of it.
    pub(super) async fn order_once(&mut self, command: &Value, id: &str) -> Result<(), Failure> {
        let answer = self.order(command).await;
        let answer = answer.map_err(|failure| failure.repeatable(id))?;
        let entry = answer["entry"].as_u64();
        if self.common.json {
            let told = json!({ "entry": entry, "id": id, "new_skus": answer["new_skus"] });
            return self.console.json(&told);
        }
        self.console.print(&match entry {
            Some(entry) => format!("booked as entry {entry}"),
            None => format!("nothing changed: {id} was booked before"),
        })?;
        self.tell_new(elements(&answer["new_skus"]))
    }

    /// Names SKUs that nobody named before: one of them may be a slip of the pen.
    pub(super) fn tell_new(&mut self, skus: &[Value]) -> Result<(), Failure> {
        if skus.is_empty() {
            return Ok(());
        }
        let name = |new: &Value| match new["near"].as_str() {
            Some(near) => format!("{} (did you mean {near}?)", cell(&new["sku"])),
            None => cell(&new["sku"]),
        };
        let told = skus.iter().take(NEW_TOLD_MAX).map(name);
        let told = told.collect::<Vec<_>>().join(", ");
        let more = match skus.len().saturating_sub(NEW_TOLD_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        self.console
            .print(&format!("SKUs named for the first time: {told}{more}"))?;
        if skus.iter().all(|new| new["near"].is_null()) {
            return Ok(());
        }
        self.console
            .print("  do: where it was a slip, channelsync stock rename NEW MEANT --merge")
    }

    /// Shows all rows of lists, one after the other.
    pub(super) async fn list(&mut self, paths: &[String], list: &List) -> Result<(), Failure> {
        if self.common.json {
            return self.list_json(paths).await;
        }
        let client = self.client();
        let mut lines = Vec::new();
        for path in paths {
            let each = |rows: Vec<Value>| {
                lines.extend(rows.iter().flat_map(|row| (list.lines)(row)));
                Ok(())
            };
            client.pages(path, each).await?;
        }
        if lines.is_empty() {
            return self.console.print(list.nothing);
        }
        self.console.print(&table(list.columns, lines))
    }

    /// Rows as they come, so that a long list needs no memory.
    async fn list_json(&mut self, paths: &[String]) -> Result<(), Failure> {
        let client = self.client();
        let mut between = "[";
        for path in paths {
            let each = |rows: Vec<Value>| {
                for row in rows {
                    self.console.bytes(between.as_bytes())?;
                    self.console.bytes(row.to_string().as_bytes())?;
                    between = ",\n";
                }
                Ok(())
            };
            client.pages(path, each).await?;
        }
        self.console.print(if between == "[" { "[]" } else { "]" })
    }
}

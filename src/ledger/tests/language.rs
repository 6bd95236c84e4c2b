//! The language of the scripts: one command a line, a minute apart.
//!
//! ```text
//! channel us main=L1 east=L2 [priority=1] [from=SECS] [silent] [net] [manual] [master=main]   without it: channel us main=L1
//! receive MUG 10 [at=main]      count MUG 8      adjust MUG -3      import [counts] MUG 3 CUP 4
//! hold MUG 2   unhold MUG 1   write-off MUG 1   send MUG 3 to=east   arrive MUG 2 at=east   miss MUG 1 at=east
//! list us MUG [sku=TEXT] [barcode=GTIN]   gtin MUG GTIN   ungtin MUG GTIN
//! map KIT MUG=1 CUP=2           map KIT (by itself again)         reapply [KIT]
//! countat MUG 8 since=SECS      as of so many seconds after the start        polled us
//! freeze MUG                                    nothing of it is for sale
//! retire us [keep|release]   revive us   forget us               a channel ends, goes on, is gone from the file
//! rename OLD NEW [merge]        buy P1 MUG 10   came P1 [MUG 4]   drop-po P1    purchase orders
//! order A1 MUG 3 MUG#2 1 [place=L1] [on=us] [test] [quiet]        a buyer orders
//! edit A1 MUG 5   cancel A1 [MUG 2]   drop A1 MUG   route A1 MUG L1:2 L2
//! withhold A1 [MUG 2]   free A1 [MUG 2]         cancelled without and with a word of restock
//! lose A1 MUG 2                                shipped, refunded, and not coming back
//! fulfill A1 [MUG 2] [place=L2] [as=F1]   undo A1 [MUG 2] [as=F1]
//! return A1 MUG 1 [place=L2] [as=inspect|lost]
//! tell A1 [without=routes,lines]   save A1 old   deliver old   page old A1   hint A1   absent A1
//! ship A1 [MUG 2] [from=east] [track=T]                         we send a parcel
//! take-back A1 [MUG 2] [as=hold|write-off] [at=east]            we receive what came back
//! parcel A1 1 sending   parcel A1 1 done=F1   (doubt, changed, refused, unsent, again, take-back, track=T)
//! keep A1 why=fraud   let A1   parcels                          a person's hold; print our parcels
//! let-go SECS   dismiss A1            orders untouched for so long leave; an old one was dealt with
//! seen FROM TO                        a person looked at the exceptions of these entries
//! push c1 MUG 7 [expect=5] [place=L1]   pushed c1 applied   doubt   shown MUG 7 [began=-60] [complete=-60]
//! reread MUG   release MUG   wait SECS
//! book   slots                                                  print what is so now
//! ```
//! What changes at the channel is told at once as a fetch; `by=webhook` tells it as a webhook, which
//! knows no routes; `quiet` tells nothing. Times are seconds from now, `from` seconds from the start.

use std::collections::BTreeMap;

use super::super::decide::Draft;
use super::super::entry::Fact;
use super::super::refusal::Refusal;
use super::world::World;
use super::{at_channel, at_desk, at_parcels, at_slots, print};

/// The words of a line: plain ones, and `key=value`.
pub(super) struct Words<'a> {
    pub(super) plain: Vec<&'a str>,
    pub(super) options: BTreeMap<&'a str, &'a str>,
    /// The options in the order they stand.
    pub(super) pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn parse(line: &'a str) -> Self {
        let (mut plain, mut pairs) = (Vec::new(), Vec::new());
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some(pair) => pairs.push(pair),
                None => plain.push(word),
            }
        }
        let options = pairs.iter().copied().collect();
        Self {
            plain,
            options,
            pairs,
        }
    }

    /// The plain word at a place.
    pub(super) fn word(&self, place: usize) -> &'a str {
        self.plain
            .get(place)
            .copied()
            .unwrap_or_else(|| panic!("a word is missing: {:?}", self.plain))
    }

    pub(super) fn number<T: std::str::FromStr>(&self, place: usize) -> T {
        number(self.word(place))
    }

    pub(super) fn option(&self, key: &str) -> Option<&'a str> {
        self.options.get(key).copied()
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.plain.contains(&word)
    }

    /// Plain words from a place on, two by two: a name and a number.
    pub(super) fn units(&self, from: usize) -> Vec<(&'a str, u32)> {
        let words = self.plain.get(from..).unwrap_or_default();
        let words = words.split(|word| matches!(*word, "test" | "quiet" | "counts"));
        let words: Vec<&str> = words.flatten().copied().collect();
        words
            .chunks(2)
            .map(|pair| (pair[0], number(pair[1])))
            .collect()
    }
}

pub(super) fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

/// Runs a script and prints what went otherwise than told, then the book.
pub(super) fn replay(script: &str) -> String {
    let world = run(script);
    let mut out = world.out.clone();
    out.extend(print::ledger(&world.ledger));
    out.join("\n")
}

/// Runs a script.
pub(super) fn run(script: &str) -> World {
    let mut world = World::new();
    let lines = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let mut lines = lines.peekable();
    if lines
        .peek()
        .is_some_and(|line| !line.starts_with("channel"))
    {
        command(&mut world, &Words::parse("channel us main=L1")).unwrap();
    }
    for (number, line) in (1..).zip(lines) {
        world.step();
        obey(&mut world, number, line);
    }
    world.finish();
    world
}

/// Carries out one line and notes what is to be told of it.
pub(super) fn obey(world: &mut World, number: usize, line: &str) {
    world.cause = format!("line {number}");
    match command(world, &Words::parse(line)) {
        Err(refusal) => world.out.push(format!("line {number} refused: {refusal}")),
        Ok(None) => {}
        Ok(Some(draft)) => {
            if draft.is_empty() {
                world.out.push(format!("line {number} books nothing"));
            }
            for fact in &draft.facts {
                if let Fact::Exception(exception) = fact {
                    let text = print::exception(exception);
                    world.out.push(format!("line {number} notes: {text}"));
                }
            }
        }
    }
}

/// What a line books; none where it only changes the channel or the clock.
pub(super) type Told = Result<Option<Draft>, Refusal>;

fn command(world: &mut World, words: &Words<'_>) -> Told {
    match words.word(0) {
        "channel" | "list" | "map" | "reapply" | "gtin" | "ungtin" | "rename" | "buy" | "came"
        | "drop-po" | "receive" | "count" | "countat" | "polled" | "adjust" | "import" | "ship"
        | "take-back" | "retire" | "revive" | "forget" | "hold" | "unhold" | "write-off"
        | "send" | "arrive" | "miss" | "let-go" | "dismiss" | "seen" | "freeze" => {
            at_desk::command(world, words)
        }
        "push" | "pushed" | "doubt" | "shown" | "reread" | "release" => {
            at_slots::command(world, words)
        }
        "parcel" | "keep" | "let" => at_parcels::command(world, words),
        "parcels" => {
            let lines = at_parcels::print(world);
            world
                .out
                .extend(lines.iter().map(|line| format!("    {line}")));
            Ok(None)
        }
        "wait" => {
            let by = std::time::Duration::from_secs(words.number(1));
            world.now = world.now.plus(by);
            Ok(None)
        }
        "slots" => {
            let lines = world.ledger.channels.iter().flat_map(print::slots);
            world.out.extend(lines.map(|line| format!("    {line}")));
            Ok(None)
        }
        "book" => {
            let mut lines = print::stock(&world.ledger);
            lines.extend(print::orders(&world.ledger));
            world
                .out
                .extend(lines.iter().map(|line| format!("    {line}")));
            Ok(None)
        }
        _ => at_channel::command(world, words),
    }
}
